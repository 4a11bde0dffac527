"""Locality: only what the action reaches changes, and what rests stays."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from handmade import BOX, ONSET, PUSHER, SPHERE, STEPS, clean, copied, vanish
from pairing import DRIVEN, pair, reads, run, seen_m

from worldsim.eval.actions.locality import locality, reached, rest
from worldsim.eval.actions.pair import Pair

BOTH = {PUSHER: DRIVEN, SPHERE: DRIVEN}


def test_what_is_out_of_reach_rests() -> None:
    found = locality(pair())
    assert found.passed == 1.0 and found.measurable == 1.0
    assert (found.apart_m, found.before_m) == (0.0, 0.0)


def test_noise_of_the_reading_is_an_excess_of_one() -> None:
    noise = np.random.default_rng(0).normal(0.0, 2**0.5 * 1e-3, seen_m(run({})).shape)
    found = locality(pair(seen_m(run({PUSHER: DRIVEN})) + noise))
    assert found.excess == pytest.approx(1.0, abs=0.2) and found.passed == 1.0


@pytest.mark.parametrize("body", [SPHERE, BOX])
def test_a_far_body_that_moves_for_no_reason_is_seen(body: int) -> None:
    places = seen_m(run({PUSHER: DRIVEN, body: 0.2 * DRIVEN}))
    found = locality(pair(places))
    assert found.passed == 0.0 and found.excess > 3.0


def test_what_differs_before_the_action_is_seen() -> None:
    places = seen_m(run({PUSHER: DRIVEN}))
    places[3 : ONSET + 1, BOX, 0] += 0.01
    found = locality(pair(places))
    assert found.before_m > 1e-3 and found.apart_m == 0.0


def test_a_contact_passes_the_reach_on_from_its_frame() -> None:
    touched = pair(shifts_m=BOTH, touches=((ONSET + 3, SPHERE, PUSHER),))
    reach = reached(touched)
    assert not reach[: ONSET + 1].any()
    assert reach[ONSET + 1 :, PUSHER].all() and not reach[:, BOX].any()
    assert not reach[: ONSET + 3, SPHERE].any() and reach[ONSET + 3 :, SPHERE].all()


def test_a_contact_before_the_action_reaches_nothing() -> None:
    assert not reached(pair(touches=((ONSET, SPHERE, PUSHER),)))[:, SPHERE].any()


def test_a_chain_of_contacts_reaches_its_end_in_one_frame_but_not_through_the_table() -> None:
    made = pair(touches=((ONSET + 2, BOX, SPHERE), (ONSET + 2, SPHERE, PUSHER)))
    assert reached(made)[ONSET + 2, [PUSHER, SPHERE, BOX]].all()
    table = made.one.scene.index("table")
    through = pair(touches=((ONSET + 2, BOX, table), (ONSET + 2, table, PUSHER)))
    assert not reached(through)[:, BOX].any()


def test_without_a_log_all_may_be_reached() -> None:
    made = pair()
    bare = replace(made.one, reference=replace(made.one.reference, contacts=None))
    found = locality(Pair(bare, made.other, ONSET))
    assert math.isnan(found.apart_m) and math.isnan(found.passed)


def test_a_far_body_that_is_lost_does_not_pass() -> None:
    made = pair()
    reading = copied(made.other.reading)
    vanish(reading, BOX, slice(ONSET + 1, None))
    found = locality(Pair(made.one, replace(made.other, reading=reading), ONSET))
    assert found.measurable == pytest.approx(0.5) and found.passed == 0.0


def test_a_model_blind_to_actions_is_local() -> None:
    assert locality(pair(seen_m(run({})))).passed == 1.0


def still() -> np.ndarray:
    """Places (S+1, N, 3) of a scene in which nothing moves."""
    return np.repeat(seen_m(run({}))[:1], STEPS + 1, axis=0)


def resting() -> Pair:
    one = run({SPHERE: still()[:, SPHERE] - seen_m(run({}))[:, SPHERE]})
    return Pair(one, one, ONSET)


def test_a_resting_world_rests() -> None:
    found = rest(resting().one)
    assert (found.drift_m, found.excess, found.measurable, found.bodies) == (0.0, 0.0, 1.0, 3)


def test_a_drift_of_what_rests_is_seen() -> None:
    places = still()
    places[:, BOX, 0] += 0.001 * np.arange(STEPS + 1)
    found = rest(reads(resting().one, places))
    assert found.drift_m == pytest.approx(0.001 * STEPS) and found.excess > 3.0


def test_what_moves_by_itself_is_not_asked_to_rest() -> None:
    """Pusher and sphere roll on in the truth."""
    evidence = clean()
    found = rest(evidence)
    assert (found.drift_m, found.bodies) == (0.0, 1)
    moved = run({SPHERE: DRIVEN, BOX: DRIVEN, PUSHER: DRIVEN})
    assert math.isnan(rest(moved).drift_m) and rest(moved).bodies == 0
