"""Valid horizon: steps until a body is off by half its diameter, with censoring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

TOLERANCE_DIAMETERS = 0.5
FRAMES_IN_A_ROW = 2


def first_failure(error_m: Float, limit_m: float) -> int | None:
    """First index at which the error exceeds the limit for two frames in a row, else None.

    `error_m` (T,) holds NaN where there was nothing to measure; such frames are passed over.
    """
    measured = np.flatnonzero(~np.isnan(error_m))
    over = error_m[measured] > limit_m
    return first_run(measured, over)


def first_run(frames: NDArray[np.int64], fails: NDArray[np.bool_]) -> int | None:
    """First of `frames` (K,) from which `fails` (K,) holds for two frames in a row, else None."""
    for k in np.flatnonzero(fails[: len(fails) - FRAMES_IN_A_ROW + 1]):
        if fails[k : k + FRAMES_IN_A_ROW].all():
            return int(frames[k])
    return None


def survival(failure: list[int | None], length: list[int], steps: int) -> Float:
    """Kaplan-Meier share of episodes still valid after steps 1..steps, shape (steps,).

    `failure` holds the step at which each episode failed (None: it never did, and is censored
    after `length` steps).
    """
    share = 1.0
    curve = np.empty(steps)
    ends = [stop if stop is not None else last for stop, last in zip(failure, length, strict=True)]
    for step in range(1, steps + 1):
        at_risk = sum(end >= step for end in ends)
        failed = sum(stop == step for stop in failure)
        if at_risk:
            share *= 1.0 - failed / at_risk
        curve[step - 1] = share
    return curve


def median_step(curve: Float) -> float:
    """First step at which at most half survive; infinity where more than half last to the end."""
    below = np.flatnonzero(curve <= 0.5)
    return float(below[0] + 1) if len(below) else float("inf")
