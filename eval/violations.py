"""What is wrong with one generated episode, said in words; a true episode gets none."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.horizon import (
    FRAMES_IN_A_ROW,
    TOLERANCE_DIAMETERS,
    first_failure,
)
from worldsim.eval.checks.motion import passes, path_ratios
from worldsim.eval.checks.permanence import lost_from

from .evidence import Evidence

Float = NDArray[np.float64]

RISE_DIAMETERS = 0.25
"""A body this far above or below its place floats or sinks."""
JUMP_DIAMETERS = 1.0
"""A body that moves this much further between two frames than in the truth has jumped."""


def violations(evidence: Evidence) -> tuple[str, ...]:
    """Sentences on the places of a clip's bodies and their errors, index k being step k."""
    if evidence.unreadable:
        return (f"unreadable: {evidence.unreadable}",)
    found: list[str] = []
    swapped, ratios = _swapped(evidence), path_ratios(evidence)
    for index, name in enumerate(evidence.truth.bodies):
        diameter_m = float(evidence.truth.diameter_m[index])
        found += _lost(evidence, index, name)
        found += _level(evidence, index, name, diameter_m)
        found += _jump(evidence, index, name, diameter_m)
        if not any(name in pair for pair, _ in swapped):
            found += _off(evidence, index, name, diameter_m)
        if passes(ratios[index]) is False:
            found.append(f"motion gate: {name} moved {ratios[index]:.2f} of its true path")
    found += [f"{a} and {b} have changed places at step {step}" for (a, b), step in swapped]
    return tuple(found)


def _lost(evidence: Evidence, body: int, name: str) -> list[str]:
    frame = lost_from(evidence.errors, body)
    return [] if frame is None else [f"{name} lost at step {frame}"]


def _off(evidence: Evidence, body: int, name: str, diameter_m: float) -> list[str]:
    errors = evidence.errors
    total = np.where(errors.lost[:, body], np.nan, errors.total_m[:, body])
    first = first_failure(total, TOLERANCE_DIAMETERS * diameter_m)
    if first is None:
        return []
    worst = float(np.nanmax(total[first:]))
    return [f"{name} off by up to {worst:.2f} m from step {first}"]


def _level(evidence: Evidence, body: int, name: str, diameter_m: float) -> list[str]:
    words = []
    for verb, side, height in (
        ("floats", "above", evidence.errors.height_m[:, body]),
        ("sinks", "below", -evidence.errors.height_m[:, body]),
    ):
        first = first_failure(height, RISE_DIAMETERS * diameter_m)
        if first is not None:
            rise_cm = 100.0 * float(np.nanmax(height[first:]))
            words.append(f"{name} {verb}: {rise_cm:.0f} cm {side} its place from step {first}")
    return words


def _jump(evidence: Evidence, body: int, name: str, diameter_m: float) -> list[str]:
    move = np.linalg.norm(np.diff(evidence.places_m[:, body], axis=0), axis=-1)
    true = np.linalg.norm(np.diff(evidence.truth.position_m[:, body], axis=0), axis=-1)
    jumps = np.flatnonzero(np.nan_to_num(move - true) > JUMP_DIAMETERS * diameter_m)
    if not len(jumps):
        return []
    first = int(jumps[0])
    return [f"{name} jumps {move[first]:.2f} m at step {first + 1}"]


def _swapped(evidence: Evidence) -> list[tuple[tuple[str, str], int]]:
    """Pairs of bodies of which each is where the other should be, and from which step."""
    places_m, truth, bodies = evidence.places_m, evidence.truth.position_m, evidence.truth.bodies
    pairs = []
    for a, b in combinations(range(len(bodies)), 2):
        reach = 0.5 * float(evidence.truth.diameter_m[[a, b]].max())
        apart = np.linalg.norm(truth[:, a] - truth[:, b], axis=-1) > 2.0 * reach
        crossed = np.maximum(
            np.linalg.norm(places_m[:, a] - truth[:, b], axis=-1),
            np.linalg.norm(places_m[:, b] - truth[:, a], axis=-1),
        )
        hits = np.flatnonzero(apart & (np.nan_to_num(crossed, nan=np.inf) < reach))
        if len(hits) >= FRAMES_IN_A_ROW:
            pairs.append(((bodies[a], bodies[b]), int(hits[0])))
    return pairs
