"""Spread: draws of the simulator's own distribution are calibrated, narrow and wide ones not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worldsim.errors import InputError
from worldsim.eval.actions.spread import Spread, energy_m, spread

DRAWS, RUNS, STEPS, BODIES = 16, 16, 40, 2
SIGMA_M = np.full((STEPS, BODIES), 1e-3)
SEEN = np.ones((STEPS, BODIES), bool)


def normal(seed: int, count: int, scale_m: float = 0.02, shift_m: float = 0.0) -> np.ndarray:
    """Places that differ from draw to draw and from step to step."""
    rng = np.random.default_rng(seed)
    return shift_m + rng.normal(0.0, scale_m, (count, STEPS, BODIES, 3))


def judged(draws: np.ndarray, runs: np.ndarray | None = None) -> Spread:
    return spread(draws, normal(1, RUNS) if runs is None else runs, SIGMA_M, SEEN)


def test_draws_of_one_distribution_are_calibrated() -> None:
    found = judged(normal(0, DRAWS))
    assert found.informative == found.measurable == 1.0 and found.places == STEPS * BODIES
    assert found.nominal == pytest.approx(15 / 17)
    assert found.coverage == pytest.approx(found.nominal, abs=0.03)
    assert found.spread_skill == pytest.approx(1.0, abs=0.05)
    assert found.energy_m == pytest.approx(found.ensemble_energy_m, rel=0.05)


def test_draws_that_are_too_sure_are_seen() -> None:
    found, right = judged(normal(0, DRAWS, 0.006)), judged(normal(0, DRAWS))
    assert found.coverage < 0.5 and found.spread_skill < 0.5
    assert found.energy_m > right.energy_m and found.crps_m > right.crps_m


def test_draws_that_are_too_wide_are_seen() -> None:
    found, right = judged(normal(0, DRAWS, 0.06)), judged(normal(0, DRAWS))
    assert found.coverage > 0.97 and found.spread_skill > 2.0
    assert found.energy_m > right.energy_m and found.crps_m > right.crps_m


def test_one_future_for_all_has_no_spread() -> None:
    found = judged(np.repeat(normal(0, 1), DRAWS, axis=0))
    assert found.coverage == 0.0 and found.spread_skill == 0.0
    assert found.energy_m > found.ensemble_energy_m


@given(seed=st.integers(0, 50), shift_m=st.floats(0.02, 0.1), scale=st.floats(0.2, 5.0))
@settings(max_examples=15, deadline=None)
def test_the_right_distribution_has_the_least_energy(
    seed: int, shift_m: float, scale: float
) -> None:
    outcomes = normal(seed + 1000, 32)
    right = energy_m(normal(seed, DRAWS), outcomes)
    assert energy_m(normal(seed, DRAWS, 0.02 * scale, shift_m), outcomes) > right


def test_the_energy_of_one_coordinate_is_the_crps_of_two_draws() -> None:
    """By hand: draws 0 and 2, outcome 1: 1 - 2 / 2."""
    assert energy_m(np.array([[0.0], [2.0]]), np.array([[1.0]])) == pytest.approx(0.0)
    assert energy_m(np.array([[0.0], [2.0]]), np.array([[4.0]])) == pytest.approx(2.0)


def test_where_the_simulator_has_one_future_nothing_is_asked() -> None:
    found = judged(normal(0, DRAWS), normal(1, RUNS, 1e-4))
    assert (found.places, found.informative) == (0, 0.0) and math.isnan(found.coverage)


def test_half_of_the_places_tell() -> None:
    runs = normal(1, RUNS)
    runs[:, :, 1] = 0.5
    found = judged(normal(0, DRAWS), runs)
    assert found.informative == 0.5 and found.coverage == pytest.approx(15 / 17, abs=0.04)


def test_what_one_draw_lost_is_not_measured_and_said() -> None:
    draws = normal(0, DRAWS)
    draws[3, : STEPS // 2] = np.nan
    assert judged(draws).measurable == 0.5
    draws[:] = np.nan
    lost = judged(draws)
    assert lost.measurable == 0.0 and math.isnan(lost.coverage)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(InputError, match="8 draws"):
        judged(normal(0, 7))
    with pytest.raises(InputError, match="the ensemble"):
        judged(normal(0, DRAWS), normal(1, RUNS)[:, :4])
    with pytest.raises(InputError, match="every place"):
        judged(normal(0, DRAWS), np.full((RUNS, STEPS, BODIES, 3), np.nan))
