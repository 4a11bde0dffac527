"""Momentum at impacts: what a body gains, others lose, and what bears it pushes within its cone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse.csgraph import connected_components

from worldsim.eval.checks.measure import NAN, Measure
from worldsim.eval.reading.reading import Reading
from worldsim.eval.same import Same

from .impacts import LEAST_BREAK_M_S, Impact, change_at, impacts
from .islands import touches
from .windows import between, loose, near_m, solid, valid_steps

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

SIGMAS = 3.0
APART_FRAMES = 1
"""Breaks of bodies that touch, so many frames from each other, are one impact."""
SIDES = 12
"""Edges of the pyramid that stands for a cone of friction."""
MODEL_SHARE = 0.05
"""Of the momentum exchanged, what the middle of a step and turning normals leave open."""


@dataclass(frozen=True)
class Exchange:
    """What bodies that meet exchange, and the part of it that nothing they touch can have given.

    `rest_n_s` is the least change of momentum that remains after any impulses within the friction
    cones of what they touch; `error_n_s` its standard error along an axis.
    """

    frame: int
    bodies: tuple[int, ...]
    moved_n_s: float
    rest_n_s: float
    error_n_s: float

    @property
    def excess(self) -> float:
        return self.rest_n_s / (SIGMAS * self.error_n_s)


def momentum(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 4 of physics-eval: sum m (v+ - v-) of an island, less what its supports may have given.

    An island is the loose bodies that touch each other at an impact, by the simulator's log up to
    the step at which the clip leaves its reference, by their places ever. Of it the sum of the
    changes must lie in the cones of friction of what else it touches ("momentum"), and each body's
    own change in those of all that it touches ("impulse direction"). Values are what lies outside,
    in % of what is exchanged, medians over impacts; alarms that over three standard errors, less
    the same of the reference's own frames. Islands that touch what the actuator moves by itself
    have supports that push, and count with those.
    """
    made, true = exchanges(evidence, evidence.reading), exchanges(evidence, evidence.floor)
    return tuple(
        _measure(evidence, name, made[k], true[k])
        for k, name in enumerate(("momentum", "impulse direction"))
    )


def exchanges(evidence: Evidence, reading: Reading) -> tuple[list[Exchange], list[Exchange]]:
    """Of all impacts in a reading: of islands of two and more, and of single bodies."""
    return _exchanges(Same(reading, evidence))


@lru_cache(maxsize=64)
def _exchanges(key: Same[Reading, Evidence]) -> tuple[list[Exchange], list[Exchange]]:
    evidence, reading = key.of, key.one
    islands, singles = [], []
    for island in _islands(evidence, reading):
        frame = min(impact.frame for impact in island)
        for impact in island:
            if _size(impact) < LEAST_BREAK_M_S:
                continue
            singles.append(_exchange(evidence, reading, frame, [impact], set()))
        if len(island) > 1:
            inner = {impact.body for impact in island}
            islands.append(_exchange(evidence, reading, frame, island, inner))
    return islands, singles


def _islands(evidence: Evidence, reading: Reading) -> list[list[Impact]]:
    """Impacts of bodies that touch each other within a frame, together; whom they meet, too."""
    found, touch = impacts(evidence, reading), touches(evidence, reading)
    linked = np.zeros((len(found), len(found)), bool)
    for i, one in enumerate(found):
        for j, other in enumerate(found[:i]):
            if abs(one.frame - other.frame) <= APART_FRAMES and one.body != other.body:
                frames = slice(min(one.frame, other.frame), max(one.frame, other.frame) + 2)
                linked[i, j] = touch[frames, one.body, other.body].any()
    count, labels = connected_components(linked, directed=False)
    members = [
        [f for f, label in zip(found, labels, strict=True) if label == k] for k in range(count)
    ]
    return [_whole(evidence, reading, island) for island in members]


def _whole(evidence: Evidence, reading: Reading, island: list[Impact]) -> list[Impact]:
    """Each body of an island once, by its sharpest break, and those whom they meet and stay."""
    by_body = {impact.body: impact for impact in sorted(island, key=_size)}
    touch, free = touches(evidence, reading), loose(evidence.scene)
    for impact in island:
        near = np.asarray(touch[impact.frame : impact.frame + 2, impact.body].any(axis=0))
        for other in free:
            met = near[other] or (impact.touches and impact.other == other)
            if met and other not in by_body and other in evidence.truth.indices:
                change = change_at(evidence, reading, other, impact.frame)
                if change is not None:
                    by_body[other] = change
    return [by_body[body] for body in sorted(by_body)]


