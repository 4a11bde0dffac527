"""evaluate --actions from end to end, on a checkpoint of random weights and a small recording."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_checkpoint import write_checkpoint

from worldsim import cli
from worldsim.agents.collect import Collector
from worldsim.data.dataset import Dataset
from worldsim.dreams import Dreamer
from worldsim.errors import InputError
from worldsim.pairs.examine import BLIND, MODEL, SIMULATOR, SWAPPED, Found, examine
from worldsim.pairs.plan import DOSED, NULL, ONE, ONSET, OTHER, Plan, actions_of
from worldsim.pairs.table import markdown, notes, scores
from worldsim.pairs.worlds import check_replay, futures, simulated

STEPS = 10


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    pytest.importorskip("pybullet")
    folder = tmp_path_factory.mktemp("actions")
    write_checkpoint(folder / "random")
    line = f"simulate push --out {folder / 'push'} --episodes 2 --steps 12 --workers 1"
    assert cli.main(line.split()) == 0
    return Plan(folder / "random", folder / "push", 2, 8, 2, STEPS - 1, 1, 0)


@pytest.fixture(scope="module")
def found(plan: Plan) -> Found:
    return examine(plan, 0)


def test_actions_are_one_up_to_the_onset_and_differ_after_it(plan: Plan) -> None:
    recorded, actions = actions_of(plan, 0)
    onset = plan.start_frames - 1 + ONSET
    assert set(actions) == {ONE, OTHER, *DOSED, NULL}
    for label in (OTHER, *DOSED):
        assert np.array_equal(actions[label][:onset], recorded.actions[:onset])
        assert not np.array_equal(actions[label][onset:], recorded.actions[onset:])
        assert np.abs(actions[label]).max() <= 1.0
    assert not actions[NULL].any()
    assert np.array_equal(actions_of(plan, 0)[1][DOSED[2]], actions[DOSED[2]])


def test_the_simulator_answers_in_full_and_the_controls_do_not(found: Found) -> None:
    """The self-proof, on true pictures."""
    own, blind, swapped = (found.response[row] for row in (SIMULATOR, BLIND, SWAPPED))
    assert own.informative and own.gain == pytest.approx(1.0, abs=0.02) and own.cosine > 0.999
    assert own.chosen == 1.0 and own.lag == 0.0
    assert (blind.gain, blind.chosen) == (0.0, 0.5)
    assert swapped.gain == pytest.approx(-own.gain) and swapped.chosen == 0.0
    assert found.dose[SIMULATOR].slope == pytest.approx(1.0, abs=0.02)
    assert found.locality[SIMULATOR].passed == 1.0 and found.rest[SIMULATOR].excess < 1.0


def test_random_weights_do_not_answer_as_the_simulator_does(found: Found) -> None:
    assert not found.response[MODEL].cosine > 0.9
    assert found.still  # one pass draws no noise


def test_more_passes_draw_many_futures(plan: Plan) -> None:
    recorded, actions = actions_of(plan, 0)
    dreamer = Dreamer(plan.model, 1, 2)
    one, again, other = (dreamer(recorded, actions[ONE], seed) for seed in (0, 0, 1))
    assert np.array_equal(one.frames, again.frames)
    assert np.array_equal(one.frames[0], recorded.frames[0])
    assert not np.array_equal(one.frames[1:], other.frames[1:])


def test_futures_part_by_what_the_start_does_not_show() -> None:
    """Balls that are shoved glide by their friction and rebound by their restitution."""
    pytest.importorskip("pybullet")
    episode = Collector("collide", seed=2, steps=16)(0)
    places = futures(episode, 0, 6, 0.0, np.random.default_rng(0))
    again = futures(episode, 0, 6, 0.0, np.random.default_rng(0))
    assert np.array_equal(places, again) and episode.states is not None
    assert np.allclose(places[:, 0], episode.states.position_m[0])
    assert places[:, -1].std(axis=0).max() > 0.005
    assert np.isfinite(places).all()


def test_a_recording_of_another_physics_is_refused(plan: Plan) -> None:
    recorded = Dataset(plan.data)[0].part(0, STEPS)
    assert recorded.states is not None
    again = simulated(recorded, {ONE: recorded.actions})[ONE]
    check_replay(recorded, again)
    moved = replace(recorded.states, position_m=recorded.states.position_m + 0.01)
    with pytest.raises(InputError, match="0.01 m off"):
        check_replay(replace(recorded, states=moved), again)


def test_tables_say_how_many_starts_stand_behind_a_number(found: Found) -> None:
    silent = replace(
        found,
        response={
            row: replace(one, informative=False, gain=float("nan"))
            for row, one in found.response.items()
        },
    )
    scored = scores([found, silent])
    assert scored["response"][MODEL]["gain"].n == 1
    assert scored["response"][SIMULATOR]["informative"].value == 0.5
    said = markdown(scored)
    assert "| simulator, its pictures read | 0.5, n 2 |" in said
    assert any("does not part 1 of 2 pairs" in line for line in notes([found, silent]))


def command(plan: Plan, out: Path, workers: int) -> bytes:
    """actions.json of one start."""
    line = f"evaluate --actions --model {plan.model} --data {plan.data} --starts 1 --draws 8"
    assert cli.main(f"{line} --horizon 7 --workers {workers} --out {out}".split()) == 0
    return (out / "actions.json").read_bytes()


def test_the_command_writes_a_report_and_prints_the_tables(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads(command(plan, tmp_path / "out", 1))
    assert report["schema"] == 1 and len(report["starts"]) == 1
    said, table = capsys.readouterr().out, (tmp_path / "out" / "actions.md").read_text()
    assert "one clip for all actions" in said and table in said
    assert "all draws of the model are one clip in 1 of 1 starts" in said


@pytest.mark.slow
def test_the_command_writes_the_same_bytes_with_any_number_of_workers(
    plan: Plan, tmp_path: Path
) -> None:
    assert command(plan, tmp_path / "a", 1) == command(plan, tmp_path / "b", 2)


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ("--starts 3 --horizon 8", "ask for --starts 2"),
        ("--starts 1 --horizon 40", "no episode of 40 steps"),
        ("--starts 1 --horizon 5", "--horizon must be above 5"),
        ("--starts 1 --horizon 8 --draws 4", "--draws must be at least 8"),
        ("--starts 0", "--starts must be at least 1"),
        ("--starts 1 --horizon 8 --start-frames 9", "--start-frames must be at most 8"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str], ends: str, reason: str
) -> None:
    out = tmp_path / "out"
    line = f"evaluate --actions --model {plan.model} --data {plan.data} --out {out} {ends}"
    assert cli.main(line.split()) == 2
    assert reason in capsys.readouterr().err and not out.exists()
