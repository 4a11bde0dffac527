"""3D consistency: points followed through the pictures of a moving camera are points in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.eval.checks.measure import INF, NAN, Measure

from .gaps import inside_m

if TYPE_CHECKING:
    from worldsim.episode import Episode
    from worldsim.eval.evidence import Evidence
    from worldsim.eval.reading.reading import Reading

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

EVERY = 4
LONGEST = 12
SHORTEST = 4
"""Points are taken anew every so many frames, and followed for so many at most and at least."""
MOST_POINTS = 80
WINDOW_PX = 9
BACK_PX = 0.5
LEAST_ANGLE_RAD = 0.06
"""Between the first and the last ray to a point; under it no depth is told."""
MOVED_M = 0.01
ERROR_PX = 0.1
ERROR_M = 0.01
"""What medians over the points of a clip err by, through blur and a codec."""
SIGMAS = 3.0
FEWEST = 5


@dataclass(frozen=True)
class _Points:
    """Points found in one clip: (K,) errors of their images and distances to what is there."""

    error_px: Float
    off_m: Float


def consistency(evidence: Evidence) -> tuple[Measure, ...]:
    """Whether the pictures of a moving camera are of one scene in 3D.

    Corners of the frames are followed by optic flow (pyramids of Lucas and Kanade, forth and
    back) and placed in space by the known cameras. Values are the medians of how far their images
    are from where the cameras would see those places, and of how far these are from the true
    surfaces. Alarms are these less those of the reference's frames, over three deviations. Bodies
    that move in the reference are left out. NaN where the camera rests.
    """
    names = (("reprojection error", "px"), ("off the surfaces", "m"))
    if evidence.truth.world_from_camera is None or not evidence.pictured:
        return tuple(Measure(name, NAN, unit, NAN, NAN) for name, unit in names)
    true = _points(evidence, evidence.reference, evidence.floor)
    if len(true.error_px) < FEWEST:
        return tuple(Measure(name, NAN, unit, NAN, NAN) for name, unit in names)
    made = _points(evidence, evidence.generated, evidence.reading)
    measurable = min(1.0, len(made.error_px) / len(true.error_px))
    if len(made.error_px) < FEWEST:
        return tuple(Measure(name, NAN, unit, INF, measurable) for name, unit in names)
    pairs = ((made.error_px, true.error_px, ERROR_PX), (made.off_m, true.off_m, ERROR_M))
    return tuple(
        Measure(
            name,
            float(np.median(found)),
            unit,
            max(0.0, float(np.median(found) - np.median(floor))) / (SIGMAS * error),
            measurable,
        )
        for (name, unit), (found, floor, error) in zip(names, pairs, strict=True)
    )


def _points(evidence: Evidence, episode: Episode, reading: Reading) -> _Points:
    grey = [np.asarray(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), np.uint8) for f in episode.frames]
    errors, offs = [np.zeros(0)], [np.zeros(0)]
    for start in range(0, len(grey) - SHORTEST + 1, EVERY):
        still = _resting_px(evidence, reading, start)
        tracks, lengths = _followed(grey[start : start + LONGEST], still)
        for length in np.unique(lengths[lengths >= SHORTEST]):
            rows = lengths == length
            views = evidence.truth.views[start : start + length]
            places, error_px, told = _placed(evidence, views, tracks[rows, :length])
            errors.append(error_px[told])
            offs.append(_off_surfaces_m(evidence, reading, places[told], start))
    return _Points(np.concatenate(errors), np.concatenate(offs))


def _resting_px(evidence: Evidence, reading: Reading, t: int) -> NDArray[np.uint8]:
    """Pixels (H, W) of a frame that show nothing that moves in the reference, 255."""
    movers = []
    for column, index in enumerate(evidence.truth.indices):
        way = evidence.truth.position_m[:, column]
        if np.linalg.norm(np.nanmax(way, axis=0) - np.nanmin(way, axis=0)) > MOVED_M:
            movers.append(index + 1)
    hidden = np.isin(reading.segmentation[t], movers).astype(np.uint8)
    grown = cv2.dilate(hidden, np.ones((5, 5), np.uint8))
    return np.where(grown > 0, 0, 255).astype(np.uint8)


def _followed(
    grey: list[NDArray[np.uint8]], allowed: NDArray[np.uint8]
) -> tuple[Float, NDArray[np.int64]]:
    """Corners of the first frame in all: (K, F, 2) px, and in how many frames each is seen."""
    found = cast(
        "NDArray[np.float32] | None",
        cv2.goodFeaturesToTrack(grey[0], MOST_POINTS, 0.02, 4, mask=allowed),
    )
    corners = np.zeros((0, 1, 2), np.float32) if found is None else found
    if not len(corners):
        return np.zeros((0, len(grey), 2)), np.zeros(0, np.int64)
    tracks = np.zeros((len(corners), len(grey), 2))
    tracks[:, 0] = corners[:, 0]
    lengths = np.ones(len(corners), np.int64)
    height, width = grey[0].shape
    now = corners
    for t in range(1, len(grey)):
        ahead, seen = _flow(grey[t - 1], grey[t], now)
        back, again = _flow(grey[t], grey[t - 1], ahead)
        near = np.linalg.norm((back - now)[:, 0], axis=1) < BACK_PX
        inside = ((ahead[:, 0] >= 1.0) & (ahead[:, 0] <= (width - 2, height - 2))).all(1)
        good = seen & again & near & inside & (lengths == t)
        lengths[good] += 1
        tracks[:, t] = ahead[:, 0]
        now = ahead
    return tracks, lengths


def _flow(
    before: NDArray[np.uint8], after: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Bool]:
    """Where points (K, 1, 2) of one frame are in another one, and which were found, (K,)."""
    guess = np.zeros_like(points)
    ahead, seen, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, guess, winSize=(WINDOW_PX, WINDOW_PX), maxLevel=2
    )
    return np.asarray(ahead, np.float32), np.asarray(seen)[:, 0] > 0


def _placed(evidence: Evidence, views: Float, tracks: Float) -> tuple[Float, Float, Bool]:
    """Places (K, 3) of points from tracks (K, F, 2), the errors of their images, and which count.

    The place nearest to all rays, then twice improved by Gauss and Newton.
    """
    camera = evidence.scene.camera
    # OpenCV's pixels have their centres at whole numbers, ours at halves.
    image = (tracks + 0.5 - 0.5 * np.array([camera.width_px, camera.height_px])) / camera.focal_px
    local = np.concatenate([image, np.ones((*image.shape[:2], 1))], -1)
    rays = np.einsum("fij,kfj->kfi", views[:, :3, :3], local)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    across = np.eye(3) - rays[..., :, None] * rays[..., None, :]
    whole = across.sum(1) + 1e-9 * np.eye(3)
    aims = np.einsum("kfij,fj->ki", across, views[:, :3, 3])
    places = np.linalg.solve(whole, aims[..., None])[..., 0]
    for _ in range(2):
        residual, slope = _residual(views, image, places)
        normal = np.einsum("kfai,kfaj->kij", slope, slope)
        # A point at a camera's height of eye has slopes without bound along one line.
        normal += 1e-9 * (1.0 + np.trace(normal, axis1=1, axis2=2))[:, None, None] * np.eye(3)
        gradient = np.einsum("kfai,kfa->ki", slope, residual)
        places = places + np.linalg.solve(normal, gradient[..., None])[..., 0]
    residual, _ = _residual(views, image, places)
    error_px = camera.focal_px * np.sqrt((residual**2).sum(-1).mean(-1))
    towards = views[[0, -1], :3, 3] - places[:, None]
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    angle = np.arccos(np.clip((towards[:, 0] * towards[:, 1]).sum(-1), -1.0, 1.0))
    return places, error_px, (angle > LEAST_ANGLE_RAD) & np.isfinite(error_px)


def _residual(views: Float, image: Float, places: Float) -> tuple[Float, Float]:
    """Images less where places would be seen, (K, F, 2), and how these change, (K, F, 2, 3)."""
    local = np.einsum("fij,kfi->kfj", views[:, :3, :3], places[:, None] - views[:, :3, 3])
    depth = np.where(np.abs(local[..., 2:]) < 1e-6, 1e-6, local[..., 2:])
    seen = local[..., :2] / depth
    turned = np.swapaxes(views[:, :3, :3], 1, 2)
    slope = turned[None, :, :2] - seen[..., None] * turned[None, :, 2:]
    return image - seen, slope / depth[..., None]


def _off_surfaces_m(evidence: Evidence, reading: Reading, places: Float, t: int) -> Float:
    """Distances (K,) to the nearest surface of what rests, or of a body where it is read."""
    nearest = np.full(len(places), np.inf)
    for index, body in enumerate(evidence.scene.bodies):
        place, turn = reading.position_m[t, index], reading.orientation_xyzw[t, index]
        if body.role == "camera" or np.isnan(place).any():
            continue
        known = body.orientation_xyzw if np.isnan(turn).any() else turn
        local = Rotation.from_quat(known).inv().apply(places - place)
        nearest = np.minimum(nearest, np.abs(inside_m(body, local)))
    return nearest