def _size(impact: Impact) -> float:
    return float(np.linalg.norm(impact.after_m_s - impact.before_m_s))


def _exchange(
    evidence: Evidence, reading: Reading, frame: int, island: list[Impact], inner: set[int]
) -> Exchange:
    scene = evidence.scene
    masses = [scene.bodies[impact.body].mass_kg for impact in island]
    changes = [m * (i.after_m_s - i.before_m_s) for m, i in zip(masses, island, strict=True)]
    edges, slack = [], 0.0
    for impact, mass_kg in zip(island, masses, strict=True):
        for normal, friction in _supports(evidence, reading, impact, inner):
            edges += _cone(normal, friction)
            # What bears a body's weight rubs meanwhile.
            weight_n_s = mass_kg * float(np.linalg.norm(scene.gravity_m_s2)) * scene.dt_s
            slack = max(slack, friction * weight_n_s)
    total = np.sum(changes, axis=0)
    rest = float(nnls(np.stack(edges, axis=1), total)[1]) if edges else float(np.linalg.norm(total))
    moved = float(np.sum([np.linalg.norm(change) for change in changes]))
    errors = [m * i.error_m_s for m, i in zip(masses, island, strict=True)]
    error = float(np.sqrt(3.0) * np.linalg.norm([*errors, MODEL_SHARE * moved]))
    return Exchange(frame, tuple(i.body for i in island), moved, max(rest - slack, 0.0), error)


def _supports(
    evidence: Evidence, reading: Reading, impact: Impact, inner: set[int]
) -> list[tuple[Float, float]]:
    """Normals towards a body, and coefficients of friction, of what it touches at an impact."""
    scene, frames = evidence.scene, slice(impact.frame, impact.frame + 2)
    log = touches(evidence, reading)[frames, impact.body]
    found = []
    for other in solid(scene):
        if other == impact.body or other in inner:
            continue
        gap = between(reading, scene, impact.body, other)
        away = np.nan_to_num(gap.gap_m[frames], nan=np.inf)
        row = int(away.argmin())
        reach = max(impact.reach_m, near_m(scene, impact.body))
        if (away[row] <= reach or log[:, other].any()) and np.isfinite(away[row]):
            friction = scene.bodies[impact.body].friction * scene.bodies[other].friction
            found += [(gap.normal[frames][k], friction) for k in (0, 1) if np.isfinite(away[k])]
    return found


def _cone(normal: Float, friction: float) -> list[Float]:
    """Edges (3,) of the pyramid round a cone of friction."""
    side = np.eye(3)[int(np.abs(normal).argmin())]
    across = np.cross(normal, side)
    across /= np.linalg.norm(across)
    along = np.cross(normal, across)
    # The pyramid's flat sides must lie outside of the cone.
    wide = friction / np.cos(np.pi / SIDES)
    angles = 2.0 * np.pi * np.arange(SIDES) / SIDES
    return [normal + wide * (np.cos(a) * across + np.sin(a) * along) for a in angles]


def _measure(evidence: Evidence, name: str, made: list[Exchange], true: list[Exchange]) -> Measure:
    """The median share outside, and the worst excess over the reference's worst."""
    due = [one for one in true if one.frame <= valid_steps(evidence)]
    met = [one for one in due if any(_same(one, other) for other in made)]
    measurable = len(met) / len(due) if due else NAN
    if not made:
        return Measure(name, NAN, "%", NAN, measurable)
    value = float(np.median([100.0 * one.rest_n_s / max(one.moved_n_s, 1e-9) for one in made]))
    own = max((one.excess for one in true), default=0.0)
    worst = max(made, key=lambda one: one.excess)
    alarm = max(0.0, worst.excess - own)
    return Measure(name, value, "%", alarm, measurable, worst.frame + 1 if alarm > 1.0 else None)


def _same(one: Exchange, other: Exchange) -> bool:
    return one.bodies == other.bodies and abs(one.frame - other.frame) <= APART_FRAMES
