"""Scores over episodes with 95 % bootstrap intervals; NaN entries are not counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .score import Interval, Score

Float = NDArray[np.float64]
Statistic = Callable[..., Any]

RESAMPLES = 1000
FEWEST = 5
"""With fewer episodes than this an interval says nothing, and none is given."""


def interval(values: Float, statistic: Statistic = np.median) -> Interval | None:
    """95 % bootstrap interval of a statistic of values (n,), the same on every call."""
    if len(values) < FEWEST:
        return None
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(len(values), size=(RESAMPLES, len(values)))]
    low, high = np.quantile(statistic(drawn, axis=1), (0.025, 0.975))
    return float(low), float(high)


def summary(name: str, unit: str, values: Float, statistic: Statistic = np.median) -> Score:
    """Score of one value an episode (E,): the statistic, the mean beside it, n and interval."""
    values = values[~np.isnan(values)]
    if not len(values):
        return Score(name, float("nan"), unit, 0)
    return Score(
        name,
        float(statistic(values)),
        unit,
        len(values),
        interval=interval(values, statistic),
        mean=float(values.mean()),
    )


def per_step(values: Float, statistic: Statistic = np.nanmedian) -> tuple[float, ...]:
    """Statistic over episodes of values (E, S) at every step, NaN where there is none.

    Rounded to six decimals: a micrometre, and a curve stays short as text.
    """
    columns = [column[~np.isnan(column)] for column in values.T]
    return tuple(round(float(statistic(c)), 6) if len(c) else float("nan") for c in columns)


def ratio(name: str, above: Float, below: Float) -> Score:
    """Median of `above` over median of `below`, both (E,); `mean` is the ratio of the means."""
    kept = ~np.isnan(above) & ~np.isnan(below)
    above, below = above[kept], below[kept]
    if not len(above) or np.median(below) <= 0.0 or below.mean() <= 0.0:
        return Score(name, float("nan"), "ratio", 0)
    spread = None
    if len(above) >= FEWEST:
        drawn = np.random.default_rng(0).integers(len(above), size=(RESAMPLES, len(above)))
        scale = np.maximum(np.median(below[drawn], axis=1), 1e-9)
        low, high = np.quantile(np.median(above[drawn], axis=1) / scale, (0.025, 0.975))
        spread = float(low), float(high)
    value = float(np.median(above) / np.median(below))
    mean = float(above.mean() / below.mean())
    return Score(name, value, "ratio", len(above), interval=spread, mean=mean)


def ratio_of_means(name: str, above: Float, below: Float) -> Score:
    """Mean of `above` over mean of `below`, both (E,), with a bootstrap interval."""
    kept = ~np.isnan(above) & ~np.isnan(below)
    above, below = above[kept], below[kept]
    if not len(above) or below.mean() <= 0.0:
        return Score(name, float("nan"), "ratio", 0)
    spread = None
    if len(above) >= FEWEST:
        drawn = np.random.default_rng(0).integers(len(above), size=(RESAMPLES, len(above)))
        scale = np.maximum(below[drawn].mean(axis=1), 1e-9)
        low, high = np.quantile(above[drawn].mean(axis=1) / scale, (0.025, 0.975))
        spread = float(low), float(high)
    value = float(above.mean() / below.mean())
    return Score(name, value, "ratio", len(above), interval=spread)
