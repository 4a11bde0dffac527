"""Rotation: how fast bodies turn, whether balls roll or slide, and spin that lasts in flight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.eval.checks.measure import NAN, Measure
from worldsim.eval.checks.series import largest_pair, mean, median
from worldsim.eval.reading.reading import Reading
from worldsim.eval.same import Same
from worldsim.sim.scene import Scene

from .balls import ball_turns
from .tracks import track
from .turns import moments_kg_m2, steps_rad
from .windows import between, flights, loose, near_m, solid, valid_steps

if TYPE_CHECKING:
    from worldsim.episode import Episode
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

SIGMAS = 3.0
MOST_RAD = 0.8
"""In one step bodies must turn less: what looks alike after a turn is told by the nearest."""
LEAST_RAD = 0.15
"""A ball must go so far, in radii, in a step for its slip to be told."""
LEAST_SIGMA_RAD = 0.012
LEAST_FLIGHT = 4


@dataclass(frozen=True)
class Spin:
    """How one body turns in each step t-1 -> t, row t; row 0 is NaN.

    `turn_rad` is the turn's vector, without the part about a cylinder's axis, which does not show.
    """

    turns_xyzw: Float  # (S+1, 4)
    turn_rad: Float  # (S+1, 3)
    sigma_rad: Float  # (S+1,) standard error of a turn along an axis


_NAMES = (("angular velocity", "rad/s"), ("slip", "share"), ("spin drift", "%"))


def rotation(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 18 of physics-eval: angular velocity, rolling against sliding, spin in flight.

    Turns of balls are read from their texture. The error of the angular velocity and the slip
    |v - w x r| / |v| at the point of contact are compared with the reference up to the valid
    horizon; in flight the angular momentum must stay. Alarms are differences over three standard
    errors that last two steps, less the same for the reference's own frames.
    Places without pictures have no turns.
    """
    if not evidence.pictured:
        return tuple(Measure(name, NAN, unit, NAN, NAN) for name, unit in _NAMES)
    spins = [(i, _made_spin(evidence, i), _floor_spin(evidence, i)) for i in evidence.truth.indices]
    return (_speed(evidence, spins), _rolling(evidence, spins), _flight(evidence, spins))


Spins = list[tuple[int, Spin, Spin]]


def _made_spin(evidence: Evidence, body: int) -> Spin:
    if evidence.reading is evidence.floor:
        return _floor_spin(evidence, body)
    return _spin(evidence, evidence.generated, evidence.reading, body)


def _floor_spin(evidence: Evidence, body: int) -> Spin:
    return _kept(Same(evidence.floor, evidence), body)


@lru_cache(maxsize=64)
def _kept(key: Same[Reading, Evidence], body: int) -> Spin:
    """The turns in the reference, read once for all rows of a report."""
    return _spin(key.of, key.of.reference, key.of.floor, body)


def _spin(evidence: Evidence, episode: Episode, reading: Reading, index: int) -> Spin:
    body = evidence.scene.bodies[index]
    if body.shape == "sphere":
        turns, sigma_rad = ball_turns(evidence, episode, reading, index)
    else:
        turns = reading.orientation_xyzw[:, index]
        # What moves an outline by the error of a place at the end of a body turns it by this.
        sigma_rad = track(evidence, reading, index).sigma_m / (0.25 * max(body.size_m))
    sigma_rad = np.fmax(sigma_rad, LEAST_SIGMA_RAD)
    both = np.hypot(sigma_rad, np.append(np.nan, sigma_rad[:-1]))
    steps = steps_rad(body, turns)
    steps[np.linalg.norm(steps, axis=1) > MOST_RAD] = np.nan
    return Spin(turns, steps, np.fmax(both, _unrest_rad(steps)))


def _unrest_rad(steps: Float) -> float:
    """What the steps themselves say they err by: they change more than bodies do, mostly."""
    change = np.diff(steps[1:], axis=0)
    kept = np.abs(change[~np.isnan(change).any(1)])
    # Errors of three frames make a change of steps: its variance is three times that of a step.
    return float(1.4826 * np.median(kept) / np.sqrt(3.0)) if len(kept) else 0.0


def _speed(evidence: Evidence, spins: Spins) -> Measure:
    """Error of the angular velocity in the steps in which the clip is still the reference's."""
    until, errors, over = valid_steps(evidence), [], []
    shown, all_shown = 0, 0
    for index, made, floor in spins:
        true = floor.turn_rad
        if evidence.reference.states is not None:
            turns = evidence.reference.states.orientation_xyzw[:, index]
            true = steps_rad(evidence.scene.bodies[index], turns)
        told = (np.linalg.norm(true, axis=1) < MOST_RAD) & ~np.isnan(floor.turn_rad).any(1)
        told[until + 1 :] = False
        off = np.linalg.norm(made.turn_rad - true, axis=1)[told]
        errors.append(off / evidence.scene.dt_s)
        differ = np.linalg.norm(made.turn_rad - floor.turn_rad, axis=1)
        differ /= SIGMAS * np.hypot(made.sigma_rad, 1e-9)
        over.append(np.where(told, differ, np.nan))
        shown, all_shown = shown + int((~np.isnan(off)).sum()), all_shown + int(told.sum())
    alarm, step = largest_pair(np.stack(over, 1)[1:]) if over else (NAN, None)
    value = median(np.concatenate(errors)) if errors else NAN
    measurable = shown / all_shown if all_shown else NAN
    return Measure("angular velocity", value, "rad/s", alarm, measurable, step)


