"""Motion gate: a body that moves in the truth must move about as far in the generated frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .measure import INF, NAN, Measure
from .position import SIGMAS, limit_m
from .series import largest

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

RATIO_RANGE = (0.5, 2.0)
MOVED_M = 0.01
"""A body counts as moved when it ends up further than this from where it started."""
DEADBAND_DIAMETERS = 0.25
"""Moves shorter than this are reading noise or do not matter."""


def motion(evidence: Evidence) -> tuple[Measure, ...]:
    """Rule 2 of physics-eval 5.2: moving bodies must move, and resting ones rest.

    The path ratio shown is that of the body farthest from 1. What rests in the truth is held to
    its own length of path, in diameters. A body that is never found has not moved.
    """
    ratios, excess = path_ratios(evidence), _excess(evidence)
    visible = evidence.errors.visible[1:]
    measurable = 1.0 - float(evidence.errors.lost[1:][visible].mean()) if visible.any() else NAN
    with np.errstate(divide="ignore"):
        off = np.abs(np.log(ratios))
    worst = ratios[np.nanargmax(off)] if not np.isnan(off).all() else NAN
    rest = largest(excess)
    return (
        Measure("path ratio", float(worst), "ratio", largest(off), measurable, worst=0.0),
        Measure("moved at rest", rest, "diameters", rest, measurable),
    )


def frozen(evidence: Evidence) -> bool:
    """True where bodies move in the truth and none of them does so in the clip.

    Such a clip earns no credit for anything that stays as it is.
    """
    ratios = path_ratios(evidence)
    moving = ratios[~np.isnan(ratios)]
    return bool(len(moving) and (moving < RATIO_RANGE[0]).all())


def path_ratios(evidence: Evidence) -> Float:
    """Path of each body (M,) over its true one, where it is visible in the truth."""
    paths = zip(*_visible_paths(evidence), _widths(evidence), strict=True)
    return np.array([path_ratio(*path) for path in paths])


def _excess(evidence: Evidence) -> Float:
    """How much further than in the truth the resting bodies (M,) move, in widths; else NaN."""
    excess = np.full(len(evidence.truth.bodies), np.nan)
    paths = zip(*_visible_paths(evidence), _widths(evidence), strict=True)
    for index, (made, true, width_m) in enumerate(paths):
        seen = evidence.truth.visible[1:, index].any()
        if seen and np.isnan(path_ratio(made, true, width_m)):
            deadband_m = DEADBAND_DIAMETERS * width_m
            more_m = path_length_m(_steady(made), deadband_m) - path_length_m(true, deadband_m)
            found = not np.isnan(made[1:]).all()
            excess[index] = max(0.0, more_m / width_m) if found else INF
    return excess


def _visible_paths(evidence: Evidence) -> tuple[list[Float], list[Float]]:
    """Paths (S+1, 3) of each body in the clip and in the truth, NaN where it cannot be seen."""
    visible = evidence.truth.visible[..., None]
    made = np.where(visible, evidence.places_m, np.nan)
    true = np.where(visible, evidence.truth.position_m, np.nan)
    return list(made.swapaxes(0, 1)), list(true.swapaxes(0, 1))


def _steady(path: Float) -> Float:
    """A path (S+1, 3) without its odd single frames: medians of three that were found."""
    kept = path[~np.isnan(path).any(1)]
    if len(kept) < 3:
        return kept
    middle = np.median(np.lib.stride_tricks.sliding_window_view(kept, 3, axis=0), axis=-1)
    return np.concatenate([kept[:1], middle, kept[-1:]])


def _widths(evidence: Evidence) -> Float:
    """Diameters (M,), or what makes the reading's error a deadband where that is wider."""
    noise_m: Float = np.median(limit_m(evidence, 0.0), axis=0) / SIGMAS
    widths: Float = np.maximum(evidence.truth.diameter_m, 2.0 * SIGMAS * noise_m)
    return widths


def path_length_m(position_m: Float, deadband_m: float) -> float:
    """Length of a path (T, 3) counted in moves of at least `deadband_m`.

    Frame-to-frame reading noise would otherwise add up to a path of its own. Frames in which the
    body was not found (NaN) are passed over.
    """
    path = position_m[~np.isnan(position_m).any(1)].tolist()
    if not path:
        return 0.0
    length, anchor = 0.0, path[0]
    for point in path[1:]:
        move = math.dist(point, anchor)
        if move >= deadband_m:
            length, anchor = length + move, point
    return length


def path_ratio(generated_m: Float, reference_m: Float, diameter_m: float) -> float:
    """Generated over reference path length; NaN where the body moved too little to judge.

    Too little is less than three quarters of a diameter, moves below a quarter of it not counted.
    """
    deadband_m = DEADBAND_DIAMETERS * diameter_m
    reference = path_length_m(reference_m, deadband_m)
    if reference < 3.0 * deadband_m:
        return float("nan")
    return path_length_m(generated_m, deadband_m) / reference


def passes(ratio: float) -> bool | None:
    """Whether a path ratio lies in the gate; None where there was too little motion to judge."""
    if np.isnan(ratio):
        return None
    return bool(RATIO_RANGE[0] <= ratio <= RATIO_RANGE[1])
