"""Arrow of time: what rubs and bounces loses energy, so time runs the way in which it falls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worldsim.eval.checks.measure import NAN, Measure

from .energies import Energy, energies
from .energy import LEAST_ROWS, SIGMAS, smooth

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

ENDS = 3
"""So many rows at either end of a piece give its energy there."""


def arrow(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 17 of physics-eval: does energy fall over the clip, or rise with no work done?

    "arrow of time" is the energy lost over the energy lost and won from row to row, noise added to
    either: near 1 where energy falls, near 0 where it rises, 1/2 where nothing is lost.
    The alarm is what was won from the first to the last rows of each piece in all, over three
    standard errors. It looks at the clip alone: where nothing is lost, it cannot tell.
    """
    lost_j = won_j = net_j = variance = 0.0
    told = False
    for group in energies(evidence, evidence.reading):
        for piece in np.unique(group.piece):
            rows = group.rows[group.piece[group.rows] == piece]
            if len(rows) < 2 * LEAST_ROWS:
                continue
            told = True
            change_j = np.diff(smooth(group.total_j[rows]))
            lost_j -= float(np.minimum(change_j, 0.0).sum())
            won_j += float(np.maximum(change_j, 0.0).sum())
            net, error = _net(group, rows)
            net_j, variance = net_j + net, variance + error**2
    if not told:
        return (Measure("arrow of time", NAN, "share", NAN, 0.0, worst=0.0),)
    noise_j = SIGMAS * float(np.sqrt(variance)) + 1e-12
    share = (lost_j + noise_j) / (lost_j + won_j + 2.0 * noise_j)
    alarm = max(0.0, net_j) / noise_j
    return (Measure("arrow of time", share, "share", alarm, 1.0, worst=0.0),)


def _net(group: Energy, rows: np.ndarray) -> tuple[float, float]:
    """Energy at the end of a piece less that at its start, in J, and its standard error."""
    total, sigma = group.total_j[rows], group.sigma_j[rows]
    rolling = float(group.rolling_j[rows[:ENDS]].max())
    net = float(np.median(total[-ENDS:]) - np.median(total[:ENDS]))
    scale = 0.02 * float(np.ptp(total))
    error = float(np.hypot(sigma[-ENDS:].mean(), sigma[:ENDS].mean()))
    return net - rolling * (net > 0.0), float(np.hypot(error, scale))
