"""Spread: are a model's many futures as wide as those that the simulator holds possible?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.eval.checks.position import SIGMAS

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
NAN = float("nan")

SHARE = 0.9
LEAST_DRAWS = 8


@dataclass(frozen=True)
class Spread:
    """Draws of a model against an ensemble of the simulator, over P places.

    A place is one body in one frame. `informative` is the share of visible places at which the
    ensemble is wider than three deviations of the reading, `measurable` the share of those that
    all draws show; the rest is over these, NaN without any. `coverage` is the share of simulated
    places within the draws' region of 90 %, `nominal` what it is where both are of one
    distribution. `energy_m` is the fair energy score and `crps_m` the fair CRPS of a coordinate;
    `ensemble_energy_m` is the energy score of the ensemble itself. `spread_skill` is 1 where the
    draws spread as far as they err, below where they are too sure.
    """

    places: int
    informative: float
    measurable: float = NAN
    coverage: float = NAN
    nominal: float = NAN
    energy_m: float = NAN
    ensemble_energy_m: float = NAN
    crps_m: float = NAN
    spread_skill: float = NAN


def spread(draws_m: Float, ensemble_m: Float, sigma_m: Float, visible: Bool) -> Spread:
    """Check 15 of physics-eval, from places (K, S, M, 3) of draws and (E, S, M, 3) simulated.

    Draws are NaN where a body was not found; `sigma_m` (S, M) is the standard error of a coordinate
    read, `visible` (S, M) what is to be seen. Fair scores: Ferro 2014, over all pairs of different
    draws. The region of 90 % holds a place that is no farther from the mean of the others than 90 %
    of the draws and itself are.

    Raises InputError where there are fewer than eight draws, fewer than two runs, runs lack places
    or shapes differ.
    """
    if len(draws_m) < LEAST_DRAWS or len(ensemble_m) < 2:
        raise InputError(f"a spread needs {LEAST_DRAWS} draws and 2 runs of the simulator")
    if draws_m.shape[1:] != ensemble_m.shape[1:]:
        raise InputError(f"draws are {draws_m.shape[1:]}, the ensemble {ensemble_m.shape[1:]}")
    if not np.isfinite(ensemble_m).all():
        raise InputError("runs of the simulator must have every place")
    wide_m = np.sqrt(ensemble_m.var(axis=0, ddof=1).sum(-1))
    telling = visible & (wide_m >= SIGMAS * sigma_m)
    found = telling & np.isfinite(draws_m).all((0, -1))
    informative = float(telling.sum() / visible.sum()) if visible.any() else NAN
    if not found.any():
        return Spread(0, informative, 0.0 if telling.any() else NAN)
    return _spread(
        draws_m[:, found], ensemble_m[:, found], informative, float(found.sum() / telling.sum())
    )


def _spread(draws_m: Float, ensemble_m: Float, informative: float, measurable: float) -> Spread:
    """Of places (K, P, 3) and (E, P, 3)."""
    count = len(draws_m)
    inside = [np.mean(_rank(draws_m, run) <= SHARE * (count + 1)) for run in ensemble_m]
    variance = (draws_m - draws_m[0]).var(axis=0, ddof=1).mean()  # exactly 0 where all are one
    skill = np.mean([(run - draws_m.mean(0)) ** 2 for run in ensemble_m])
    widened = np.sqrt((count + 1) / count * variance)
    return Spread(
        draws_m.shape[1],
        informative,
        measurable,
        coverage=float(np.mean(inside)),
        nominal=float(np.floor(SHARE * (count + 1)) / (count + 1)),
        energy_m=energy_m(draws_m, ensemble_m),
        ensemble_energy_m=0.5 * _apart(ensemble_m),
        crps_m=energy_m(draws_m[..., None], ensemble_m[..., None]),
        spread_skill=float(widened / np.sqrt(skill)),
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
    """Rank (P,) of an outcome among the draws by distance from the mean of the others, from 1."""
    pooled = np.concatenate([draws, outcome[None]])
    others = (pooled.sum(0) - pooled) / (len(pooled) - 1)
    far = np.linalg.norm(pooled - others, axis=-1)
    rank: Float = 1.0 + (far[:-1] < far[-1]).sum(0)
    return rank
