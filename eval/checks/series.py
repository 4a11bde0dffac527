"""Values over time, one column a body: means, medians and what lasts for two frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

WINDOW = 5
"""Frames of a running median: three odd ones do not raise it."""


def mean(values: NDArray[np.floating]) -> float:
    """Mean of what was measured; NaN where nothing was."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else float("nan")


def median(values: NDArray[np.floating]) -> float:
    """Median of what was measured; NaN where nothing was."""
    kept = values[~np.isnan(values)]
    return float(np.median(kept)) if kept.size else float("nan")


def largest(values: NDArray[np.floating]) -> float:
    """Largest of what was measured; NaN where nothing was."""
    kept = values[~np.isnan(values)]
    return float(kept.max()) if kept.size else float("nan")


def largest_pair(over: Float) -> tuple[float, int | None]:
    """Largest value (S, M) that lasts for two measured frames of a column, NaN where none is.

    Row k is step k + 1. Beside it the first step from which a column is above 1 for two frames.
    A column of one measured frame counts as it is.
    """
    worst, steps = [], []
    for column in over.T:
        frames = np.flatnonzero(~np.isnan(column))
        values = column[frames]
        if not len(values):
            continue
        lasting = np.minimum(values[:-1], values[1:]) if len(values) > 1 else values
        worst.append(float(lasting.max()))
        steps += [int(frames[k]) + 1 for k in np.flatnonzero(lasting > 1.0)[:1]]
    return (max(worst) if worst else float("nan")), min(steps, default=None)


def running_median(values: Float) -> Float:
    """Median of every `WINDOW` measured values (S,) in a row; of all where there are fewer."""
    kept = values[~np.isnan(values)]
    if len(kept) <= WINDOW:
        return np.median(kept, keepdims=True) if len(kept) else kept
    windows = np.lib.stride_tricks.sliding_window_view(kept, WINDOW)
    medians: Float = np.median(windows, axis=-1)
    return medians
