"""Limits judge a report as their table says; what was not measured never passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from worldsim.errors import InputError
from worldsim.eval.limits import LEVELS, check_limits
from worldsim.eval.score import BodyScores, Report, Row, Score


def score(value: float, *per_step: float) -> Score:
    return Score("", value, "", 40, per_step=per_step)


def body(error_m: float, ratio: float) -> BodyScores:
    by_step = {step: score(error_m) for step in (1, 8, 16, 48)}
    nothing: dict[int, Score] = {}
    return BodyScores(
        score(error_m),
        by_step,
        nothing,
        nothing,
        nothing,
        {16: score(ratio)},
        score(30.0),
        score(1.0),
    )


def report(error_m: float, ratio: float, found: float, one_step: float) -> Report:
    def row(name: str, error_m: float, psnr_db: float) -> Row:
        bodies = {name: body(error_m, ratio) for name in ("pusher", "sphere", "box")}
        all_found = score(found, *([found] * 48))
        psnr = {step: score(psnr_db) for step in (1, 8, 16, 48)}
        return Row(name, bodies, score(30.0), all_found, psnr, score(one_step))

    rows = {
        "model": row("model", error_m, 30.0),
        "frozen frame": row("frozen frame", 0.2, 20.0),
        "shuffled actions": row("shuffled actions", 0.2, 20.0),
    }
    return Report(
        scenario="push",
        source="model:x",
        episodes=40,
        start_frames=1,
        steps=48,
        frame_rate_hz=10,
        horizons=(1, 8, 16, 48),
        diameter_m={"pusher": 0.08, "sphere": 0.09, "box": 0.09},
        rows=rows,
        verdicts=(),
        floor_verdicts=(),
        checks=(),
    )


def test_a_good_report_passes_every_level() -> None:
    for level in LEVELS:
        checks = check_limits(report(0.01, 0.1, 0.99, 0.2), level)
        assert checks and all(check.passed for check in checks), level


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (report(0.05, 0.1, 0.99, 0.2), "pusher error"),
        (report(0.01, 0.6, 0.99, 0.2), "moved box"),
        (report(0.01, 0.1, 0.70, 0.2), "any body lost"),
        (report(0.01, 0.1, 0.99, 0.7), "one-step"),
    ],
)
def test_each_shortfall_is_named(bad: Report, named: str) -> None:
    for level in ("tiny", "shipped"):
        failed = [check.name for check in check_limits(bad, level) if not check.passed]
        assert any(named in name for name in failed)


def test_what_was_not_measured_does_not_pass() -> None:
    short = replace(report(0.01, 0.1, 0.99, 0.2), horizons=(1, 8))
    model = short.rows["model"]
    cut = {name: replace(scores, position={}) for name, scores in model.bodies.items()}
    checks = check_limits(
        replace(short, rows={**short.rows, "model": replace(model, bodies=cut)}), "shipped"
    )
    assert any(check.passed is None for check in checks)
    assert not all(check.passed for check in checks)


def test_an_unknown_level_names_the_near_ones() -> None:
    with pytest.raises(InputError, match="shipped"):
        check_limits(report(0.01, 0.1, 0.99, 0.2), "shiped")
