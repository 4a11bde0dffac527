"""evaluate(): rows, floors, baselines, JSON round trip and bad input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from worldsim.agents.collect import Collector
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.baselines import Library, constant_velocity, frozen_frame
from worldsim.eval.case import Case
from worldsim.eval.score import Report
from worldsim.eval.suite import evaluate


@pytest.fixture(scope="module")
def report(episodes: list[Episode]) -> Report:
    return evaluate(
        episodes,
        episodes,
        start_frames=2,
        training=episodes,
        shuffled=episodes[1:] + episodes[:1],
        baselines={"truth": [e.states.position_m for e in episodes if e.states is not None]},
    )


def test_true_frames_reach_the_floor(report: Report) -> None:
    model, floor = report.rows["model"], report.rows["floor"]
    for body, scores in model.bodies.items():
        for step, score in scores.position.items():
            assert score.value == floor.bodies[body].position[step].value == score.floor
            assert score.value < 0.05 * report.diameter_m[body]
            assert scores.lost[step].value == 0.0
    assert all(not verdict.violations for verdict in report.verdicts + report.floor_verdicts)
    assert model.all_found is not None and model.all_found.value == 1.0


def test_truth_as_a_baseline_has_no_error(report: Report) -> None:
    for scores in report.rows["truth"].bodies.values():
        assert all(score.value == 0.0 for score in scores.position.values())
        assert scores.valid_horizon.value == float("inf")


def test_baselines_are_worse_than_the_floor(report: Report) -> None:
    last = report.horizons[-1]
    floor = report.rows["floor"].bodies["pusher"].position[last].value
    for name in ("frozen frame", "constant velocity", "shuffled actions"):
        assert report.rows[name].bodies["pusher"].position[last].value > 5.0 * floor
    assert report.rows["frozen frame"].bodies["pusher"].motion.value == 0.0
    assert report.rows["mean frame"].psnr[last].value < 40.0
    assert report.rows["frozen frame"].one_step_ratio is not None
    assert report.rows["frozen frame"].one_step_ratio.value == pytest.approx(1.0)


def test_lead_is_the_mean_difference_of_paired_clips(report: Report) -> None:
    """True frames lead over every baseline, and the lead is what the means are apart."""
    last, model = report.horizons[-1], report.rows["model"]
    assert not model.lead
    for name in ("frozen frame", "constant velocity", "shuffled actions"):
        row = report.rows[name]
        lead, mine, other = row.lead[last], model.overall[last], row.overall[last]
        assert mine.mean is not None and other.mean is not None and mine.mean < 0.05 * other.mean
        assert lead.value == pytest.approx(other.mean - mine.mean) and lead.n == report.episodes
    assert report.rows["truth"].lead[last].value <= 0.0


def test_the_lead_of_what_moved_leaves_out_what_rests(report: Report) -> None:
    """Bodies that rest in the truth dilute the lead over a row that keeps them where they are."""
    last = report.horizons[-1]
    row = report.rows["frozen frame"]
    moved, lead = row.moved_lead[last], row.lead[last]
    assert 0 < moved.n <= lead.n
    assert moved.value > 1.2 * lead.value
    ratios = [scores.moved_ratio[last] for scores in report.rows["model"].bodies.values()]
    assert any(ratio.n < lead.n for ratio in ratios)  # some do rest


def test_frozen_frame_has_the_error_of_no_motion(report: Report) -> None:
    for scores in report.rows["frozen frame"].bodies.values():
        for score in scores.moved_ratio.values():
            assert score.n == 0 or score.value == pytest.approx(1.0, abs=0.15)


def test_nearest_clip_finds_the_episode_itself(episodes: list[Episode]) -> None:
    case = Case.of(episodes[2], 1)
    places = Library.of(episodes).nearest_clip(case)
    assert np.nanmax(np.abs(places - case.truth.position_m)) < 0.02


def test_constant_velocity_continues_the_last_step(episodes: list[Episode]) -> None:
    case = Case.of(episodes[0], 3)
    assert case.before_m is not None
    places = constant_velocity(case)
    np.testing.assert_allclose(places[1] - places[0], case.read_m[0] - case.before_m)
    np.testing.assert_allclose(places[5] - places[4], places[1] - places[0], atol=1e-12)
    alone = Case.of(episodes[0], 1)
    np.testing.assert_array_equal(constant_velocity(alone), frozen_frame(alone))


def test_steps_count_from_the_last_start_frame(episodes: list[Episode]) -> None:
    """An episode that goes wrong at frame 10 does so at step 10 - (start_frames - 1)."""
    true = episodes[0]
    frames = true.frames.copy()
    frames[10:] = np.array([180, 180, 178], np.uint8)
    broken = replace(true, frames=frames)
    for start_frames in (1, 4):
        report = evaluate(broken, true, start_frames=start_frames)
        assert f"box lost at step {11 - start_frames}" in report.verdicts[0].violations
        assert report.steps == true.steps + 1 - start_frames
        lost = report.rows["model"].bodies["box"].valid_horizon.value
        assert lost == 11 - start_frames


def test_json_round_trip(report: Report) -> None:
    again = Report.from_json(report.to_json())
    assert again.to_json() == report.to_json()
    assert again.table() == report.table()
    assert again.verdicts == report.verdicts and again.horizons == report.horizons


def test_another_schema_is_refused(report: Report) -> None:
    with pytest.raises(InputError, match="schema"):
        Report.from_json(report.to_json().replace('"schema": 5', '"schema": 99'))


def test_table_is_aligned_and_holds_every_row(report: Report) -> None:
    laws, rest = report.table().split("\n\n", 1)
    table, whole = rest.split("\nall bodies")
    lines = table.splitlines()
    assert len(laws.splitlines()) == 1 + len(report.rulings["model"])
    for name in ("model", "floor", "frozen frame", "constant velocity", "nearest training clip"):
        assert sum(line.strip().startswith(name) for line in lines) == len(report.diameter_m)
        assert f"\n  {name} " in whole
    assert len({len(line) for line in lines}) == 1
    assert all(len(line) <= 100 for line in report.table().splitlines())


def test_readings_stand_in_for_missing_states(episodes: list[Episode]) -> None:
    recorded = [replace(e, states=None, contacts=None, segmentation=None) for e in episodes[:2]]
    report = evaluate(episodes[:2], recorded)
    for scores in report.rows["model"].bodies.values():
        assert scores.position[8].value == 0.0


def test_bad_input_is_refused(episodes: list[Episode]) -> None:
    true = episodes[0]
    with pytest.raises(InputError, match="give one for each"):
        evaluate(episodes[:2], true)
    with pytest.raises(InputError, match="no reference"):
        evaluate([], [])
    with pytest.raises(InputError, match="cut the reference"):
        evaluate(true.part(0, 5), true)
    with pytest.raises(InputError, match="start_frames"):
        evaluate(true, true, start_frames=0)
    with pytest.raises(InputError, match="start_frames"):
        evaluate(true, true, start_frames=true.steps + 1)
    with pytest.raises(InputError, match="horizon"):
        evaluate(true, true, horizons=(500,))
    with pytest.raises(InputError, match="places"):
        evaluate(true, true, baselines={"mine": [np.zeros((3, 2, 3))]})
    with pytest.raises(InputError, match="rename"):
        evaluate(true, true, baselines={"floor": [true]})
    with pytest.raises(InputError, match="no episodes"):
        evaluate(true, true, training=[])


def cut_short(episode: Episode) -> Episode:
    return episode.part(0, 5)


def other_size(episode: Episode) -> Episode:
    return replace(
        episode,
        frames=episode.frames[:, :32],
        depth_m=episode.depth_m[:, :32],
        segmentation=None,
    )


@pytest.mark.parametrize("spoil", [cut_short, other_size])
def test_one_bad_clip_is_reported_and_counted(
    episodes: list[Episode], spoil: Callable[[Episode], Episode]
) -> None:
    given = [episodes[0], spoil(episodes[1]), episodes[2]]
    report = evaluate(given, episodes[:3], checks=["permanence", "position", "static"])
    (bad,) = report.unreadable
    assert (bad.row, bad.episode) == ("model", 1) and bad.reason
    assert report.verdicts[1].violations == (f"unreadable: {bad.reason}",)
    assert not report.verdicts[0].violations
    found = report.rows["model"].checks["permanence"]["bodies found"]
    assert found.n == 3 and found.value == pytest.approx(2 / 3)
    assert found.measurable == pytest.approx(2 / 3)
    assert report.rows["model"].checks["position"]["position error"].n == 3
    assert report.rows["model"].checks["permanence"]["identity kept"].n == 3
    still = report.rows["model"].checks["static"]["still pixels changed"]
    assert still.n == 3 and still.value == pytest.approx(1 / 3)
    assert report.rows["model"].bodies["box"].lost[8].value == pytest.approx(1 / 3)
    assert not report.rows["model"].psnr
    assert "unreadable" in report.table() and bad.reason in report.table()


def test_checks_can_be_chosen(episodes: list[Episode]) -> None:
    report = evaluate(episodes[0], episodes[0], checks=["static", "motion"])
    assert report.checks == ("motion", "static")
    assert all(set(row.checks) == {"motion", "static"} for row in report.rows.values())
    with pytest.raises(InputError, match="did you mean motion"):
        evaluate(episodes[0], episodes[0], checks=["motoin"])


def test_every_row_has_every_check(report: Report) -> None:
    for name, row in report.rows.items():
        if name == "mean frame":
            continue
        assert tuple(row.checks) == report.checks
        for check, scores in row.checks.items():
            assert list(scores) == list(report.rows["model"].checks[check])
            for score in scores.values():
                assert score.unit and score.measurable is not None
                assert (score.floor is None) == (name == "floor")


def test_a_frozen_clip_earns_no_credit(report: Report) -> None:
    frozen = report.rows["frozen frame"].checks
    assert frozen["motion"]["path ratio"].value == 0.0
    assert frozen["permanence"]["bodies found"].value == 0.0
    assert frozen["static"]["still pixels changed"].value == 1.0


def test_bodies_are_grouped_by_name() -> None:
    pytest.importorskip("pybullet")
    collector = Collector("drop", seed=3, steps=8)
    clips = [collector(index) for index in range(3)]
    shown = [{c.scene.bodies[i].name for i in c.scene.moving} for c in clips]
    assert len(set(map(frozenset, shown))) > 1  # else this tests nothing
    report = evaluate(clips, clips, training=clips)
    for body, scores in report.rows["model"].bodies.items():
        count = sum(body in names for names in shown)
        assert scores.curve.n == count and scores.valid_horizon.n == count
    assert Report.from_json(report.to_json()).to_json() == report.to_json()


def test_a_moving_camera_is_no_body() -> None:
    pytest.importorskip("pybullet")
    clip = Collector("orbit", seed=3, steps=6)(0)
    report = evaluate(clip, clip)
    assert "camera" not in report.diameter_m
    static = report.rows["model"].checks["static"]
    assert static["depth drift"].value == 0.0 and static["new objects"].value == 0.0
    frozen = report.rows["frozen frame"].checks["static"]
    assert frozen["depth drift"].value > 0.05


def test_scenarios_are_not_mixed(episodes: list[Episode]) -> None:
    other = replace(episodes[1], scene=replace(episodes[1].scene, scenario="drop"))
    with pytest.raises(InputError, match="one scenario"):
        evaluate([episodes[0], other], [episodes[0], other])
