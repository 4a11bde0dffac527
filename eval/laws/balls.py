"""How balls are turned: the octants drawn on them, found in the pixels that show them.

The pattern is dark where x y z > 0 in the ball's axes and alike under twelve turns. So a turn is
known but for those, and steps of more than about a radian are taken for others.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

if TYPE_CHECKING:
    from worldsim.episode import Episode
    from worldsim.eval.evidence import Evidence
    from worldsim.eval.reading.reading import Reading
    from worldsim.sim.scene import Scene

Float = NDArray[np.float64]

FEWEST_PX = 40
LEAST_LIKENESS = 0.55
"""Correlation of what is seen with the pattern, below which no turn is told."""
EDGE = 0.35
"""Pixels seen at a slant below this cosine are left out: they blend with what is behind."""
CLIPPED = 0.4
SLACK = 0.4
"""Of what is unlike, the part that turns err by, in radii a pixel; measured."""
REACH_RAD = 1.0
_STEPS_RAD = (0.14, 0.07, 0.035, 0.018, 0.009)


def ball_turns(
    evidence: Evidence, episode: Episode, reading: Reading, body: int
) -> tuple[Float, Float]:
    """Quaternions (S+1, 4) of a ball from its texture, and their standard errors (S+1,) in rad.

    Each is the nearest to the frame before. NaN where its pattern does not show: too few pixels,
    no contrast, or another picture.
    """
    count = len(reading.position_m)
    turns, sigma_rad = np.full((count, 4), np.nan), np.full(count, np.nan)
    if evidence.scene.look.texture <= 0.0 or not evidence.pictured:
        return turns, sigma_rad
    last: Float | None = None
    told: dict[int, Float] = {}
    for t in range(count):
        seen = _seen(evidence, episode, reading, body, t)
        found = None if seen is None else _turn(*seen, last)
        last = None if found is None else found[0]
        if found is not None and seen is not None:
            told[t] = found[0]
            sigma_rad[t] = SLACK * np.sqrt(1.0 / found[1] ** 2 - 1.0) / seen[2]
    if told:
        turns[list(told)] = Rotation.from_matrix(np.stack(list(told.values()))).as_quat()
    return turns, sigma_rad


def _seen(
    evidence: Evidence, episode: Episode, reading: Reading, body: int, t: int
) -> tuple[Float, Float, float] | None:
    """Normals (K, 3) of the ball's pixels, their brightness without shading, and px a radius."""
    rows, columns = np.nonzero(reading.segmentation[t] == body + 1)
    centre, camera = reading.position_m[t, body], evidence.scene.camera
    if len(rows) < FEWEST_PX or np.isnan(centre).any():
        return None
    view = evidence.truth.views[t]
    image = np.stack([columns, rows], 1) + np.array(camera.sample_px)
    image = (image - 0.5 * np.array([camera.width_px, camera.height_px])) / camera.focal_px
    rays = np.hstack([image, np.ones((len(image), 1))]) @ view[:3, :3].T
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    radius_m = evidence.scene.bodies[body].size_m[0]
    to_centre = centre - view[:3, 3]
    along = rays @ to_centre
    inside = radius_m**2 - (to_centre @ to_centre - along**2)
    normals = (rays * (along - np.sqrt(inside.clip(0.0)))[:, None] - to_centre) / radius_m
    kept = (inside > 0.0) & (-(normals * rays).sum(1) > EDGE)
    if kept.sum() < FEWEST_PX:
        return None
    normals, rays = normals[kept], rays[kept]
    bright = episode.frames[t, rows[kept], columns[kept]].astype(np.float64).mean(1)
    tone = np.log(bright + 4.0) - np.log(_shading(evidence.scene, normals, rays))
    radius_px = radius_m * camera.focal_px / float(np.linalg.norm(to_centre))
    return normals, tone, radius_px


def _shading(scene: Scene, normals: Float, rays: Float) -> Float:
    """Brightness (K,) of an even surface in the scene's light; see worldsim.render.shading."""
    sun = np.array(scene.look.sun_direction or scene.light.direction, float)
    sun /= np.linalg.norm(sun)
    direct = (normals @ sun).clip(0.0)
    around = 0.84 + 0.16 * normals[:, 2]
    half = sun - rays
    cosine = (normals * half).sum(1) / np.linalg.norm(half, axis=1)
    glint = scene.look.gloss * cosine.clip(0.0) ** 32 * (direct > 0.0)
    shade: Float = scene.light.ambient * around + scene.light.diffuse * (direct + 2.0 * glint)
    return shade


def _turn(
    normals: Float, tone: Float, radius_px: float, last: Float | None
) -> tuple[Float, float] | None:
    """The turn (3, 3) whose pattern is most like the tones, near the last if known; how alike."""
    even = np.linalg.qr(np.hstack([np.ones((len(normals), 1)), normals]))[0]
    wanted = tone - even @ (even.T @ tone)
    spread = 1.5 * float(np.median(np.abs(wanted))) + 1e-6
    wanted = np.clip(wanted, -max(CLIPPED, spread), max(CLIPPED, spread))
    wanted = wanted - even @ (even.T @ wanted)
    size = float(np.linalg.norm(wanted))
    if size < 1e-6:
        return None
    pixels, shown = radius_px * normals.T, np.column_stack([even, wanted / size])

    def best(turns: Float) -> tuple[Float, float]:
        local = turns.transpose(2, 0, 1).reshape(-1, 3) @ pixels
        x, y, z = local.clip(-1.0, 1.0).reshape(3, len(turns), -1)
        dark = x * y * z
        parts = dark @ shown
        uneven = np.einsum("ij,ij->i", dark, dark) - (parts[:, :-1] ** 2).sum(1)
        like = -parts[:, -1] / np.sqrt(uneven.clip(1e-18))
        first = int(like.argmax())
        return turns[first], float(like[first])

    found, likeness = best(_everywhere() if last is None else _around() @ last)[0], 0.0
    for turns in _finer():
        found, likeness = best(turns @ found)
    return (found, likeness) if likeness > LEAST_LIKENESS else None


@lru_cache(maxsize=1)
def _everywhere() -> Float:
    """Turns (K, 3, 3) that come within about 0.2 rad of one that looks like any other."""
    turns: Float = Rotation.random(900, random_state=0).as_matrix()
    return turns


@lru_cache(maxsize=1)
def _around() -> Float:
    """Turns (K, 3, 3) within REACH_RAD, none first, about 0.25 rad apart."""
    side = np.arange(-REACH_RAD, REACH_RAD + 0.01, 0.25)
    grid = np.stack(np.meshgrid(side, side, side, indexing="ij"), -1).reshape(-1, 3)
    length = np.linalg.norm(grid, axis=1)
    near = grid[length <= REACH_RAD][np.argsort(length[length <= REACH_RAD])]
    turns: Float = Rotation.from_rotvec(near).as_matrix()
    return turns


@lru_cache(maxsize=1)
def _finer() -> tuple[Float, ...]:
    """Turns (27, 3, 3) to the neighbours of a turn, none first, in steps that grow smaller."""
    neighbours = np.stack(np.meshgrid(*[[0.0, -1.0, 1.0]] * 3, indexing="ij"), -1).reshape(-1, 3)
    return tuple(Rotation.from_rotvec(step * neighbours).as_matrix() for step in _STEPS_RAD)
