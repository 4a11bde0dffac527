"""Obedience: how well the driven body's motion follows the logged actions, and how late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.measure import NAN, Measure

from .commands import Response, response

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

MOST_LAG = 6
"""Lags from 0 to so many frames are tried."""
LEAST_ROWS = 6
SIGMAS = 3.0


def obedience(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 13 of physics-eval in one clip: gain and lag of the action, beside the reference's.

    gain = <shown, asked> / <asked, asked> over frames, both centred, divided by the same of the
    reference's own frames: 1 where the action does what it should, 0 where it is ignored. Its
    alarm is the difference of the two gains over three standard errors. Lag is the shift of the
    actions that explains what is shown best, in frames, less the reference's; its alarm is how much
    better than no shift it explains that, as a likelihood ratio's root over three.
    Without a motion that can be read, or with no action, there is nothing to measure.
    """
    shown, floor = response(evidence, evidence.reading), response(evidence, evidence.floor)
    if shown is None or floor is None:
        return _nothing(NAN)
    rows = np.logical_not(np.isnan(floor.shown).any(axis=1))
    rows[: min(MOST_LAG, len(rows) // 3)] = False
    if rows.sum() < LEAST_ROWS or np.ptp(floor.asked[rows], axis=0).max() == 0.0:
        return _nothing(NAN)
    both = np.logical_and(rows, np.logical_not(np.isnan(shown.shown).any(axis=1)))
    measurable = float(both.sum() / rows.sum())
    if both.sum() < LEAST_ROWS:
        return tuple(m.failed() for m in _nothing(measurable, 0.0))
    own, error = gain(shown, both)
    wanted, floor_error = gain(floor, both)
    apart = abs(own - wanted) / (SIGMAS * float(np.hypot(error, floor_error)))
    ratio = own / wanted if abs(wanted) > SIGMAS * floor_error else NAN
    lag, better = best_lag(shown, both)
    floor_lag, floor_better = best_lag(floor, both)
    return (
        Measure("action gain", ratio, "ratio", apart, measurable, worst=0.0),
        Measure(
            "action lag",
            float(lag - floor_lag),
            "frames",
            max(better - floor_better, 0.0),
            measurable,
            worst=float(MOST_LAG),
        ),
    )


def gain(motion: Response, rows: NDArray[np.bool_]) -> tuple[float, float]:
    """Least-squares slope of what is shown on what is asked, and its error by the reading's."""
    asked, shown = _centred(motion.asked[rows]), _centred(motion.shown[rows])
    power = max(float((asked**2).sum()), 1e-12)
    return float((asked * shown).sum()) / power, motion.sigma / float(np.sqrt(power))


def best_lag(motion: Response, rows: NDArray[np.bool_]) -> tuple[int, float]:
    """The lag in frames that leaves the least unexplained, and how much less than lag 0 leaves."""
    shown = _centred(motion.shown[rows])
    left = []
    for lag in range(MOST_LAG + 1):
        late = np.concatenate([np.repeat(motion.asked[:1], lag, axis=0), motion.asked])
        asked = _centred(late[: len(motion.asked)][rows])
        power = float((asked**2).sum())
        slope = max(float((asked * shown).sum()), 0.0) / power if power > 1e-12 else 0.0
        left.append(float(((shown - slope * asked) ** 2).sum()))
    best = int(np.argmin(left))
    # Contacts add to what is shown: the spread that stays counts where it is more than reading's.
    noise = max(left[best] / shown.size, motion.sigma**2)
    return best, float(np.sqrt(max(left[0] - left[best], 0.0) / noise)) / SIGMAS


def _centred(values: Float) -> Float:
    centred: Float = values - values.mean(0)
    return centred


def _nothing(measurable: float, alarm: float = NAN) -> tuple[Measure, ...]:
    return (
        Measure("action gain", NAN, "ratio", alarm, measurable, worst=0.0),
        Measure("action lag", NAN, "frames", alarm, measurable, worst=float(MOST_LAG)),
    )
