"""A gate is learnt on a model's own dreams; the rest of the model stays as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import SMALL

from worldsim import checkpoints
from worldsim.data.clips import ClipDataset
from worldsim.errors import InputError
from worldsim.models.load import load
from worldsim.training import gating
from worldsim.training.begin import copied
from worldsim.training.feed import recorded_clip
from worldsim.training.run import trained_on
from worldsim.training.state import STATE
from worldsim.training.trainer import Budget, train

SECONDS = 2.0 / 60.0


@pytest.fixture(scope="module")
def first(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that was trained for a moment."""
    out: Path = tmp_path_factory.mktemp("gating") / "first"
    train(SMALL, [data], out, Budget(steps=5), workers=1, progress=False, precision="float32")
    return out


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as six episodes of 13 frames allow."""
    for name, value in (("HELD_OUT", 2), ("STEPS", 4), ("DREAMS", 2), ("UPDATES", 4)):
        monkeypatch.setattr(gating, name, value)


@pytest.fixture(scope="module")
def gated(first: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("gating") / "gated"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("HELD_OUT", 2), ("STEPS", 4), ("DREAMS", 2)):
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


def test_what_it_was_learnt_on_is_known(first: Path, data: Path, gated: Path) -> None:
    told = json.loads((gated / "run.json").read_text())
    assert told["recipe"]["name"] == SMALL.name  # how the rest was trained
    assert told["gate"]["checkpoint"] == checkpoints.digest(first)
    assert set(told["gate"]["data"]) <= trained_on(gated)
    assert 0.0 <= told["gate"]["changing cells drawn"] <= 1.0


def test_it_learns_what_changes(first: Path, data: Path) -> None:
    torch.manual_seed(0)
    pupil = gating.Pupil(copied(load(first), 16).eval())
    clips = ClipDataset(data, 8, None, 0, 0, False)
    domains = [pupil.model.domain("push")]
    held = recorded_clip(clips.batch([40, 41]), domains)
    balance = []
    for rounds in (0, 25):
        for round_ in range(rounds):
            clip = recorded_clip(clips.batch([2 * round_, 2 * round_ + 1]), domains)
            pupil.learn(clip, np.random.default_rng(round_), 0.0)
        found = pupil.dream(held, 0)
        with torch.no_grad():
            logits = torch.cat([pupil.gate(*one[:3]) for one in found])
        changed = torch.cat([one.changed for one in found]) > 0
        assert 0.02 < changed.float().mean() < 0.9
        balance.append(float(logits[changed].mean() - logits[~changed].mean()))
    assert balance[0] == 0.0 and balance[1] > 2.0, balance


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
    with pytest.raises(InputError, match="has a gate of .*another --out"):
        gating.main((data,), str(first), out, 10.0, channels=4, seed=1)
    state = gating.load_state(out, gating._KEYS)
    state["elapsed_s"] = 600.0
    gating.save_state(out, state)
    gating.main((data,), str(first), out, 10.0, channels=4)
    assert json.loads((out / "run.json").read_text())["gate"]["rounds"] == 2
    assert torch.equal(load(out).state_dict()["gating.logit.weight"], state["gate"]["logit.weight"])


def test_what_cannot_be(first: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="above 0"):
        gating.main((data,), str(first), tmp_path / "out", minutes=0.0)
    with pytest.raises(InputError, match="the checkpoint itself"):
        gating.main((data,), str(first), first)
    with pytest.raises(InputError, match="128 px, the clips are"):
        gating.main((data,), "all-128", tmp_path / "out")
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / STATE).write_bytes(b"no state")
    with pytest.raises(InputError, match="is damaged"):
        gating.main((data,), str(first), tmp_path / "out", SECONDS)


def test_a_checkpoint_without_run_json(first: Path, data: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(first, tmp_path / "bare"))
    (bare / "run.json").unlink()
    gating.main((data,), str(bare), tmp_path / "out", SECONDS, channels=4)
    assert trained_on(tmp_path / "out") == set(
        json.loads((tmp_path / "out" / "run.json").read_text())["gate"]["data"]
    )
