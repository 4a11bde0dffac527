"""Position errors, valid horizon, motion gate and pixel scores against values known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from worldsim.eval.checks.horizon import first_failure, median_step, survival
from worldsim.eval.checks.motion import passes, path_length_m, path_ratio
from worldsim.eval.checks.position import Truth, diagonal_m, errors, split
from worldsim.eval.reference.pixels import BEST_DB, one_step_errors, psnr_db
from worldsim.eval.statistics import censored, interval, ratio, summary
from worldsim.sim.camera import Camera
from worldsim.sim.scenarios import make_scene

CAMERA = Camera(position_m=(0.0, -1.0, 1.0), target_m=(0.0, 0.0, 0.0))
SCENE = make_scene("push", 3)
NAMES = tuple(SCENE.bodies[i].name for i in SCENE.moving)


def truth_at(visible: bool = True, frames: int = 3) -> Truth:
    places = np.array([SCENE.bodies[i].position_m for i in SCENE.moving])
    shape = (frames, len(NAMES))
    return Truth(SCENE, NAMES, np.tile(places, (frames, 1, 1)), np.full(shape, visible))


finite = st.floats(-1.0, 1.0, width=32)


@given(arrays(np.float64, 3, elements=finite), arrays(np.float64, 3, elements=finite))
def test_lateral_and_along_make_up_the_total(offset: np.ndarray, place: np.ndarray) -> None:
    along, lateral = split(offset, place, CAMERA)
    total = np.linalg.norm(offset)
    assert math.isclose(math.hypot(float(along), float(lateral)), total, abs_tol=1e-9)


def test_an_offset_towards_the_camera_is_along_the_view() -> None:
    along, lateral = split(np.array([0.0, -0.1, 0.1]), np.zeros(3), CAMERA)
    assert along == pytest.approx(math.sqrt(0.02)) and lateral == pytest.approx(0.0, abs=1e-12)


def test_a_lost_body_is_scored_with_the_diagonal() -> None:
    truth = truth_at()
    places = truth.position_m.copy()
    places[1, 0] = np.nan
    found = errors(places, truth)
    assert found.lost[1, 0] and found.lost.sum() == 1
    far_m = diagonal_m(SCENE)
    assert found.total_m[1, 0] == found.lateral_m[1, 0] == found.along_m[1, 0] == far_m
    assert 0.5 < far_m < 2.0
    assert np.nansum(found.total_m) == pytest.approx(far_m)


def test_a_body_hidden_in_the_truth_is_not_scored() -> None:
    truth = truth_at(visible=False)
    found = errors(np.full_like(truth.position_m, np.nan), truth)
    assert np.isnan(found.total_m).all() and not found.lost.any()


def test_first_failure_needs_two_frames_in_a_row() -> None:
    over, nan = 0.3, math.nan
    assert first_failure(np.array([0.0, over, 0.0, over, over]), 0.1) == 3
    assert first_failure(np.array([0.0, over, nan, over]), 0.1) == 1
    assert first_failure(np.array([0.0, 0.0, over]), 0.1) is None
    assert first_failure(np.array([nan, nan]), 0.1) is None
    assert first_failure(np.array([]), 0.1) is None


def test_survival_with_censoring() -> None:
    # Kaplan-Meier by hand: 4 at risk, one fails at 1; one is censored at 2; one of 2 fails at 3.
    curve = survival([1, None, 3, None], [4, 2, 4, 4], 4)
    np.testing.assert_allclose(curve, [0.75, 0.75, 0.375, 0.375])
    assert median_step(curve) == 3.0
    assert math.isinf(median_step(survival([None, None, 2], [5, 5, 5], 5)))


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=20))
def test_survival_is_a_curve_that_falls(clips: list[tuple[int, bool]]) -> None:
    failure = [end if failed else None for end, failed in clips]
    curve = survival(failure, [end for end, _ in clips], 12)
    assert (np.diff(curve) <= 0.0).all() and curve[0] <= 1.0 and curve[-1] >= 0.0
    if all(failed for _, failed in clips):  # nothing censored: the share itself
        at = [np.mean([end > step for end, _ in clips]) for step in range(1, 13)]
        np.testing.assert_allclose(curve, at, atol=1e-12)


def test_censored_median_by_hand() -> None:
    # At risk 6; one fails at 2 (5/6), one is censored at 2, two of 4 fail at 3 (5/12 <= 0.5).
    ends = np.array([2.0, math.inf, 3.0, 3.0, math.inf, math.inf])
    length = np.array([5.0, 2.0, 5.0, 5.0, 5.0, 5.0])
    score = censored("valid", "steps", ends, length, 5)
    assert (score.value, score.n) == (3.0, 6)
    np.testing.assert_allclose(score.per_step, [1.0, 5 / 6, 5 / 12, 5 / 12, 5 / 12])
    assert score.mean == pytest.approx(sum(score.per_step))
    assert score.interval is not None and score.interval[0] <= 3.0 <= score.interval[1]
    in_s = censored("valid", "s", ends, length, 5, 0.1)
    assert in_s.value == pytest.approx(0.3)
    assert censored("valid", "steps", np.array([math.nan]), np.array([5.0]), 5).n == 0


def test_missing_values_count_as_infinite_and_not_as_none() -> None:
    values = np.array([0.1, 0.2, 0.3, math.inf, math.inf, math.nan])
    score = summary("size", "m", values)
    assert score.value == 0.3 and score.n == 5 and score.mean == math.inf
    assert score.interval is not None and score.interval[1] == math.inf


def test_motion_gate() -> None:
    line = np.stack([np.linspace(0.0, 0.5, 26), np.zeros(26), np.zeros(26)], axis=1)
    still = np.zeros_like(line)
    rng = np.random.default_rng(0)
    assert passes(path_ratio(line + rng.normal(0, 0.001, line.shape), line, 0.08)) is True
    assert passes(path_ratio(still + rng.normal(0, 0.003, line.shape), line, 0.08)) is False
    assert passes(path_ratio(3.0 * line, line, 0.08)) is False
    assert passes(path_ratio(line, still, 0.08)) is None


def test_path_length_passes_over_missing_frames() -> None:
    path = np.array([[0.0, 0, 0], [np.nan] * 3, [0.3, 0, 0], [0.3, 0.4, 0]])
    assert path_length_m(path, 0.05) == pytest.approx(0.7)
    assert path_length_m(path[1:2], 0.05) == 0.0


def test_psnr() -> None:
    frames = np.full((2, 4, 4, 3), 100, np.uint8)
    other = frames.copy()
    other[1] += 25
    values = psnr_db(other, frames)
    assert values[0] == BEST_DB
    assert values[1] == pytest.approx(20.0 * math.log10(255.0 / 25.0), abs=1e-4)
    made, kept = one_step_errors(frames, other)
    assert made == kept > 0.0


def test_interval_holds_the_median_and_narrows() -> None:
    values = np.random.default_rng(1).normal(1.0, 0.2, 400)
    few, many = interval(values[:20]), interval(values)
    assert few is not None and many is not None
    assert many[0] < np.median(values) < many[1]
    assert many[1] - many[0] < few[1] - few[0]
    assert interval(values[:3]) is None


def test_summary_leaves_out_nan_and_says_n() -> None:
    score = summary("error", "m", np.array([1.0, np.nan, 3.0]))
    assert (score.value, score.mean, score.n) == (2.0, 2.0, 2)
    empty = summary("error", "m", np.array([np.nan]))
    assert math.isnan(empty.value) and empty.n == 0


def test_ratio_is_of_medians_and_means() -> None:
    score = ratio("r", np.array([1.0, 2.0, 9.0, np.nan]), np.array([2.0, 4.0, 6.0, 1.0]))
    assert score.value == 0.5 and score.mean == 1.0 and score.n == 3