def _rolling(evidence: Evidence, spins: Spins) -> Measure:
    """How much balls slide where they are in touch with something that bears them."""
    until, ratios, over = valid_steps(evidence), [], []
    told, expected = 0, 0
    for index, made, floor in spins:
        if evidence.scene.bodies[index].shape != "sphere":
            continue
        radius_m = evidence.scene.bodies[index].size_m[0]
        slip, way = _slip_m(evidence.scene, evidence.reading, index, made)
        true, true_way = _slip_m(evidence.scene, evidence.floor, index, floor)
        rolls = np.linalg.norm(way, axis=1) > LEAST_RAD * radius_m
        ratio = np.linalg.norm(slip, axis=1) / np.linalg.norm(way, axis=1).clip(1e-9)
        ratios.append(np.where(rolls, ratio, np.nan)[1:])
        differ = np.linalg.norm(slip - true, axis=1) / (SIGMAS * made.sigma_rad * radius_m)
        differ[until + 1 :] = np.nan
        over.append(differ)
        wanted = np.linalg.norm(true_way, axis=1) > LEAST_RAD * radius_m
        expected, told = expected + int(wanted.sum()), told + int((wanted & rolls).sum())
    value = mean(np.concatenate(ratios)) if ratios else NAN
    alarm, step = largest_pair(np.stack(over, 1)[1:]) if over else (NAN, None)
    return Measure("slip", value, "share", alarm, told / expected if expected else NAN, step)


def _slip_m(scene: Scene, reading: Reading, index: int, spin: Spin) -> tuple[Float, Float]:
    """How far the point of contact slips in each step, and the middle goes, over what bears it.

    Both (S+1, 3) in m, along the surface; NaN where the ball touches nothing in both frames.
    """
    radius_m, count = scene.bodies[index].size_m[0], len(reading.position_m)
    slip, way = np.full((count, 3), np.nan), np.full((count, 3), np.nan)
    limit_m = near_m(scene, index)
    for other in solid(scene):
        if other == index:
            continue
        gap = between(reading, scene, index, other)
        near = np.nan_to_num(gap.gap_m, nan=np.inf) <= limit_m
        rows = np.flatnonzero(near[1:] & near[:-1] & (gap.normal[1:, 2] > 0.5)) + 1
        if not len(rows):
            continue
        normal = gap.normal[rows]
        moved = reading.position_m[rows, index] - reading.position_m[rows - 1, index]
        moved = moved - _carried_m(scene, reading, other, rows, gap.point_m[rows - 1])
        rolled = np.cross(spin.turn_rad[rows], -radius_m * normal)
        for values, found in ((slip, moved + rolled), (way, moved)):
            values[rows] = found - (found * normal).sum(1)[:, None] * normal
    told = np.linalg.norm(way, axis=1) < MOST_RAD * radius_m
    slip[~told], way[~told] = np.nan, np.nan
    return slip, way


def _carried_m(
    scene: Scene, reading: Reading, other: int, rows: NDArray[np.int64], points_m: Float
) -> Float:
    """How far points (K, 3) of a body move with it in the steps that lead to the rows."""
    if not scene.bodies[other].moves:
        return np.zeros_like(points_m)
    moved: Float = reading.position_m[rows, other] - reading.position_m[rows - 1, other]
    turns = reading.orientation_xyzw[:, other]
    known = ~np.isnan(turns[rows]).any(1) & ~np.isnan(turns[rows - 1]).any(1)
    if known.any():
        kept = rows[known]
        step = Rotation.from_quat(turns[kept]) * Rotation.from_quat(turns[kept - 1]).inv()
        lever = points_m[known] - reading.position_m[kept - 1, other]
        moved[known] += step.apply(lever) - lever
    return moved


def _flight(evidence: Evidence, spins: Spins) -> Measure:
    """How the angular momentum of bodies changes while nothing touches them."""
    drifts, alarms, told = [], [], 0
    for index, made, floor in spins:
        if index not in loose(evidence.scene):
            continue
        drift, alarm = _drift(evidence, evidence.reading, index, made)
        true_alarm = _drift(evidence, evidence.floor, index, floor)[1]
        drifts += drift
        told += alarm is not None
        if alarm is not None:
            alarms.append(max(0.0, alarm - (true_alarm or 0.0)))
    value = 100.0 * float(np.mean(drifts)) if drifts else NAN
    measurable = told / len(spins) if told else NAN
    return Measure("spin drift", value, "%", max(alarms, default=NAN), measurable)


def _drift(
    evidence: Evidence, reading: Reading, index: int, spin: Spin
) -> tuple[list[float], float | None]:
    """Relative changes of angular momentum by flight, and the largest over three errors."""
    drifts, over = [], []
    body = evidence.scene.bodies[index]
    if body.shape == "cylinder":  # its spin about its axis does not show
        return [], None
    inertia = moments_kg_m2(body) / moments_kg_m2(body).max()
    for window in flights(evidence, reading, index, LEAST_FLIGHT):
        rows = np.arange(window.first + 1, window.last + 1)
        steps = spin.turn_rad[rows]
        if np.isnan(steps).any():
            continue
        middle = Rotation.from_rotvec(-0.5 * steps) * Rotation.from_quat(spin.turns_xyzw[rows])
        momentum = middle.apply(middle.inv().apply(steps) * inertia)
        off = np.linalg.norm(momentum - momentum.mean(0), axis=1)
        sigma = inertia.max() * spin.sigma_rad[rows]
        over.append(largest_pair((off / (SIGMAS * sigma))[:, None])[0])
        whole = float(np.linalg.norm(momentum.mean(0)))
        if whole > SIGMAS * float(sigma.mean()) / np.sqrt(len(rows)):
            drifts.append(float(np.sqrt((off**2).mean())) / whole)
    return drifts, max(over, default=None)
