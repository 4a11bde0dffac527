"""Limits judge a report as their table says; what was not measured never passes."""

from __future__ import annotations

import pytest

from worldsim.errors import InputError
from worldsim.eval.limits import LEVELS, check_limits
from worldsim.eval.score import BodyScores, Outcome, Row, Score

STEPS = (1, 8, 16, 48)
BODIES = {"pusher": 0.08, "sphere": 0.09, "box": 0.09}
GOOD = {
    "error_m": 0.01,
    "error_px": 1.0,
    "moved": 0.1,
    "found": 0.99,
    "one_step": 0.2,
    "shuffled_m": 0.2,
    "psnr_db": 30.0,
    "valid": 30.0,
    "gate": 1.0,
}


def score(value: float, *per_step: float) -> Score:
    return Score("", value, "", 40, per_step=per_step)


def row(name: str, error_m: float, psnr_db: float, values: dict[str, float]) -> Row:
    by_step = {
        key: {step: score(value) for step in STEPS}
        for key, value in {
            "position": error_m,
            "image_px": values["error_px"],
            "moved_found": values["moved"],
        }.items()
    }
    others = {key: {} for key in ("lateral", "along_view", "lost", "moved_ratio", "diameters")}
    scores = BodyScores(
        curve=score(error_m),
        valid_horizon=score(values["valid"]),
        motion=score(values["gate"]),
        **by_step,
        **others,  # type: ignore[arg-type]
    )
    found = score(values["found"], *([values["found"]] * 48))
    psnr = {step: score(psnr_db) for step in STEPS}
    one_step = score(values["one_step"])
    bodies = dict.fromkeys(BODIES, scores)
    return Row(name, bodies, score(values["valid"]), found, psnr, one_step)


def rows(**bad: float) -> dict[str, Row]:
    values = {**GOOD, **bad}
    return {
        "model": row("model", values["error_m"], values["psnr_db"], values),
        "frozen frame": row("frozen frame", 0.2, 20.0, GOOD),
        "shuffled actions": row("shuffled actions", values["shuffled_m"], 20.0, GOOD),
        "mean frame": Row("mean frame", psnr={step: score(20.0) for step in STEPS}),
    }


def failed(checks: tuple[Outcome, ...]) -> list[str]:
    return [check.name for check in checks if not check.passed]


@pytest.mark.parametrize("level", LEVELS)
def test_a_good_report_passes_every_level(level: str) -> None:
    checks = check_limits(rows(), BODIES, 40, level)
    assert checks and not failed(checks)


@pytest.mark.parametrize(
    ("bad", "level", "named"),
    [
        ({"one_step": 0.7}, "tiny", "one-step"),
        ({"one_step": 0.31}, "shipped", "one-step"),
        ({"one_step": 0.96}, "smoke", "one-step"),
        ({"error_px": 2.1}, "tiny", "pusher error at 16 steps, px"),
        ({"error_m": 0.027}, "shipped", "pusher error at 48 steps, diameters"),
        ({"moved": 0.51}, "tiny", "moved box"),
        ({"moved": 0.31}, "shipped", "moved sphere"),
        ({"found": 0.7}, "tiny", "any body lost at 48"),
        ({"found": 0.92}, "shipped", "any body lost at 16"),
        ({"shuffled_m": 0.049}, "tiny", "shuffled"),
        ({"shuffled_m": 0.012}, "smoke", "shuffled"),
        ({"psnr_db": 19.0}, "tiny", "PSNR above mean frame"),
        ({"psnr_db": 19.0}, "shipped", "PSNR above frozen frame"),
        ({"valid": 19.0}, "shipped", "valid horizon"),
        ({"gate": 0.8}, "sane", "motion gate"),
    ],
)
def test_each_shortfall_is_named(bad: dict[str, float], level: str, named: str) -> None:
    names = failed(check_limits(rows(**bad), BODIES, 40, level))
    assert any(named in name for name in names), names


@pytest.mark.parametrize("level", ["tiny", "shipped"])
@pytest.mark.parametrize("missing", ["shuffled actions", "mean frame"])
def test_a_missing_row_does_not_pass(level: str, missing: str) -> None:
    without = {name: value for name, value in rows().items() if name != missing}
    checks = check_limits(without, BODIES, 40, level)
    assert [check for check in checks if check.passed is None]
    assert failed(checks)


def test_few_episodes_do_not_pass() -> None:
    assert failed(check_limits(rows(), BODIES, 39, "shipped")) == ["episodes"]


def test_an_unknown_level_names_the_near_ones() -> None:
    with pytest.raises(InputError, match="shipped"):
        check_limits(rows(), BODIES, 40, "shiped")
