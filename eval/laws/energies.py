"""Energies: what bodies have by place, speed and turn, in the middle of every step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.reading.reading import Reading
from worldsim.eval.same import Same

from .forces import action_force_n
from .impacts import impacts
from .islands import driven, groups, touches
from .rotation import MOST_RAD
from .tracks import Track, track
from .turns import turning_j

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

ROLLING = {"sphere": 0.4, "cylinder": 0.5}
"""Energy of turning over that of moving, of a body that rolls: its turn does not always show."""


LEAST_HEIGHT_M = 1e-3
"""Heights of all bodies are read off by so much at once where frames are blurred."""


@dataclass(frozen=True)
class Energy:
    """Energy of bodies that share it, in J, row t in the middle of the step t-1 -> t; row 0 is NaN.

    What the logged action's force has done since frame 0 is taken off, so that a lawful clip only
    loses. NaN where a body was not found, hits something, or touches what the actuator moves.
    `rolling_j` is what balls and cylinders on something may have in their turning, which is not
    counted. Rows of one `piece` can be compared: between two pieces the actuator may have given
    or taken energy.
    """

    bodies: tuple[int, ...]
    total_j: Float  # (S+1,)
    sigma_j: Float  # (S+1,)
    rolling_j: Float  # (S+1,)
    piece: NDArray[np.int64]  # (S+1,)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows that were measured."""
        return np.flatnonzero(~np.isnan(self.total_j))


def energies(evidence: Evidence, reading: Reading) -> tuple[Energy, ...]:
    """The energy of each group of bodies that touch each other in the clip.

    E = sum m v^2 / 2 + w I w / 2 + m g h with speeds of single steps; w of boxes and meshes whose
    turn is read.
    """
    return _energies(Same(reading, evidence))


@lru_cache(maxsize=64)
def _energies(key: Same[Reading, Evidence]) -> tuple[Energy, ...]:
    evidence, reading = key.of, key.one
    return tuple(_of(evidence, reading, bodies) for bodies in groups(evidence, reading))


def _of(evidence: Evidence, reading: Reading, bodies: list[int]) -> Energy:
    parts = [_body(evidence, reading, body) for body in bodies]
    total_j, variance, lift_j, rolling_j = (np.sum([p[k] for p in parts], axis=0) for k in range(4))
    held = driven(evidence, reading, bodies)
    held[1:] |= held[:-1]
    total_j[held] = np.nan
    # A break of velocity lies in one of the steps next to where it was found.
    for impact in impacts(evidence, reading):
        if impact.body in bodies:
            total_j[impact.frame : impact.frame + 3] = np.nan
    sigma_j = np.sqrt(variance + lift_j**2)
    return Energy(tuple(bodies), total_j, sigma_j, rolling_j, np.cumsum(held))


def _body(evidence: Evidence, reading: Reading, index: int) -> tuple[Float, Float, Float, Float]:
    """Energy (S+1,) in J, the action's work taken off; its variance by speed; its error by height,
    which bodies have in common; and what rolling may hide."""
    scene = evidence.scene
    body, path, dt = scene.bodies[index], track(evidence, reading, index), scene.dt_s
    force_n, gravity = action_force_n(evidence, index), np.array(scene.gravity_m_s2)
    borne = np.asarray(touches(evidence, reading)[:, index].any(axis=1))
    flies = ~(borne[1:] | borne[:-1])
    middle_m = 0.5 * (path.position_m[1:] + path.position_m[:-1])
    # In flight a body is above the middle of its two places by g dt^2 / 8.
    pull = np.where(flies, dt**2 / 8.0, 0.0)[:, None] * (gravity + force_n / body.mass_kg)
    speed_m_s = np.linalg.norm(np.diff(path.position_m, axis=0), axis=1) / dt
    kinetic_j = 0.5 * body.mass_kg * speed_m_s**2
    total_j = kinetic_j - body.mass_kg * ((middle_m - pull) @ gravity) - _work_j(path, force_n)
    if body.shape not in ROLLING:
        total_j += turning_j(body, reading.orientation_xyzw[:, index], dt, MOST_RAD)[1:]
    speed_error = np.hypot(path.sigma_m[1:], path.sigma_m[:-1]) / dt
    variance = body.mass_kg**2 * ((speed_m_s * speed_error) ** 2 + 2.25 * speed_error**4)
    height_m = np.maximum(0.5 * (path.sigma_m[1:] + path.sigma_m[:-1]), LEAST_HEIGHT_M)
    lift_j = body.mass_kg * float(np.linalg.norm(gravity)) * height_m
    rolling_j = np.where(flies, 0.0, ROLLING.get(body.shape, 0.0)) * kinetic_j
    rows = ((total_j, np.nan), (variance, 0.0), (lift_j, 0.0), (rolling_j, 0.0))
    total, by_speed, by_height, hidden = (np.concatenate([[first], v]) for v, first in rows)
    return total, by_speed, by_height, hidden


def _work_j(path: Track, force_n: Float) -> Float:
    """What the action's force has done by the middle of each step; places between are guessed."""
    frames, known = np.arange(len(path.position_m)), path.found
    if not known.any() or not force_n.any():
        return np.zeros(len(force_n))
    axes = [np.interp(frames, frames[known], p[known]) for p in path.position_m.T]
    done_j = (force_n * np.diff(np.stack(axes, axis=1), axis=0)).sum(1)
    work_j: Float = np.cumsum(done_j) - 0.5 * done_j
    return work_j
