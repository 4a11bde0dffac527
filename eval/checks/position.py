"""Position errors in metres: total, lateral and along the view; a lost body is scored as lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.episode import Episode
from worldsim.eval.reading.outline import background
from worldsim.eval.reading.reading import Reading
from worldsim.sim.camera import Camera
from worldsim.sim.scene import Scene

from .measure import Measure
from .series import largest_pair, mean

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

VISIBLE_SHARE = 0.3
"""A body counts as visible when at least this share of what its outline covers is in view."""
LEGAL_DIAMETERS = 0.25
"""A body this far off its place is still where it should be."""
SIGMAS = 3.0
SPREADS = 2.0
"""A lawful run may part from the truth by so many root mean squares of the simulator's own runs."""


@dataclass(frozen=True)
class Truth:
    """Where the moving bodies were and whether they could be seen, from the reference."""

    scene: Scene
    bodies: tuple[str, ...]  # M moving bodies, scene order; never the camera
    position_m: Float  # (T+1, M, 3)
    visible: Bool  # (T+1, M)
    world_from_camera: Float | None = None  # (T+1, 4, 4), None: the scene's camera rests

    def since(self, start: int) -> Truth:
        """The truth from frame `start` on."""
        views = self.world_from_camera
        return replace(
            self,
            position_m=self.position_m[start:],
            visible=self.visible[start:],
            world_from_camera=None if views is None else views[start:],
        )

    @property
    def indices(self) -> list[int]:
        """Index in the scene of each of the M bodies."""
        return [self.scene.index(name) for name in self.bodies]

    @property
    def diameter_m(self) -> Float:
        """Diameters (M,)."""
        return np.array([self.scene.body(name).diameter_m for name in self.bodies])

    @property
    def views(self) -> Float:
        """world_from_camera of every frame, (T+1, 4, 4)."""
        if self.world_from_camera is not None:
            return self.world_from_camera
        return np.repeat(self.scene.camera.world_from_camera[None], len(self.position_m), axis=0)


@dataclass(frozen=True)
class Errors:
    """Errors of one episode's positions; NaN where the body could not be seen in the truth."""

    total_m: Float  # (T+1, M)
    lateral_m: Float  # (T+1, M)
    along_m: Float  # (T+1, M), absolute
    image_px: Float  # (T+1, M), distance in the image; NaN where lost
    height_m: Float  # (T+1, M), signed: positive is above its place; NaN where lost
    lost: Bool  # (T+1, M): visible in the truth, not found here
    visible: Bool  # (T+1, M)


