"""Spread: are a model's many futures as wide as those that the simulator holds possible?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError

Float = NDArray[np.float64]

SHARE = 0.9
LEAST_DRAWS = 8


@dataclass(frozen=True)
class Spread:
    """Draws of a model against an ensemble of the simulator.

    `coverage` is the share of simulated places within the draws' region of 90 %, `nominal` what it
    is where both are of one distribution. `energy_m` is the fair energy score and `crps_m` the
    fair CRPS of a coordinate, means over steps and bodies; `ensemble_energy_m` is the energy score
    of the ensemble itself. `spread_skill` is 1 where the draws spread as far as they err, below
    where they are too sure.
    """

    coverage: float
    nominal: float
    energy_m: float
    ensemble_energy_m: float
    crps_m: float
    spread_skill: float


def spread(draws_m: Float, ensemble_m: Float) -> Spread:
    """Check 15 of physics-eval, from places (K, S, M, 3) of draws and (E, S, M, 3) simulated.

    Fair scores: Ferro 2014, over all pairs of different draws. The region of 90 % holds a place
    that is no farther from the mean of the others than 90 % of the draws and itself are. Raises
    InputError where there are fewer than eight draws, fewer than two runs or places are missing.
    """
    if len(draws_m) < LEAST_DRAWS or len(ensemble_m) < 2:
        raise InputError(f"a spread needs {LEAST_DRAWS} draws and 2 runs of the simulator")
    if draws_m.shape[1:] != ensemble_m.shape[1:]:
        raise InputError(f"draws are {draws_m.shape[1:]}, the ensemble {ensemble_m.shape[1:]}")
    if not (np.isfinite(draws_m).all() and np.isfinite(ensemble_m).all()):
        raise InputError("draws and ensemble must have every place; leave out what was not found")
    count = len(draws_m)
    inside = [np.mean(_rank(draws_m, run) <= SHARE * (count + 1)) for run in ensemble_m]
    variance = draws_m.var(axis=0, ddof=1).mean()
    skill = np.mean([(run - draws_m.mean(0)) ** 2 for run in ensemble_m])
    widened = np.sqrt((count + 1) / count * variance)
    return Spread(
        coverage=float(np.mean(inside)),
        nominal=float(np.floor(SHARE * (count + 1)) / (count + 1)),
        energy_m=energy_m(draws_m, ensemble_m),
        ensemble_energy_m=0.5 * float(_apart(ensemble_m)),
        crps_m=energy_m(draws_m[..., None], ensemble_m[..., None]),
        spread_skill=float(widened / np.sqrt(skill)) if skill > 0.0 else 1.0,
    )


def energy_m(draws: Float, outcomes: Float) -> float:
    """Fair energy score E|X - y| - E|X - X'|/2 in m over the last axis, mean over all others."""
    error = np.mean([np.linalg.norm(draws - y, axis=-1).mean() for y in outcomes])
    return float(error) - 0.5 * _apart(draws)


def _apart(draws: Float) -> float:
    """Mean distance of two different draws."""
    total = sum(float(np.linalg.norm(draws - one, axis=-1).mean()) for one in draws)
    return total / (len(draws) - 1)


def _rank(draws: Float, outcome: Float) -> Float:
    """Rank (S, M) of an outcome among the draws by distance from the mean of the others, from 1."""
    pooled = np.concatenate([draws, outcome[None]])
    others = (pooled.sum(0) - pooled) / (len(pooled) - 1)
    far = np.linalg.norm(pooled - others, axis=-1)
    rank: Float = 1.0 + (far[:-1] < far[-1]).sum(0)
    return rank
