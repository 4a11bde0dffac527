"""The tables say what is so: a signal that is the error ranks it, an alarm in time is in time."""

from __future__ import annotations

import numpy as np
import pytest

from worldsim.envs.alarms import NAMES
from worldsim.trust.tables import alarms, body_error_m, found_error_m, ranks
from worldsim.trust.watch import Watched

STEPS = 12


def clip(seed: int, failed_at: int | None = None, fires_at: int | None = None) -> Watched:
    """A dream of two bodies whose errors are random; its uncertainty is their mean."""
    rng = np.random.default_rng(seed)
    error_m = rng.uniform(0.0, 0.1, (STEPS, 2))
    fired = {name: np.zeros(STEPS, bool) for name in NAMES}
    if fires_at is not None:
        fired["floating"][fires_at - 1 :] = True
    values = {name: np.zeros(STEPS) for name in NAMES} | {"uncertainty": error_m.mean(1)}
    return Watched(
        "push",
        "ood",
        error_m,
        np.ones((STEPS, 2), bool),
        rng.uniform(0.0, 9.0, STEPS),
        np.arange(STEPS, dtype=float),
        -error_m.mean(1),
        values,
        fired,
        failed_at,
    )


def rows(table: str) -> dict[str, list[str]]:
    """Cells of a markdown table's lines by the first of them that is a name."""
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {line[0] if line[0] != "ood" else line[1]: line for line in lines}


def test_ranks_of_the_error_itself_and_of_its_opposite() -> None:
    found = rows(ranks([clip(seed) for seed in range(6)]))
    assert found["uncertainty"][2:6] == ["1.00"] * 4
    assert found["two drafts"][2:6] == ["-1.00"] * 4
    assert found["step number"][4] == "-"  # the same in all clips at one step
    assert abs(float(found["step number"][2])) < 0.3
    assert found["bodies not found"][2:] == ["-"] * 5
    assert abs(float(found["uncertainty"][6])) < 0.3


def test_errors_leave_out_what_cannot_be_seen() -> None:
    one = clip(0)
    one.error_m[0] = np.nan
    one.error_m[1, 0] = np.nan
    one.found[2, 1] = False
    assert np.isnan(body_error_m(one)[0]) and body_error_m(one)[1] == one.error_m[1, 1]
    assert found_error_m(one)[2] == one.error_m[2, 0]


def test_alarms_are_early_late_never_or_false() -> None:
    clips = [clip(0, 8, 3), clip(1, 8, 6), clip(2, 8, 9), clip(3, 8), clip(4, None, 11), clip(5)]
    found = rows(alarms(clips))
    # Two of four before, by 5 and by 2 steps; one of two valid clips for nothing.
    assert found["floating"] == ["floating", "50 %", "4", "25 %", "25 %", "50 %", "17 %"]
    assert found["any"][1:] == found["floating"][1:]
    assert found["penetration"] == ["penetration", "0 %", "-", "0 %", "100 %", "0 %", "0 %"]


def test_frames_before_failure_are_valid() -> None:
    assert clip(0, 4).valid.sum() == 3 and clip(0).valid.all()


def test_without_failures_there_is_nothing_to_foresee() -> None:
    found = rows(alarms([clip(0)]))
    assert found["any"][1:5] == ["-"] * 4 and found["any"][5] == "0 %"


@pytest.mark.parametrize("count", [1, 3])
def test_few_clips_give_no_correlation_across_them(count: int) -> None:
    assert rows(ranks([clip(seed) for seed in range(count)]))["uncertainty"][4] == "-"
