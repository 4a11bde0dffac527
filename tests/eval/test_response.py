"""Response: the simulator answers to its actions in full, and every planted deafness is seen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from handmade import ONSET, PUSHER, STEPS, copied, vanish
from hypothesis import given, settings
from hypothesis import strategies as st
from pairing import DRIVEN, pair, reads, run, seen_m

from worldsim.errors import InputError
from worldsim.eval.actions.pair import Pair
from worldsim.eval.actions.response import Response, dose_response, response

ONE_M, OTHER_M = seen_m(run({})), seen_m(run({PUSHER: DRIVEN}))
gains = st.floats(-2.0, 2.0).filter(lambda gain: abs(gain) > 0.01)


def test_the_simulator_answers_in_full() -> None:
    found = response(pair())
    assert found.informative and found.measurable == 1.0
    assert found.gain == pytest.approx(1.0) and found.cosine == pytest.approx(1.0)
    assert found.error == pytest.approx(0.0, abs=1e-9)
    assert (found.chosen, found.lag) == (1.0, 0.0)


def test_a_clip_blind_to_actions_has_no_gain_and_chooses_by_chance() -> None:
    found = response(pair(ONE_M))
    assert (found.gain, found.cosine, found.error, found.chosen) == (0.0, 0.0, 1.0, 0.5)
    assert found.lag == STEPS - ONSET  # from the first frame that differs to the end


def test_swapped_clips_answer_to_the_opposite() -> None:
    made = pair()
    swapped = Pair(reads(made.one, OTHER_M), reads(made.other, ONE_M), ONSET)
    found = response(swapped)
    assert found.gain == pytest.approx(-1.0) and found.cosine == pytest.approx(-1.0)
    assert found.chosen == 0.0


@given(gain=gains)
@settings(max_examples=25, deadline=None)
def test_a_share_of_the_answer_is_the_gain(gain: float) -> None:
    found = response(pair(ONE_M + gain * (OTHER_M - ONE_M)))
    assert found.gain == pytest.approx(gain)
    assert found.cosine == pytest.approx(math.copysign(1.0, gain))
    assert found.error == pytest.approx(abs(1.0 - gain))


def test_half_an_answer_comes_no_more_than_a_frame_late() -> None:
    found = response(pair(ONE_M + 0.5 * (OTHER_M - ONE_M)))
    assert found.gain == pytest.approx(0.5) and found.lag in (0.0, 1.0)


@given(late=st.integers(0, 6), curved=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_late_answer_lags_by_as_many_frames(late: int, curved: bool) -> None:
    """Also where the body is pushed and gains way slowly."""
    driven = 5.0 * DRIVEN * np.abs(DRIVEN).max(1, keepdims=True) if curved else DRIVEN
    rows = np.maximum(np.arange(STEPS + 1) - late, 0)
    apart = seen_m(run({PUSHER: driven})) - ONE_M
    assert response(pair(ONE_M + apart[rows], {PUSHER: driven})).lag == late


def test_an_answer_before_its_action_has_a_negative_lag() -> None:
    rows = np.minimum(np.arange(STEPS + 1) + 2, STEPS)
    assert response(pair(ONE_M + (OTHER_M - ONE_M)[rows])).lag == -2.0


@pytest.mark.parametrize("seed", range(5))
def test_noise_of_the_reading_moves_little(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0.0, 1e-3, OTHER_M.shape)
    found = response(pair(OTHER_M + noise))
    assert found.gain == pytest.approx(1.0, abs=0.03) and found.cosine > 0.99
    assert abs(found.lag) <= 1.0
    assert response(pair(ONE_M + noise)).gain == pytest.approx(0.0, abs=0.03)


def test_what_the_simulator_does_not_part_is_uninformative_and_not_passed() -> None:
    """A tenth of a millimetre, where the reading errs by one."""
    found = response(pair(shifts_m={PUSHER: 1e-3 * DRIVEN}))
    assert not found.informative
    assert all(math.isnan(v) for v in (found.gain, found.cosine, found.chosen, found.lag))


def test_pairs_count_as_long_as_the_simulator_is_predictable() -> None:
    made = pair()
    spread_m = np.zeros((STEPS + 1, len(made.one.truth.bodies)))
    spread_m[ONSET + 4 :] = 1.0
    torn = Pair(replace(made.one, spread_m=spread_m), made.other, ONSET)
    assert torn.telling[: ONSET + 4].any() and not torn.telling[ONSET + 4 :].any()


def test_chaos_that_explains_the_difference_makes_it_tell_nothing() -> None:
    made = pair()
    wide = (
        np.linalg.norm(made.parted_m, axis=-1) * 0.6 * (np.arange(STEPS + 1) < ONSET + 3)[:, None]
    )
    shaken = Pair(replace(made.one, spread_m=wide), made.other, ONSET)
    assert not shaken.telling[: ONSET + 3].any() and shaken.telling[ONSET + 3 :].any()


def test_a_body_that_was_lost_has_not_answered() -> None:
    made = pair()
    reading = copied(made.other.reading)
    vanish(reading, PUSHER, slice(ONSET + 1, None))
    lost = response(Pair(made.one, replace(made.other, reading=reading), ONSET))
    assert lost.informative and (lost.gain, lost.measurable) == (0.0, 0.0)


@given(gain=gains)
@settings(max_examples=15, deadline=None)
def test_doses_lie_on_a_line_of_the_gain(gain: float) -> None:
    found = dose_response(doses([gain] * 5))
    assert found.slope == pytest.approx(gain)
    assert found.r2 == pytest.approx(1.0) and found.pairs == 5


def test_an_answer_of_one_size_is_no_dose_response() -> None:
    assert dose_response(doses([1.0, 0.5, 1 / 3, 0.25, 0.2])).r2 <= 0.0
    blind = dose_response(doses([0.0] * 5))
    assert (blind.slope, blind.r2) == (0.0, 0.0)


def test_two_doses_make_no_line() -> None:
    found = dose_response([*doses([1.0, 1.0])[:2], Response(False)])
    assert math.isnan(found.slope) and found.pairs == 2


def doses(gains: list[float]) -> list[Response]:
    """Pairs of one to five fifths of a difference, answered by these gains."""
    found = []
    for k, gain in enumerate(gains, start=1):
        whole = 0.2 * k * DRIVEN
        whole[: ONSET + 1] = 0.0
        other = seen_m(run({PUSHER: whole}))
        found.append(response(pair(ONE_M + gain * (other - ONE_M), {PUSHER: whole})))
    return found


def test_what_does_not_fit_is_refused() -> None:
    made = pair()
    with pytest.raises(InputError, match="step 24"):
        Pair(made.one, made.other, STEPS)
    shorter = replace(made.other, reference=made.other.reference.part(0, 5))
    with pytest.raises(InputError, match="one length"):
        Pair(made.one, shorter, ONSET)
