"""A report as JSON: schema 5, the golden file, the round trip, and the text table."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldsim.errors import InputError
from worldsim.eval.clips import Clip
from worldsim.eval.page.report import headline
from worldsim.eval.page.table import ends, number
from worldsim.eval.page.values import built, plain
from worldsim.eval.score import (
    BodyScores,
    Outcome,
    Report,
    Row,
    Score,
    Unreadable,
    Verdict,
)
from worldsim.eval.verdicts.rulings import Ruling

GOLDEN = Path(__file__).parent / "golden" / "report.json"
NAN, INF = math.nan, math.inf
RULING = Ruling("id", "permanence", "broken", 2, 1, INF, INF, "bodies found")
NEVER = Ruling("ood", "permanence", "not measured", 0, why="no clip gives it an occasion")


def small_report() -> Report:
    """Every field of a report at least once, with what JSON has no number for."""
    error = Score("position error", 0.012, "m", 6, 0.001, (0.01, 0.02), 0.013, (0.01, NAN))
    valid = Score("valid horizon", INF, "steps", 6, None, (9.0, INF), 1.9, (1.0, 0.9))
    none = Score("motion gate passed", NAN, "share", 0)
    steps = {1: error, 2: replace(error, value=NAN)}
    scores = BodyScores(error, steps, steps, steps, steps, steps, steps, steps, steps, valid, none)
    found = Score("bodies found", 1.0, "share", 6, 1.0, None, 1.0, (), 0.98)
    checks = {"permanence": {"bodies found": found}}
    ahead = Score("lead of the model", 0.002, "m", 6, None, (0.001, 0.003), 0.002)
    lead = {1: ahead, 2: replace(ahead, interval=None)}
    row = Row("model", {"ball": scores}, valid, none, checks=checks, overall=steps, lead=lead)
    row = replace(row, moved_lead={1: none, 2: replace(ahead, interval=None)})
    mean = Row("mean frame", psnr={1: Score("PSNR", 20.5, "dB", 6)}, one_step_ratio=none)
    return Report(
        scenario="push",
        source="made by hand",
        episodes=6,
        start_frames=1,
        steps=2,
        frame_rate_hz=10,
        horizons=(1, 2),
        diameter_m={"ball": 0.09},
        rows={"model": row, "floor": replace(row, name="floor"), "mean frame": mean},
        verdicts=(Verdict(0, 7, ("ball lost at step 2",)), Verdict(1, 8, ())),
        floor_verdicts=(Verdict(0, 7, ()),),
        checks=("permanence",),
        unreadable=(Unreadable("model", 1, "no depth"),),
        clips=(
            Clip(0, 7, "id", {"ball": (0.01, NAN)}, {"ball": (0.0, 0.0)}, {"permanence": INF}, {}),
        ),
        rulings={name: (RULING, NEVER) for name in ("model", "floor")},
        limits=(Outcome("motion", 0.5, ">= 0.9", False), Outcome("PSNR", NAN, ">= 0", None)),
    )


def test_golden_report() -> None:
    """The text that schema 5 promises. A change of it is a new schema."""
    assert small_report().to_json() + "\n" == GOLDEN.read_text()
    assert Report.load(GOLDEN).to_json() == small_report().to_json()


def test_values_come_back_with_their_types() -> None:
    again = Report.load(GOLDEN)
    model = again.rows["model"]
    assert again.horizons == (1, 2) and again.verdicts == small_report().verdicts
    assert again.limits[0] == small_report().limits[0] and again.limits[1].passed is None
    assert model.valid_horizon is not None and model.valid_horizon.interval == (9.0, INF)
    assert math.isnan(model.bodies["ball"].position[2].value)
    assert model.checks["permanence"]["bodies found"].measurable == 0.98
    assert again.unreadable == (Unreadable("model", 1, "no depth"),)


def test_the_headline_says_how_the_laws_stand() -> None:
    report = small_report()
    off = "After 2 steps: no body is to be seen. Laws and checks: "
    assert headline(report) == f"{off}1 broken, 1 not measured."
    held = replace(RULING, law="motion", verdict="held")
    ruled = {name: (held, held, RULING, NEVER) for name in ("model", "floor")}
    assert headline(replace(report, rulings=ruled)) == f"{off}2 held, 1 broken, 1 not measured."
    assert headline(replace(report, rulings={"model": (NEVER,)})) == f"{off}1 not measured."
    row = report.rows["model"]
    ball = row.bodies["ball"]
    seen = replace(ball, position=dict.fromkeys((1, 2), ball.position[1]))
    row = replace(row, bodies={"ball": seen, "box": ball})
    shown = headline(replace(report, rows={"model": row}))
    assert shown.startswith("After 2 steps: ball 0.012 m off (median). Laws")


def test_table_shows_checks_and_what_could_not_be_read() -> None:
    lines = small_report().table().splitlines()
    assert number(small_report().rows["model"].valid_horizon) == ">2"
    assert ends(Score("valid", 1.0, "s", 6, None, (0.1, INF), 0.19, (1.0, 0.9))) == ("0.1", ">0.2")
    for text in (
        "permanence",
        "measurable",
        "98%",
        "model, episode 2: no depth",
        "bodies",
        "1 of 2",
        "occasion",
    ):
        assert any(text in line for line in lines), text
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}', '{"no": 1}', "{"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="report"):
        Report.from_json(text)


@dataclass(frozen=True)
class Sample:
    number: float
    maybe: float | None
    pair: tuple[float, float] | None
    many: tuple[int, ...]
    named: dict[int, str]


@given(
    st.builds(
        Sample,
        st.floats(),
        st.none() | st.floats(),
        st.none() | st.tuples(st.floats(), st.floats()),
        st.lists(st.integers()).map(tuple),
        st.dictionaries(st.integers(), st.text()),
    )
)
def test_any_values_survive(sample: Sample) -> None:
    again = built(Sample, plain(sample))
    assert repr(again) == repr(sample)
