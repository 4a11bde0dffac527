"""A gate is learnt on a model's own dreams; the rest of the model stays as it is."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import SMALL

from worldsim import checkpoints
from worldsim.actions import ActionSpec
from worldsim.data.clips import ClipDataset
from worldsim.data.dataset import Dataset, Window
from worldsim.data.store import load_episode, save_episode
from worldsim.errors import InputError
from worldsim.info import facts_of
from worldsim.models.load import load
from worldsim.training import gating
from worldsim.training.begin import copied
from worldsim.training.feed import recorded_clip
from worldsim.training.run import Options, again, trained_on
from worldsim.training.trainer import Budget, train

SECONDS = 0.5 / 60.0
TOLD = {"changing_drawn": 1.0, "resting_kept": 1.0, "dreams": 0}
FEW = {"HELD_OUT": 2, "STEPS": 4, "DREAMS": 2, "UPDATES": 4}


@pytest.fixture(scope="module")
def first(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that was trained for a moment."""
    out: Path = tmp_path_factory.mktemp("gating") / "first"
    train(SMALL, [data], out, Budget(steps=5), workers=1, progress=False, precision="float32")
    return out


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as six episodes of 13 frames allow."""
    for name, value in FEW.items():
        monkeypatch.setattr(gating, name, value)


@pytest.fixture(scope="module")
def gated(first: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("gating") / "gated"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in FEW.items():
            patch.setattr(gating, name, value)
        gating.main((data,), str(first), out, SECONDS, channels=4)
    return out


def test_only_the_gate_is_another(first: Path, gated: Path) -> None:
    before, after = load(first).state_dict(), load(gated).state_dict()
    assert {n for n in after if n not in before} == {n for n in after if n.startswith("gating.")}
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    assert load(gated).config.gate == 4
    assert after["gating.logit.weight"].any()  # zero before it learns
    assert len(checkpoints.starts(gated)) == len(checkpoints.starts(first))


def test_its_weights_take_half_the_room(first: Path, gated: Path) -> None:
    sizes = [(run / checkpoints.WEIGHTS).stat().st_size for run in (first, gated)]
    assert sizes[0] < sizes[1] < 1.1 * sizes[0] + 20_000


def test_what_it_was_learnt_on_is_known(first: Path, data: Path, gated: Path) -> None:
    assert (gated / "run.json").read_bytes() == (first / "run.json").read_bytes()
    told = json.loads((gated / "gate.json").read_text())
    assert told["checkpoint"] == checkpoints.digest(first)
    assert told["data_paths"] == [str(data)] and told["rounds"] > 0
    assert set(told["data"]) <= trained_on(gated)
    (row,) = told["held_out"]
    assert row["scenario"] == "push" and row["dreams"] == 2
    assert "gate" in again(gated, Options(data=(data,)))[1][0]


def test_the_held_out_are_not_learnt_from(
    first: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = set()
    window = Dataset.window

    def noted(dataset: Dataset, episode: int, *span: int) -> Window:
        taken.add(episode)
        return window(dataset, episode, *span)

    monkeypatch.setattr(Dataset, "window", noted)
    monkeypatch.setattr(gating, "_told", lambda *_: taken.clear() or TOLD)
    learnt = gating._learn

    def checked(*args: object) -> None:
        taken.clear()
        learnt(*args)  # type: ignore[arg-type]
        assert taken and taken <= {0, 1, 2, 3}

    monkeypatch.setattr(gating, "_learn", checked)
    gating.main((data,), str(first), tmp_path / "out", 6 * SECONDS, channels=4)


def test_what_is_measured_tells_a_good_gate_from_bad_ones(first: Path, data: Path) -> None:
    pupil = gating.Pupil(copied(load(first), 4).eval())
    clips = ClipDataset(data, 8, None, 0, 2, False)
    rows = []
    for bias in (9.0, -9.0):
        torch.nn.init.constant_(pupil.gate.logit.bias, bias)
        told = gating._told(pupil, clips)
        rows.append((told["changing_drawn"], told["resting_kept"]))
    assert rows == [(1.0, 0.0), (0.0, 1.0)]


def test_it_learns_what_changes(first: Path, data: Path) -> None:
    torch.manual_seed(0)
    pupil = gating.Pupil(copied(load(first), 16).eval())
    clips = ClipDataset(data, 8, None, 0, 2, False)
    before = gating._told(pupil, clips)
    assert before["changing_drawn"] == 1.0 and before["resting_kept"] == 0.0  # all is even
    for round_ in range(25):
        positions = [2 * round_, 2 * round_ + 1]
        clip = recorded_clip(clips.batch(positions), [pupil.model.domain("push")])
        pupil.learn(clip, np.random.default_rng(round_), 0.0)
    told = gating._told(pupil, clips)
    assert told["changing_drawn"] + told["resting_kept"] > 1.25, told  # 1 by guessing


def test_it_goes_on_where_it_was_stopped(
    first: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(gating, "SAVE_EVERY_S", 0.0)
    learn, rounds = gating.Pupil.learn, []

    def cut_off(pupil: gating.Pupil, *args: object) -> float:
        rounds.append(pupil.rounds)
        if len(rounds) == 3:
            raise KeyboardInterrupt
        return learn(pupil, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(gating.Pupil, "learn", cut_off)
    with pytest.raises(KeyboardInterrupt):
        gating.main((data,), str(first), out, 10.0, channels=4)
    assert rounds == [0, 1, 2] and not (out / checkpoints.CONFIG).exists()
    with pytest.raises(InputError, match="has a gate of other seed; use another --out"):
        gating.main((data,), str(first), out, 10.0, channels=4, seed=1)
    state = gating.load_state(out, gating.STATE, gating._KEYS)
    assert state["rounds"] == 2
    state["elapsed_s"] = 598.0
    gating.save_state(out, state, gating.STATE)
    monkeypatch.setattr(gating.Pupil, "learn", learn)
    gating.main((data,), str(first), out, 10.0, channels=4)
    assert json.loads((out / "gate.json").read_text())["rounds"] > 2
    learnt = load(out).state_dict()["gating.logit.weight"]
    assert not torch.allclose(learnt, state["gate"]["logit.weight"], atol=1e-3)


def test_a_kill_between_its_files_is_made_good(
    first: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shown = len(checkpoints.starts(first))
    for name in ("copytree", "rmtree"):
        with monkeypatch.context() as patch:
            patch.setattr(gating.shutil, name, cut)
            with pytest.raises(KeyboardInterrupt):
                gating.main((data,), str(first), out, SECONDS, channels=4)
        (out / ".starts").mkdir(exist_ok=True)
        gating.main((data,), str(first), out, SECONDS, channels=4)
        assert len(checkpoints.starts(out)) == shown


def cut(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_what_cannot_be(first: Path, data: Path, tmp_path: Path) -> None:
    for minutes in (0.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="above 0"):
            gating.main((data,), str(first), tmp_path / "out", minutes)
    with pytest.raises(InputError, match="give data"):
        gating.main((), str(first), tmp_path / "out")
    with pytest.raises(InputError, match="is not empty"):
        gating.main((data,), str(first), first)
    with pytest.raises(InputError, match="128 px, the clips are"):
        gating.main((data,), "all-128", tmp_path / "out")
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / gating.STATE).write_bytes(b"no state")
    with pytest.raises(InputError, match="is damaged"):
        gating.main((data,), str(first), tmp_path / "out", SECONDS)


def test_actions_of_another_scale_are_refused(tmp_path: Path, first: Path, data: Path) -> None:
    other = Path(shutil.copytree(first, tmp_path / "other"))
    start = checkpoints.starts(other)[0]
    episode = load_episode(start)
    channels = tuple(replace(c, scale=2 * c.scale) for c in episode.scene.action_spec.channels)
    scene = replace(episode.scene, action_spec=ActionSpec(channels))
    save_episode(start, replace(episode, scene=scene))
    for path in checkpoints.starts(other)[1:]:
        path.unlink()
    with pytest.raises(InputError, match="has other actions"):
        gating.main((data,), str(other), tmp_path / "out", SECONDS)


def test_a_damaged_run_is_told_before_it_learns(first: Path, data: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(first, tmp_path / "other"))
    (other / "run.json").write_text("{")
    with pytest.raises(InputError, match="run.json is damaged"):
        gating.main((data,), str(other), tmp_path / "out", 600.0)


def test_a_checkpoint_without_run_json_or_starts(first: Path, data: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(first, tmp_path / "bare"))
    (bare / "run.json").unlink()
    shutil.rmtree(bare / "starts")
    out = tmp_path / "out"
    gating.main((data,), str(bare), out, SECONDS, channels=4)
    assert trained_on(out) == set(json.loads((out / "gate.json").read_text())["data"])
    assert facts_of(out)["architecture"]["gate"] == 4
