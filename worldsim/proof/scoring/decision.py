"""How well scores of clips tell faulty from clean ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Float = NDArray[np.float64]
FALSE_ALARMS = 0.01
FOUND = 0.9
RESAMPLES = 1000


def auc(clean: Float, faulty: Float) -> float:
    """Chance that a faulty clip scores above a clean one, ties counting half (Mann-Whitney)."""
    if not len(clean) or not len(faulty):
        return float("nan")
    return float(_aucs(clean[None], faulty[None])[0])


def auc_interval(clean: Float, faulty: Float) -> tuple[float, float]:
    """95 % bootstrap interval, both classes drawn anew; the same on every call."""
    if not len(clean) or not len(faulty):
        return float("nan"), float("nan")
    rng = np.random.default_rng(0)
    drawn = _aucs(
        rng.choice(clean, (RESAMPLES, len(clean))), rng.choice(faulty, (RESAMPLES, len(faulty)))
    )
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _aucs(clean: Float, faulty: Float) -> Float:
    """One AUC a row of clean (k, n) and faulty (k, m)."""
    count = faulty.shape[1]
    ranks = rankdata(np.hstack([clean, faulty]), axis=1)[:, clean.shape[1] :]
    pairs: Float = ranks.sum(1) - count * (count + 1) / 2.0
    areas: Float = pairs / (count * clean.shape[1])
    return areas


def line(clean: Float, false_alarms: float = FALSE_ALARMS) -> float:
    """The lowest score that at most this share of clean clips exceeds."""
    allowed = int(np.floor(false_alarms * len(clean) + 1e-9))
    return float(np.sort(clean)[len(clean) - 1 - allowed]) if len(clean) else float("nan")


def found_share(clean: Float, faulty: Float) -> float:
    """Share of faulty clips above the line of 1 % false alarms."""
    return float((faulty > line(clean)).mean()) if len(faulty) else float("nan")


def smallest_found(clean: Float, faulty: Mapping[float, Float]) -> float | None:
    """The subtlest magnitude, in the order given, of which 90 % and more are found."""
    for magnitude, scores in faulty.items():
        if found_share(clean, scores) >= FOUND:
            return magnitude
    return None
