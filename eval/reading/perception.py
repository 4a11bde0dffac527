"""Where the bodies of a scene are, read off frames and depth alone: no memory, no tracking."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from worldsim.errors import InputError
from worldsim.sim.scene import Body, Scene

from .fit import Fit, fit_body
from .outline import background
from .palette import Palette
from .reading import Reading

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Labels = NDArray[np.int16]

FOUND_SHARE = 0.3
"""Least share of the pixels a body should show that must show it."""
SLIVER_SHARE = 0.1
"""Least share of a body's outline that must show it, whatever stands in front."""
SMALLEST_PX = 4
INSIDE_SHARE = 0.6
"""Least share of a blob that must lie within the outline of the body fitted to it."""
CANDIDATES = 2
_SQUARE = np.ones((2, 2), np.uint8)
_ROUND = np.ones((3, 3), np.uint8)


def read(frames: NDArray[np.uint8], depth_m: NDArray[np.floating], scene: Scene) -> Reading:
    """Read every body's place off frames uint8 (T+1, H, W, 3) and depth (T+1, H, W) in metres.

    Bodies are told apart by colour and shape and lifted to 3D by depth and camera, in every frame
    anew. Raises InputError on shapes that do not fit each other or the scene's camera.
    """
    camera = scene.camera
    size = (camera.height_px, camera.width_px)
    if frames.ndim != 4 or frames.dtype != np.uint8 or frames.shape[1:] != (*size, 3):
        raise InputError(
            f"frames must be uint8 (T, {size[0]}, {size[1]}, 3), got {frames.dtype} {frames.shape}"
        )
    if depth_m.shape != frames.shape[:3]:
        raise InputError(f"depth {depth_m.shape} does not match frames {frames.shape[:3]}")
    reader = _reader(scene)
    rows = [reader.read(frame, depth) for frame, depth in zip(frames, depth_m, strict=True)]
    positions, shares, segmentations = zip(*rows, strict=True) if rows else ((), (), ())
    count = len(scene.bodies)
    position_m = np.array(positions, float).reshape(-1, count, 3)
    shape = (len(frames), count)
    return Reading(
        position_m=position_m,
        covariance_m2=np.full((*shape, 3, 3), np.nan),
        orientation_xyzw=np.full((*shape, 4), np.nan),
        found=~np.isnan(position_m).any(-1),
        hidden=np.zeros(shape, bool),
        segmentation=np.array(segmentations, np.uint8).reshape(-1, *size),
        visible_share=np.array(shares, float).reshape(-1, count),
        overlap=np.full(shape, np.nan),
        scale=np.full(shape, np.nan),
        color_ratio=np.full((*shape, 3), np.nan),
        extra=np.zeros(shape, np.int64),
    )


@lru_cache(maxsize=32)
def _reader(scene: Scene) -> _Reader:
    return _Reader(scene)


@dataclass(frozen=True)
class _Found:
    position_m: Float
    blob: Bool  # (H, W)
    share: float


