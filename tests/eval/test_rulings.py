"""A law is held, broken or undecided by how clips lie about the line of false alarms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldsim.eval.checks.measure import Measure
from worldsim.eval.verdicts.lines import Law, Limits
from worldsim.eval.verdicts.rulings import FEWEST_CLIPS, Ruling, ruling, rulings

LAW, INF, NAN = "gravity", math.inf, math.nan
LIMITS = Limits({"pull": 2.0, "slope": 1.0}, 3.0, 60, {LAW: Law(("pull", "slope"), 1.5)})
"""A clip's level is its largest alarm over 3 (pull) or 1.5 (slope)."""


def clip(pull: float, slope: float = NAN) -> dict[str, list[Measure]]:
    def measured(name: str, alarm: float) -> Measure:
        return Measure(name, alarm, "m/s2", alarm, 1.0)

    return {LAW: [measured("pull", pull), measured("slope", slope)]}


def ruled(*alarms: float) -> Ruling:
    return ruling("id", LAW, [clip(alarm) for alarm in alarms], LIMITS)


def test_a_level_counts_the_law_s_own_line() -> None:
    assert LIMITS.level({"pull": 3.0, "slope": 0.3, "other": 99.0}, LAW) == pytest.approx(1.0)
    assert LIMITS.level({"pull": 3.0, "slope": 3.0}, LAW) == pytest.approx(2.0)
    assert LIMITS.level({"pull": NAN, "other": 1.0}, LAW) is None
    assert LIMITS.level({"pull": 1.0}, "unknown") is None


def test_one_clip_in_forty_above_the_line_is_a_false_alarm_and_three_are_not() -> None:
    one, three = ruled(*[1.0] * 39, 9.0), ruled(*[1.0] * 37, 9.0, 9.0, 9.0)
    assert (one.verdict, one.over, one.clips) == ("held", 1, 40)
    assert (three.verdict, three.over, three.loudest) == ("broken", 3, "pull")
    assert ruled(9.0).verdict == "broken"  # one false alarm in a hundred would be this one


def test_of_measures_that_are_loudest_equally_often_the_first_is_named() -> None:
    """A set of their names would have another order in every process."""
    names = [f"measure {k}" for k in range(9)]
    limits = Limits(dict.fromkeys(names, 1.0), 1.0, 60, {LAW: Law(tuple(names), 1.0)})
    for k in range(9):
        order = names[k:] + names[:k]
        clips = [{LAW: [Measure(name, 9.0, "m", 9.0, 1.0)]} for name in order]
        assert ruling("id", LAW, clips, limits).loudest == order[0]


def test_few_clips_show_no_law_held() -> None:
    few = ruled(*[0.0] * (FEWEST_CLIPS - 1))
    assert few.verdict == "undecided" and "fewest" in few.why
    assert ruled(*[0.0] * FEWEST_CLIPS).verdict == "held"


def test_clips_that_are_all_near_the_line_are_undecided() -> None:
    assert ruled(*[2.9, 3.0] * 10).verdict == "held"  # within the band, all of them
    noisy = ruled(*[0.5] * 99, INF)
    assert noisy.verdict == "undecided" and noisy.over == 1 and noisy.upper == INF
    assert ruled(*[0.0] * 60, 200.0).verdict == "undecided"  # one, but so far off


def test_what_cannot_be_measured_says_why() -> None:
    nothing = ruled(NAN, NAN)
    assert nothing.verdict == "not measured" and "occasion" in nothing.why
    unlined = ruling("id", LAW, [clip(1.0)], None)
    assert unlined.verdict == "not measured" and "line" in unlined.why
    unknown = ruling("id", "speed", [clip(1.0)], LIMITS)
    assert unknown.verdict == "not measured"


def test_a_line_that_a_clip_without_bodies_does_not_pass_rules_nothing() -> None:
    names = ("position error", "lateral error")
    clips = [{"position": [Measure(name, 1.0, "m", 9.0, 1.0) for name in names]}] * 12
    for limit, verdict in ((1.0, "broken"), (19.0, "held"), (21.0, "not measured")):
        limits = Limits(dict.fromkeys(names, limit), 1.0, 60, {"position": Law(names, 1.0)})
        found = ruling("id", "position", clips, limits)
        assert found.verdict == verdict, limit
    assert "loses a body" in found.why


def test_every_split_is_ruled_apart() -> None:
    clips = [("id", clip(0.1))] * 10 + [("ood", clip(9.0))] * 10
    found = {r.split: r.verdict for r in rulings(clips, LIMITS, [LAW])}
    assert found == {"id": "held", "ood": "broken"}


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=40))
def test_a_clip_above_the_line_never_makes_a_law_held(alarms: list[float]) -> None:
    before, after = ruled(*alarms), ruled(*alarms, 30.0)
    assert after.over == before.over + 1
    if before.verdict == "broken":
        assert after.verdict == "broken"
    if before.verdict == "undecided" and not before.why:
        assert after.verdict != "held"
