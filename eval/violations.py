"""What is wrong with one generated episode, said in words; a true episode gets none."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.horizon import FRAMES_IN_A_ROW, TOLERANCE_DIAMETERS, first_failure
from worldsim.eval.checks.motion import passes, path_ratio
from worldsim.eval.checks.permanence import lost_from
from worldsim.eval.checks.position import Errors

from .case import Case

Float = NDArray[np.float64]

RISE_DIAMETERS = 0.25
"""A body this far above or below its place floats or sinks."""
JUMP_DIAMETERS = 1.0
"""A body that moves this much further between two frames than in the truth has jumped."""


def violations(case: Case, places_m: Float, errors: Errors) -> tuple[str, ...]:
    """Sentences on places (S+1, M, 3) and their errors, index k being step k."""
    found: list[str] = []
    swapped = _swapped(case, places_m)
    for index, name in enumerate(case.truth.bodies):
        diameter_m = case.reference.scene.body(name).diameter_m
        found += _lost(case, errors, index, name)
        found += _level(case, errors, index, name, diameter_m)
        found += _jump(case, places_m, index, name, diameter_m)
        if not any(name in pair for pair, _ in swapped):
            found += _off(case, errors, index, name, diameter_m)
        found += _gate(case, places_m, index, name, diameter_m)
    found += [f"{a} and {b} have changed places at step {step}" for (a, b), step in swapped]
    return tuple(found)


def _lost(case: Case, errors: Errors, body: int, name: str) -> list[str]:
    frame = lost_from(errors, body)
    return [] if frame is None else [f"{name} lost at step {frame}"]


def _off(case: Case, errors: Errors, body: int, name: str, diameter_m: float) -> list[str]:
    total = np.where(errors.lost[:, body], np.nan, errors.total_m[:, body])
    first = first_failure(total, TOLERANCE_DIAMETERS * diameter_m)
    if first is None:
        return []
    worst = float(np.nanmax(total[first:]))
    return [f"{name} off by up to {worst:.2f} m from step {first}"]


def _level(case: Case, errors: Errors, body: int, name: str, diameter_m: float) -> list[str]:
    words = []
    for verb, side, height in (
        ("floats", "above", errors.height_m[:, body]),
        ("sinks", "below", -errors.height_m[:, body]),
    ):
        first = first_failure(height, RISE_DIAMETERS * diameter_m)
        if first is not None:
            rise_cm = 100.0 * float(np.nanmax(height[first:]))
            words.append(f"{name} {verb}: {rise_cm:.0f} cm {side} its place from step {first}")
    return words


def _jump(case: Case, places_m: Float, body: int, name: str, diameter_m: float) -> list[str]:
    move = np.linalg.norm(np.diff(places_m[:, body], axis=0), axis=-1)
    true = np.linalg.norm(np.diff(case.truth.position_m[:, body], axis=0), axis=-1)
    jumps = np.flatnonzero(np.nan_to_num(move - true) > JUMP_DIAMETERS * diameter_m)
    if not len(jumps):
        return []
    first = int(jumps[0])
    return [f"{name} jumps {move[first]:.2f} m at step {first + 1}"]


def _gate(case: Case, places_m: Float, body: int, name: str, diameter_m: float) -> list[str]:
    ratio = path_ratio(places_m[:, body], case.truth.position_m[:, body], diameter_m)
    if passes(ratio) is not False:
        return []
    return [f"motion gate: {name} moved {ratio:.2f} of its true path"]


def _swapped(case: Case, places_m: Float) -> list[tuple[tuple[str, str], int]]:
    """Pairs of bodies of which each is where the other should be, and from which step."""
    truth, pairs = case.truth.position_m, []
    for a, b in combinations(range(len(case.truth.bodies)), 2):
        names = case.truth.bodies[a], case.truth.bodies[b]
        reach = 0.5 * max(case.reference.scene.body(name).diameter_m for name in names)
        apart = np.linalg.norm(truth[:, a] - truth[:, b], axis=-1) > 2.0 * reach
        crossed = np.maximum(
            np.linalg.norm(places_m[:, a] - truth[:, b], axis=-1),
            np.linalg.norm(places_m[:, b] - truth[:, a], axis=-1),
        )
        hits = np.flatnonzero(apart & (np.nan_to_num(crossed, nan=np.inf) < reach))
        if len(hits) >= FRAMES_IN_A_ROW:
            pairs.append((names, int(hits[0])))
    return pairs
