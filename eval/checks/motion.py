"""Motion gate: a body that moves in the truth must move about as far in the generated frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

RATIO_RANGE = (0.5, 2.0)
MOVED_M = 0.01
"""A body counts as moved when it ends up further than this from where it started."""


def path_length_m(position_m: Float, deadband_m: float) -> float:
    """Length of a path (T, 3) counted in moves of at least `deadband_m`.

    Frame-to-frame reading noise would otherwise add up to a path of its own. Frames in which the
    body was not found (NaN) are passed over.
    """
    path = position_m[~np.isnan(position_m).any(1)]
    if not len(path):
        return 0.0
    length, anchor = 0.0, path[0]
    for point in path[1:]:
        move = float(np.linalg.norm(point - anchor))
        if move >= deadband_m:
            length, anchor = length + move, point
    return length


def path_ratio(generated_m: Float, reference_m: Float, diameter_m: float) -> float:
    """Generated over reference path length; NaN where the body moved too little to judge.

    Too little is less than three quarters of a diameter, moves below a quarter of it not counted.
    """
    deadband_m = 0.25 * diameter_m
    reference = path_length_m(reference_m, deadband_m)
    if reference < 3.0 * deadband_m:
        return float("nan")
    return path_length_m(generated_m, deadband_m) / reference


def passes(ratio: float) -> bool | None:
    """Whether a path ratio lies in the gate; None where there was too little motion to judge."""
    if np.isnan(ratio):
        return None
    return RATIO_RANGE[0] <= ratio <= RATIO_RANGE[1]