def position(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 1 of physics-eval: distance to the true place, never aligned to it.

    Values are means over steps and visible bodies, a body not found counting with the diagonal of
    the scene. The alarm is the largest error that lasts two frames, over what is legal: a quarter
    of a diameter, three deviations of the reading, or as far as the simulator itself may part.
    """
    found, legal_m = evidence.errors, limit_m(evidence, LEGAL_DIAMETERS)
    if evidence.spread_m is not None:
        legal_m = np.fmax(legal_m, SPREADS * evidence.spread_m)
    measurable = 1.0 - mean(np.where(found.visible, found.lost, np.nan)[1:])
    measures = []
    for name, unit, error in (
        ("position error", "m", found.total_m),
        ("in diameters", "diameters", found.total_m / evidence.truth.diameter_m),
        ("lateral error", "m", found.lateral_m),
        ("along the view", "m", found.along_m),
    ):
        over = found.total_m if unit == "diameters" else error
        alarm, step = largest_pair((over / legal_m)[1:])
        scale = evidence.truth.diameter_m.mean() if unit == "diameters" else 1.0
        worst = diagonal_m(evidence.scene) / float(scale)
        measures.append(Measure(name, mean(error[1:]), unit, alarm, measurable, step, worst))
    return tuple(measures)


def limit_m(evidence: Evidence, diameters: float) -> Float:
    """The larger of so many diameters and three deviations of the reading's error, (S+1, M).

    The deviation is that of reading the reference: a smeared body earns no wider limit.
    """
    covariance = evidence.floor.covariance_m2[:, evidence.truth.indices]
    readable = ~np.isnan(covariance.sum((-2, -1)))
    widest = np.linalg.eigvalsh(np.where(readable[..., None, None], covariance, 0.0))[..., -1]
    limit: Float = np.fmax(
        diameters * evidence.truth.diameter_m, SIGMAS * np.sqrt(np.maximum(widest, 0.0))
    )
    return limit


def truth_of(reference: Episode, reading: Reading) -> Truth:
    """The engine's states where the episode has them, else what was read off its frames."""
    scene = reference.scene
    moving = judged(scene)
    names = tuple(scene.bodies[i].name for i in moving)
    if reference.segmentation is None:
        visible = reading.visible_share[:, moving] >= VISIBLE_SHARE
    else:
        visible = shown(reference.segmentation, scene)[:, moving]
    if reference.states is None:
        visible &= reading.found[:, moving]
        return Truth(scene, names, reading.position_m[:, moving], visible)
    return Truth(
        scene, names, reference.states.position_m[:, moving], visible, _views_of(reference)
    )


def judged(scene: Scene) -> list[int]:
    """Indices of the bodies that can move and be seen: the moving ones but the camera."""
    return [index for index in scene.moving if scene.bodies[index].role != "camera"]


def _views_of(reference: Episode) -> Float | None:
    """world_from_camera (T+1, 4, 4) where a body of the scene carries the camera, else None."""
    eyes = [i for i, body in enumerate(reference.scene.bodies) if body.role == "camera"]
    if not eyes or reference.states is None:
        return None
    views = np.tile(np.eye(4), (reference.steps + 1, 1, 1))
    turns = Rotation.from_quat(reference.states.orientation_xyzw[:, eyes[0]])
    views[:, :3, :3] = turns.as_matrix()
    views[:, :3, 3] = reference.states.position_m[:, eyes[0]]
    return views


def errors(position_m: Float, truth: Truth) -> Errors:
    """Errors of `position_m` (T+1, M, 3), NaN where not found, against the truth."""
    offset = position_m - truth.position_m
    missing = np.isnan(offset).any(-1)
    lost = missing & truth.visible
    along, lateral = _along_and_across(offset, truth.position_m, truth.views[:, None, :3, 3])
    total = np.linalg.norm(offset, axis=-1)
    far_m = diagonal_m(truth.scene)
    for values in (total, lateral, along):
        values[lost] = far_m
        values[~truth.visible] = np.nan
    height = np.where(truth.visible, offset[..., 2], np.nan)
    image = _image_distance_px(position_m, truth)
    image[~truth.visible] = np.nan
    return Errors(total, lateral, along, image, height, lost, truth.visible)


def _image_distance_px(position_m: Float, truth: Truth) -> Float:
    """Distance between the images of places (T+1, M, 3) and of the true ones in pixels."""
    views, focal_px = truth.views, truth.scene.camera.focal_px
    images = []
    for places in (position_m, truth.position_m):
        local = np.einsum("tmi,tij->tmj", places - views[:, None, :3, 3], views[:, :3, :3])
        images.append(local[..., :2] / local[..., 2:] * focal_px)
    distance: Float = np.linalg.norm(images[0] - images[1], axis=-1)
    return distance


def split(offset_m: Float, position_m: Float, camera: Camera) -> tuple[Float, Float]:
    """Lengths of offsets (..., 3) along the view ray to `position_m` and across it."""
    return _along_and_across(offset_m, position_m, np.array(camera.position_m))


def _along_and_across(offset_m: Float, position_m: Float, eye_m: Float) -> tuple[Float, Float]:
    ray = position_m - eye_m
    ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    along = (offset_m * ray).sum(-1)
    lateral: Float = np.linalg.norm(offset_m - along[..., None] * ray, axis=-1)
    return np.abs(along), lateral


@lru_cache(maxsize=32)
def diagonal_m(scene: Scene) -> float:
    """Diagonal of the box round all that the camera sees of the scene: the error of a lost body."""
    _, depth_m = background(scene)
    seen = np.isfinite(depth_m)
    points = scene.camera.rays[seen] * depth_m[seen, None] + np.array(scene.camera.position_m)
    starts = np.array([scene.bodies[index].position_m for index in judged(scene)])
    points = np.concatenate([points, starts.reshape(-1, 3)])
    return float(np.linalg.norm(points.max(0) - points.min(0)))


def shown(segmentation: NDArray[np.uint8], scene: Scene) -> Bool:
    """Bodies (T+1, N) of which the segmentation shows at least 30 % of their usual area."""
    labels = range(1, len(scene.bodies) + 1)
    area = np.stack([np.count_nonzero(segmentation == k, axis=(1, 2)) for k in labels], axis=1)
    # A body's unhidden area hardly changes over an episode: its upper values stand for it.
    full = np.quantile(area, 0.9, axis=0)
    visible: Bool = area >= np.maximum(VISIBLE_SHARE * full, 3)
    return visible
