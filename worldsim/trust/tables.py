"""Two tables of watched dreams: how uncertainty ranks errors, and when alarms fire."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from worldsim.envs.alarms import NAMES
from worldsim.trust.watch import Watched

Float = NDArray[np.float64]
Signal = Callable[[Watched], Float]

EVERY = 4
"""Correlations across clips are taken at every fourth step and averaged."""
SIGNALS: dict[str, Signal] = {
    "step number": lambda one: np.arange(1.0, one.steps + 1.0),
    "motion so far": lambda one: one.motion,
    "bodies not found": lambda one: 1.0 - one.found.mean(1),
    "two drafts": lambda one: one.doubt_m,
    "uncertainty": lambda one: one.values["uncertainty"],
}


def ranks(clips: Sequence[Watched]) -> str:
    """Spearman's rank correlation of each signal with the true error, in markdown.

    By scenario over all frames of all clips; their mean; the same across clips at a fixed step,
    which the passing of time cannot explain; with the error of those bodies alone that are found;
    and with the error in pixel values.
    """
    scenarios = list(dict.fromkeys(one.scenario for one in clips))
    heads = ["split", "signal", *scenarios, "mean", "at one step", "found bodies", "pixels"]
    lines = [_row(heads), "|" + "---|" * len(heads)]
    for split in dict.fromkeys(one.split for one in clips):
        for name, signal in SIGNALS.items():
            groups = [
                [one for one in clips if (one.scenario, one.split) == (scenario, split)]
                for scenario in scenarios
            ]
            pooled = [_pooled(group, signal, body_error_m) for group in groups]
            others = [
                _mean([_at_one_step(group, signal, body_error_m) for group in groups]),
                _mean([_pooled(group, signal, found_error_m) for group in groups]),
                _mean([_pooled(group, signal, lambda one: one.pixel_error) for group in groups]),
            ]
            cells = [_number(value) for value in (*pooled, _mean(pooled), *others)]
            lines.append(_row([split, name, *cells]))
    return "\n".join(lines)


def body_error_m(clip: Watched) -> Float:
    """Mean error (S,) of the bodies that are truly to be seen; NaN where none is."""
    return _row_means(clip.error_m)


def found_error_m(clip: Watched) -> Float:
    """The same of those that are found in the dream."""
    return _row_means(np.where(clip.found, clip.error_m, np.nan))


def alarms(clips: Sequence[Watched]) -> str:
    """How often and how early each alarm fires before a dream fails, and how often for nothing.

    In markdown. A dream fails at the end of its valid horizon.
    """
    failed = [one for one in clips if one.failed_at is not None]
    whole = [one for one in clips if one.failed_at is None]
    heads = [
        "alarm",
        f"before failure, of {len(failed)}",
        "steps before (median)",
        "later",
        "never",
    ]
    heads += [f"in valid clips, of {len(whole)}", "of valid frames"]
    lines = [_row(heads), "|" + "---|" * len(heads)]
    for name in (*NAMES, "any"):
        first = [_first(one, name) for one in failed]
        lead = [
            one.failed_at - step
            for one, step in zip(failed, first, strict=True)
            if one.failed_at is not None and step is not None and step < one.failed_at
        ]
        never = sum(step is None for step in first)
        frames = [_fired(one, name)[one.valid] for one in clips]
        rates = [
            _share(len(lead), len(failed)),
            f"{np.median(lead):.0f}" if lead else "-",
            _share(len(failed) - len(lead) - never, len(failed)),
            _share(never, len(failed)),
            _share(sum(_first(one, name) is not None for one in whole), len(whole)),
            _share(sum(int(row.sum()) for row in frames), sum(len(row) for row in frames)),
        ]
        lines.append(_row([name.replace("_", " "), *rates]))
    return "\n".join(lines)


def _fired(clip: Watched, name: str) -> NDArray[np.bool_]:
    some: NDArray[np.bool_] = np.logical_or.reduce(list(clip.fired.values()))
    return some if name == "any" else clip.fired[name]


def _first(clip: Watched, name: str) -> int | None:
    """The first step at which an alarm fires."""
    steps = np.flatnonzero(_fired(clip, name)) + 1
    return int(steps[0]) if len(steps) else None


def _pooled(group: Sequence[Watched], signal: Signal, error: Signal) -> float:
    if not group:
        return np.nan
    return _rho(*(np.concatenate([of(one) for one in group]) for of in (signal, error)))


def _at_one_step(group: Sequence[Watched], signal: Signal, error: Signal) -> float:
    if not group:
        return np.nan
    rows = [np.stack([of(one) for one in group]) for of in (signal, error)]
    steps = range(EVERY - 1, rows[0].shape[1], EVERY)
    return _mean([_rho(rows[0][:, step], rows[1][:, step]) for step in steps])


def _rho(one: Float, other: Float) -> float:
    """Spearman's rho; NaN where either is the same everywhere, or fewer than four are known."""
    known = np.isfinite(one) & np.isfinite(other)
    one, other = one[known], other[known]
    if len(one) < 4 or not np.ptp(one) or not np.ptp(other):
        return np.nan
    return float(spearmanr(one, other).statistic)


def _row_means(values: Float) -> Float:
    known = ~np.isnan(values)
    means: Float = np.where(known, values, 0.0).sum(1) / np.where(
        known.any(1), known.sum(1), np.nan
    )
    return means


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else np.nan


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


def _share(count: int, of: int) -> str:
    return f"{100.0 * count / of:.0f} %" if of else "-"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
