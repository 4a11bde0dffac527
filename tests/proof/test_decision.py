"""AUC, the line of false alarms, the smallest magnitude found: against hand-made scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from worldsim.errors import InputError
from worldsim.eval.verdicts.lines import Law, Limits, read_limits, write_limits
from worldsim.proof.clips.truths import SCENARIOS
from worldsim.proof.scoring import decision
from worldsim.proof.scoring.pixels import pixel_auc

INF, NAN = float("inf"), float("nan")


def values(*numbers: float) -> np.ndarray:
    return np.array(numbers)


@pytest.mark.parametrize(
    ("clean", "faulty", "wanted"),
    [
        ((1, 1, 1), (2, 2), 1.0),
        ((1, 1, 1), (1, 1), 0.5),
        ((1, 1), (1, 3), 0.75),  # one of two found, the other ties
        ((1, 2, 3, 4), (2.5,), 0.5),
        ((3, 4), (1, 2), 0.0),
        ((1, INF), (INF, INF), 0.75),
    ],
)
def test_auc_by_hand(clean: tuple[float], faulty: tuple[float], wanted: float) -> None:
    assert decision.auc(np.array(clean, float), np.array(faulty, float)) == wanted


def test_auc_is_the_share_of_pairs() -> None:
    rng = np.random.default_rng(0)
    clean, faulty = rng.integers(0, 6, 30).astype(float), rng.integers(2, 9, 20).astype(float)
    pairs = np.subtract.outer(faulty, clean)
    assert decision.auc(clean, faulty) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_the_interval_holds_the_auc_and_narrows() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (20, 500):
        clean, faulty = rng.normal(0.0, 1.0, count), rng.normal(1.0, 1.0, count)
        low, high = decision.auc_interval(clean, faulty)
        assert low < decision.auc(clean, faulty) < high
        assert (low, high) == decision.auc_interval(clean, faulty)
        widths.append(high - low)
    assert widths[1] < 0.4 * widths[0]
    assert decision.auc_interval(values(1, 1), values(2, 2)) == (1.0, 1.0)


def test_one_clean_clip_in_a_hundred_may_lie_above_the_line() -> None:
    clean = np.arange(100.0)
    assert decision.line(clean) == 98.0 and (clean > 98.0).sum() == 1
    assert decision.line(np.arange(99.0)) == 98.0  # none may
    assert decision.found_share(clean, values(97, 98, 98.5, 200)) == 0.5
    assert decision.found_share(np.ones(50), np.ones(50)) == 0.0


def test_the_smallest_magnitude_of_which_nine_in_ten_are_found() -> None:
    clean, nine = np.ones(10), values(1, *[2] * 9)
    sizes = {0.1: np.ones(10), 0.2: values(1, 1, *[2] * 8), 0.4: nine, 0.8: nine + 1}
    assert decision.smallest_found(clean, sizes) == 0.4
    assert decision.smallest_found(clean, {0.1: np.ones(10)}) is None


def test_limits_are_what_clean_clips_reach() -> None:
    clips = [{"a": k / 100.0, "b": 0.0, "c": NAN} for k in range(101)]
    limits = Limits.of(clips)
    assert limits.limits == {"a": 0.99, "b": 0.0}  # nothing is known of c
    assert limits.joint == pytest.approx(1.0, abs=0.02) and limits.joint >= 1.0
    assert limits.score({"a": 0.5, "b": 0.0}) == 1.0
    assert limits.score({"a": 1.98}) == pytest.approx(2.0 / limits.joint)
    assert limits.score({"b": 0.001}) > 1e3  # what no clean clip shows
    assert limits.score({"a": INF}) == INF
    assert limits.score({"a": NAN, "c": 5.0, "new": 7.0}) == 1.0
    assert limits.flags({"a": 1.98, "b": 1.0, "c": NAN}) == ("b", "a")


def test_many_alarms_together_have_a_higher_limit() -> None:
    rng = np.random.default_rng(0)
    names = [f"alarm {k}" for k in range(50)]
    drawn, unseen = (
        [dict(zip(names, row, strict=True)) for row in rng.exponential(1.0, (400, 50)).tolist()]
        for _ in range(2)
    )
    made = Limits.of(drawn)
    assert made.joint > 1.1
    assert np.mean([made.score(alarms) > 1.0 for alarms in unseen]) < 0.05
    alone = Limits(made.limits, 1.0, 400)
    assert np.mean([alone.score(alarms) > 1.0 for alarms in unseen]) > 0.2


def test_what_clean_clips_lack_as_well_is_no_alarm() -> None:
    limits = Limits.of([{"a": INF, "b": 1.0}] * 10)
    assert limits.joint == 1.0
    assert limits.score({"a": INF, "b": 1.0}) == 1.0
    assert limits.score({"a": INF, "b": 3.0}) == 3.0


def test_limits_survive_the_disk(tmp_path: Path) -> None:
    made = {"drop": Limits({"a": 0.1 + 0.2, "b": INF}, 1.25, 60), "arm": Limits({}, 1.0, 1)}
    few = {"drop": Limits({"a": 1.0}, 2.0, 20, {"law": Law(("a",), 1.5)})}
    write_limits(tmp_path / "limits.json", {128: made, 64: few}, "command")
    assert read_limits(tmp_path / "limits.json") == made
    assert read_limits(tmp_path / "limits.json", 512) == made
    assert read_limits(tmp_path / "limits.json", 100) == few
    assert read_limits(tmp_path / "limits.json", 32) == few
    (tmp_path / "limits.json").write_text("[]")
    with pytest.raises(InputError, match="limits"):
        read_limits(tmp_path / "limits.json")
    with pytest.raises(InputError, match="clean"):
        Limits.of([])


def test_limits_ship_for_every_scenario() -> None:
    assert set(read_limits()) == set(SCENARIOS)


def test_raw_pixels_tell_what_differs_and_only_that() -> None:
    rng = np.random.default_rng(0)
    one, two, other = rng.integers(0, 200, (3, 60, 8, 16, 16)).astype(np.uint8)
    assert pixel_auc(one, two) == pytest.approx(0.5, abs=0.15)
    other[:, :, 3:6, 3:6] += 50
    assert pixel_auc(one, other) > 0.95
    assert np.isnan(pixel_auc(one[:9], two))
