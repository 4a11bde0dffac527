"""Scores over episodes with 95 % bootstrap intervals; NaN entries are not counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.horizon import kaplan_meier, median_steps

from .score import Interval, Score

Float = NDArray[np.float64]
Statistic = Callable[..., Any]

RESAMPLES = 1000
FEWEST = 5
"""With fewer episodes than this an interval says nothing, and none is given."""


def interval(values: Float, statistic: Statistic = np.median) -> Interval | None:
    """95 % bootstrap interval of a statistic of values (n,), the same on every call."""
    drawn = _resampled(len(values))
    return None if drawn is None else _spread(statistic(values[drawn], axis=1))


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


def censored(
    name: str, unit: str, ends: Float, length: Float, steps: int, step_s: float = 1.0
) -> Score:
    """Kaplan-Meier median of the steps (E,) at which episodes failed; infinity: they never did.

    Those are censored after their `length` (E,) steps, and counted. `step_s` is a step in `unit`;
    `per_step` the share still valid at every step, `mean` the steps that are valid on average of
    `steps` (the area below that curve).
    """
    known = ~np.isnan(ends)
    failed = np.isfinite(ends[known])
    stop = np.where(failed, ends[known], length[known]).astype(np.int64)
    if not len(stop):
        return Score(name, float("nan"), unit, 0)
    curve = kaplan_meier(stop, failed, steps)
    drawn, spread = _resampled(len(stop)), None
    if drawn is not None:
        spread = _spread(step_s * median_steps(kaplan_meier(stop[drawn], failed[drawn], steps)))
    return Score(
        name,
        float(step_s * median_steps(curve)),
        unit,
        len(stop),
        interval=spread,
        mean=float(step_s * curve.sum()),
        per_step=tuple(curve.tolist()),
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
    spread, drawn = None, _resampled(len(above))
    if drawn is not None:
        scale = np.maximum(np.median(below[drawn], axis=1), 1e-9)
        spread = _spread(np.median(above[drawn], axis=1) / scale)
    value = float(np.median(above) / np.median(below))
    mean = float(above.mean() / below.mean())
    return Score(name, value, "ratio", len(above), interval=spread, mean=mean)


def ratio_of_means(name: str, above: Float, below: Float) -> Score:
    """Mean of `above` over mean of `below`, both (E,), with a bootstrap interval."""
    kept = ~np.isnan(above) & ~np.isnan(below)
    above, below = above[kept], below[kept]
    if not len(above) or below.mean() <= 0.0:
        return Score(name, float("nan"), "ratio", 0)
    spread, drawn = None, _resampled(len(above))
    if drawn is not None:
        scale = np.maximum(below[drawn].mean(axis=1), 1e-9)
        spread = _spread(above[drawn].mean(axis=1) / scale)
    value = float(above.mean() / below.mean())
    return Score(name, value, "ratio", len(above), interval=spread)


def _resampled(count: int) -> NDArray[np.int64] | None:
    """Indices (RESAMPLES, count) drawn with replacement, the same on every call."""
    if count < FEWEST:
        return None
    return np.random.default_rng(0).integers(count, size=(RESAMPLES, count))


def _spread(statistics: Float) -> Interval:
    """The middle 95 % of bootstrapped statistics; no mixing where some are infinite."""
    if np.isfinite(statistics).all():
        low, high = np.quantile(statistics, (0.025, 0.975))
    else:
        low, high = np.quantile(statistics, (0.025, 0.975), method="nearest")
    return float(low), float(high)