class _Reader:
    """What reading frames of one scene needs, worked out once."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.camera = scene.camera
        self.palette = Palette.of(scene)
        self.background, _ = background(scene)
        self.eye_m = np.array(self.camera.position_m)
        self.rays = self.camera.rays
        self.wanted = [index for index in self.palette.body.tolist() if index >= 0]
        self.raised = np.isin(self.background, _raised(scene))
        # One more entry for label -1: nobody.
        self.can_hide = np.array([body.moves for body in scene.bodies] + [False])
        self.at_rest = np.full((len(scene.bodies), 3), np.nan)
        for index, body in enumerate(scene.bodies):
            if body.role == "static":
                self.at_rest[index] = body.position_m

    def read(
        self, frame: NDArray[np.uint8], depth_m: NDArray[np.floating]
    ) -> tuple[Float, Float, NDArray[np.uint8]]:
        """Positions (N, 3), visible shares (N,) and segmentation (H, W) of one frame."""
        # Where depth is no distance (0, NaN, beyond the camera's range) nothing has a place.
        is_depth = (depth_m > 0.0) & (depth_m <= 1.01 * self.camera.far_m)
        label = np.where(is_depth, self.palette.classify(frame), np.int16(-1))
        position_m = self.at_rest.copy()
        share = np.where(np.isnan(position_m).any(1), 0.0, 1.0)
        segmentation = self.background.copy()
        for index in self.wanted:
            found = self._find(index, label, depth_m)
            if found is not None:
                position_m[index], share[index] = found.position_m, found.share
                segmentation[found.blob] = index + 1
        return position_m, share, segmentation

    def _find(self, index: int, label: Labels, depth_m: NDArray[np.floating]) -> _Found | None:
        mine = label == index
        if np.count_nonzero(mine) < SMALLEST_PX:
            return None
        # The blurred rim of a body in front is unlabelled, and hides as well.
        front = self.can_hide[label] & ~mine
        hidden = (cv2.dilate(front.view(np.uint8), _ROUND).view(bool) | self.raised) & ~mine
        for blob in _blobs(mine):
            found = self._check(index, blob, mine, hidden, depth_m)
            if found is not None:
                return found
        return None

    def _check(
        self, index: int, blob: Bool, mine: Bool, hidden: Bool, depth_m: NDArray[np.floating]
    ) -> _Found | None:
        """The body if this blob can be it: a fair share of what it should show, and its shape."""
        body = self.scene.bodies[index]
        fit = self._fit(body, blob, hidden, depth_m)
        # A body cut in two by one in front of it: all its pixels within the outline are it.
        whole = blob.copy()
        whole[fit.outline.window] |= mine[fit.outline.window] & fit.outline.inside
        shown = np.count_nonzero(whole)
        if shown > 1.1 * np.count_nonzero(blob):
            fit = self._fit(body, whole, hidden, depth_m)
        window, outline = fit.outline.window, fit.outline.inside
        inside = np.count_nonzero(whole[window] & outline)
        covered = np.count_nonzero(hidden[window] & outline) if body.moves else 0
        expected = np.count_nonzero(outline) - covered
        # However much hides it, a sliver is not the body: smears beside a pusher look like that.
        least = max(FOUND_SHARE * expected, SLIVER_SHARE * np.count_nonzero(outline), SMALLEST_PX)
        if inside < least or inside < INSIDE_SHARE * shown:
            return None
        return _Found(fit.centre_m, whole, min(inside / max(fit.outline.area_px, 1.0), 1.0))

    def _fit(self, body: Body, blob: Bool, hidden: Bool, depth_m: NDArray[np.floating]) -> Fit:
        points_m = self.eye_m + depth_m[blob][:, None] * self.rays[blob]
        return fit_body(body, self.camera, points_m, blob, hidden)


def _raised(scene: Scene) -> list[int]:
    """Segmentation values of the static bodies that can stand in front of a moving one."""
    floor_m = min(b.position_m[2] - 0.5 * b.height_m for b in scene.bodies if b.moves)
    return [
        index + 1
        for index, body in enumerate(scene.bodies)
        if body.role == "static" and body.position_m[2] + 0.5 * body.height_m > floor_m + 0.005
    ]


def _blobs(mine: Bool) -> list[Bool]:
    """The largest connected blobs without their one-pixel rims, largest first.

    A blend along an edge is a line one pixel wide that may look like a third body; opening by
    2 x 2 px leaves nothing of it.
    """
    # OpenCV does not mirror the element when it dilates, so the anchor must be.
    eroded = cv2.erode(mine.view(np.uint8), _SQUARE, anchor=(0, 0))
    opened = cv2.dilate(eroded, _SQUARE, anchor=(1, 1))
    # scipy's labels rather than OpenCV's: those wake every core for each of these small images.
    labels, _ = ndimage.label(opened, _ROUND)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    order = np.argsort(-areas, kind="stable")[:CANDIDATES]
    return [labels == i for i in order if areas[i] >= SMALLEST_PX]
