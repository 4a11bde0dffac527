"""Position errors in metres: total, lateral and along the view; a lost body is scored as lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.reading.outline import background
from worldsim.eval.reading.reading import Reading
from worldsim.sim.camera import Camera
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

VISIBLE_SHARE = 0.3
"""A body counts as visible when at least this share of what its outline covers is in view."""


@dataclass(frozen=True)
class Truth:
    """Where the moving bodies were and whether they could be seen, from the reference."""

    scene: Scene
    bodies: tuple[str, ...]  # M moving bodies, scene order
    position_m: Float  # (T+1, M, 3)
    visible: Bool  # (T+1, M)

    def since(self, start: int) -> Truth:
        """The truth from frame `start` on."""
        return replace(self, position_m=self.position_m[start:], visible=self.visible[start:])


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


def truth_of(reference: Episode, reading: Reading) -> Truth:
    """The engine's states where the episode has them, else what was read off its frames."""
    scene = reference.scene
    moving = list(scene.moving)
    names = tuple(scene.bodies[i].name for i in moving)
    if reference.segmentation is None:
        visible = reading.visible_share[:, moving] >= VISIBLE_SHARE
    else:
        visible = shown(reference.segmentation, scene)[:, moving]
    if reference.states is None:
        visible &= reading.found[:, moving]
        return Truth(scene, names, reading.position_m[:, moving], visible)
    return Truth(scene, names, reference.states.position_m[:, moving], visible)


def errors(position_m: Float, truth: Truth) -> Errors:
    """Errors of `position_m` (T+1, M, 3), NaN where not found, against the truth."""
    offset = position_m - truth.position_m
    missing = np.isnan(offset).any(-1)
    lost = missing & truth.visible
    along, lateral = split(offset, truth.position_m, truth.scene.camera)
    total = np.linalg.norm(offset, axis=-1)
    far_m = diagonal_m(truth.scene)
    for values in (total, lateral, along):
        values[lost] = far_m
        values[~truth.visible] = np.nan
    height = np.where(truth.visible, offset[..., 2], np.nan)
    image = image_distance_px(position_m, truth.position_m, truth.scene.camera)
    image[~truth.visible] = np.nan
    return Errors(total, lateral, along, image, height, lost, truth.visible)


def image_distance_px(position_m: Float, truth_m: Float, camera: Camera) -> Float:
    """Distance between the images of places (..., 3) in pixels."""
    (one, _), (two, _) = camera.project(position_m), camera.project(truth_m)
    distance: Float = np.linalg.norm(one - two, axis=-1)
    return distance


def split(offset_m: Float, position_m: Float, camera: Camera) -> tuple[Float, Float]:
    """Lengths of offsets (..., 3) along the view ray to `position_m` and across it."""
    ray = position_m - np.array(camera.position_m)
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
    starts = np.array([body.position_m for body in scene.bodies if body.moves])
    points = np.concatenate([points, starts])
    return float(np.linalg.norm(points.max(0) - points.min(0)))


def shown(segmentation: NDArray[np.uint8], scene: Scene) -> Bool:
    """Bodies (T+1, N) of which the segmentation shows at least 30 % of their usual area."""
    labels = range(1, len(scene.bodies) + 1)
    area = np.stack([np.count_nonzero(segmentation == k, axis=(1, 2)) for k in labels], axis=1)
    # A body's unhidden area hardly changes over an episode: its upper values stand for it.
    full = np.quantile(area, 0.9, axis=0)
    visible: Bool = area >= np.maximum(VISIBLE_SHARE * full, 3)
    return visible
