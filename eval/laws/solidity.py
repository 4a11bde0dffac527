"""Solidity: bodies do not stand in each other, and none passes through another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.eval.checks.measure import NAN, Measure
from worldsim.eval.checks.series import largest
from worldsim.eval.reading.reading import Reading
from worldsim.eval.same import Same
from worldsim.sim.scene import Scene

from .gaps import inside_m
from .tracks import LEAST_SIGMA_M
from .windows import between, solid

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

SIGMAS = 3.0
TURN_RAD = 0.05
"""Turns are read wrong by about so much, which moves the ends of a long body."""
LEGAL_SHARE = 0.05
"""A share of the smaller body's least width that outlines are read wrong by."""
CORE = 0.2
"""A middle has passed through where it was in by this share of the least half width of both."""
_SHARES = np.linspace(0.0, 1.0, 25)


@dataclass(frozen=True)
class Overlap:
    """Of one pair, by frame: how deep they are in each other, and what of that is legal."""

    depth_m: Float  # (S+1,), 0 where apart, NaN where not read
    legal_m: Float  # (S+1,)


def solidity(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 10 of physics-eval: depth of bodies in each other, and bodies that passed through.

    The depth is that of the true shapes at the poses read, meshes in convex pieces. Its alarm is
    what it is beyond the deepest that the same reading finds the bodies in others in the
    reference, over three deviations of the reading and what turns and outlines err by. Tunnelling
    is a change of sides: the middle of a body was out of another one, and is out of it again
    where the straight way leads through it, with no frame between in which it could have gone
    round. Its alarm is the number of passages.
    """
    judged = evidence.truth.indices
    meeting = list(pairs(evidence.scene, judged))
    if not meeting:
        names = (("interpenetration", "m"), ("tunnelling", "events"))
        return tuple(Measure(name, NAN, unit, NAN, NAN) for name, unit in names)
    depths, alarms, events, starts = [], [0.0], 0, list[int]()
    passed_at = list[int]()
    floors = _deepest(Same(evidence.floor, evidence))
    for one, other in meeting:
        made = overlap(evidence.reading, evidence.scene, one, other)
        excess = np.maximum(made.depth_m - max(floors[one], floors.get(other, 0.0)), 0.0)
        depths.append(largest(made.depth_m[1:]))
        alarms.append(float(np.nan_to_num(excess / made.legal_m)[1:].max(initial=0.0)))
        crossed = _crossings(Same(evidence.reading, evidence.scene), one, other)
        known = _crossings(Same(evidence.floor, evidence.scene), one, other)
        starts += (np.flatnonzero(excess[1:] > made.legal_m[1:]) + 1).tolist()
        if len(crossed) > len(known):
            events += len(crossed) - len(known)
            passed_at += crossed
    measurable = float(evidence.found[1:].mean())
    deepest, passed = largest(np.array(depths)), float(events)
    into, through = min(starts, default=None), min(passed_at, default=None)
    found = (
        Measure("interpenetration", deepest, "m", max(alarms), measurable, into),
        Measure("tunnelling", passed, "events", passed, measurable, through),
    )
    # Where no body is found nothing stands in another one, which earns no credit.
    if evidence.found[1:].any() or not evidence.floor.found[1:, judged].any():
        return found
    return tuple(m.failed() for m in found)


def pairs(scene: Scene, judged: list[int]) -> Iterator[tuple[int, int]]:
    """A judged body and one that it can meet; each pair once, none of bodies that are joined."""
    for one in solid(scene):
        for other in solid(scene):
            if one not in judged or one == other or (other in judged and other < one):
                continue
            if not _joined(scene, one, other):
                yield one, other


def _joined(scene: Scene, one: int, other: int) -> bool:
    """Whether both hang on the same body, or one on the other."""
    names = [scene.bodies[i].attached_to or scene.bodies[i].name for i in (one, other)]
    return names[0] == names[1]


@lru_cache(maxsize=4)
def _deepest(key: Same[Reading, Evidence]) -> dict[int, float]:
    """By body, how deep the reference's own frames read it in others; at least 0."""
    evidence, found = key.of, dict[int, float]()
    for one, other in pairs(evidence.scene, evidence.truth.indices):
        depth = largest(overlap(evidence.floor, evidence.scene, one, other).depth_m)
        for body in (one, other):
            if body in evidence.truth.indices:
                found[body] = max(found.get(body, 0.0), float(np.nan_to_num(depth)))
    return found


def overlap(reading: Reading, scene: Scene, one: int, other: int) -> Overlap:
    gap = between(reading, scene, one, other)
    variance = np.full(len(gap.gap_m), LEAST_SIGMA_M**2)
    turned_m = 0.0
    for body in (one, other):
        if scene.bodies[body].moves and scene.bodies[body].shape != "sphere":
            turned_m = max(turned_m, TURN_RAD * 0.5 * max(scene.bodies[body].size_m))
        along = np.einsum("ti,tij,tj->t", gap.normal, reading.covariance_m2[:, body], gap.normal)
        variance += np.nan_to_num(along, nan=0.0).clip(0.0)
    width_m = min(_least_width_m(scene, body) for body in (one, other))
    legal_m = np.hypot(SIGMAS * np.sqrt(variance), LEGAL_SHARE * width_m) + turned_m
    return Overlap(np.maximum(-gap.gap_m, 0.0), legal_m)


def _least_width_m(scene: Scene, index: int) -> float:
    body = scene.bodies[index]
    round_m = {"sphere": 2.0 * body.size_m[0], "cylinder": min(2.0 * body.size_m[0], body.height_m)}
    return round_m.get(body.shape, min(body.size_m))


@lru_cache(maxsize=512)
def _crossings(key: Same[Reading, Scene], one: int, other: int) -> tuple[int, ...]:
    """Frames at which the middle of one body is out of the other again, having passed through.

    The straight way from where it was last out leads through the other one's core. Where either
    was not found between, that counts as nothing: there may have been a way round.
    """
    reading, scene, found = key.one, key.of, set[int]()
    for mover, wall in ((one, other), (other, one)):
        place = _in_axes_of(reading, scene, mover, wall)
        limit_m = CORE * 0.5 * min(_least_width_m(scene, i) for i in (mover, wall))
        lost = np.isnan(place).any(1)
        out = np.flatnonzero(lost | (inside_m(scene.bodies[wall], place) < limit_m))
        before, after = out[:-1], out[1:]
        way = place[before, None] + _SHARES[:, None] * (place[after] - place[before])[:, None]
        deepest_m = inside_m(scene.bodies[wall], way).max(1)
        found.update(after[np.nan_to_num(deepest_m, nan=-np.inf) > limit_m].tolist())
    return tuple(sorted(found))


def _in_axes_of(reading: Reading, scene: Scene, mover: int, wall: int) -> Float:
    """Places (S+1, 3) of a body's middle in the axes of another one."""
    quaternion = reading.orientation_xyzw[:, wall].copy()
    quaternion[np.isnan(quaternion).any(1)] = scene.bodies[wall].orientation_xyzw
    away = reading.position_m[:, mover] - reading.position_m[:, wall]
    local: Float = Rotation.from_quat(quaternion).inv().apply(away)
    return local
