"""The chaos ceiling (F3): how far the simulator parts from itself when its start is not exact."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.checks.horizon import TOLERANCE_DIAMETERS, exceeded, first
from worldsim.eval.checks.position import Truth

Float = NDArray[np.float64]


class Rerun(Protocol):
    """Whoever can simulate: evaluators cannot. See worldsim.ceiling."""

    def __call__(self, reference: Episode, start: int, sigma_m: float) -> Float | None:
        """Places (R, T+1, N, 3) of all bodies in R runs from perturbed starts.

        Each repeats the reference's actions, with the bodies moved by `sigma_m` at frame `start`.
        None where the reference cannot be simulated again.
        """
        ...


def spread_m(runs_m: Float, truth: Truth) -> Float:
    """Root mean square distance of runs (R, T+1, M, 3) from the truth, (T+1, M) metres."""
    square = np.square(runs_m - truth.position_m).sum(-1)
    spread: Float = np.sqrt(square.mean(0))
    return spread


def ceiling_steps(
    runs_m: Float, truth: Truth, diameters: float = TOLERANCE_DIAMETERS
) -> list[int | None]:
    """For each run (R, S+1, M, 3) the step at which its first body is off for two frames.

    Off is farther than so many diameters from where it was in the truth; None: it never was. These
    are the ends and the censored clips of the ceiling's Kaplan-Meier curve.
    """
    distance = np.linalg.norm(runs_m - truth.position_m, axis=-1)
    distance = np.where(truth.visible, distance, np.nan)
    limit = np.broadcast_to(diameters * truth.diameter_m, distance.shape[1:])
    return [first(exceeded(run, limit)) for run in distance]


def reading_error_m(read_m: Float, truth: Truth) -> float:
    """Robust deviation of one coordinate of places (T+1, M, 3) read off the reference: 1.4826 MAD.

    0 where nothing was read, or where the truth itself is a reading.
    """
    offset = (read_m - truth.position_m)[truth.visible]
    offset = offset[np.isfinite(offset).all(-1)]
    if not offset.size:
        return 0.0
    return float(1.4826 * np.median(np.abs(offset - np.median(offset, axis=0))))
