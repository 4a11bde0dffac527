"""Position errors in metres: total, lateral and along the view; a lost body is scored as lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.sim.camera import Camera
from worldsim.sim.scene import Scene

from .perception import Reading

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


@dataclass(frozen=True)
class Errors:
    """Errors of one episode's positions; NaN where the body could not be seen in the truth."""

    total_m: Float  # (T+1, M)
    lateral_m: Float  # (T+1, M)
    along_m: Float  # (T+1, M), absolute
    height_m: Float  # (T+1, M), signed: positive is above its place; NaN where lost
    lost: Bool  # (T+1, M): visible in the truth, not found here
    visible: Bool  # (T+1, M)


def truth_of(reference: Episode, reading: Reading) -> Truth:
    """The engine's states where the episode has them, else what was read off its frames."""
    scene = reference.scene
    moving = list(scene.moving)
    names = tuple(scene.bodies[i].name for i in moving)
    visible = reading.visible_share[:, moving] >= VISIBLE_SHARE
    if reference.segmentation is not None:
        visible = _visible(reference.segmentation, scene, reading)[:, moving]
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
    return Errors(total, lateral, along, height, lost, truth.visible)


def split(offset_m: Float, position_m: Float, camera: Camera) -> tuple[Float, Float]:
    """Lengths of offsets (..., 3) along the view ray to `position_m` and across it."""
    ray = position_m - np.array(camera.position_m)
    ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    along = (offset_m * ray).sum(-1)
    lateral: Float = np.linalg.norm(offset_m - along[..., None] * ray, axis=-1)
    return np.abs(along), lateral


def diagonal_m(scene: Scene) -> float:
    """Diagonal of the box round every body of the scene: the error of a lost body."""
    centre = np.array([body.position_m for body in scene.bodies])
    half = np.array(
        [
            [0.5 * e for e in body.size_m]
            if body.shape == "box"
            else [body.size_m[0], body.size_m[0], 0.5 * body.height_m]
            for body in scene.bodies
        ]
    )
    return float(np.linalg.norm((centre + half).max(0) - (centre - half).min(0)))


def _visible(segmentation: NDArray[np.uint8], scene: Scene, reading: Reading) -> Bool:
    """Bodies of which the true segmentation shows at least 30 % of the outline, (T+1, N)."""
    labels = np.arange(1, len(scene.bodies) + 1, dtype=np.uint8)
    area = np.stack([(segmentation == label).sum((1, 2)) for label in labels], axis=1)
    # The unhidden area of a body hardly changes over an episode: its upper values stand for it.
    full = np.quantile(area, 0.9, axis=0)
    shown: Bool = area >= np.maximum(VISIBLE_SHARE * full, 3)
    return shown
