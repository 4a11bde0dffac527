"""run.json says what made a run, and `worldsim train --from` makes it again to the bit."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from test_training import SMALL

from worldsim import checkpoints, cli
from worldsim.agents.collect import Collector
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.ends import BAD_INPUT
from worldsim.errors import InputError
from worldsim.info import facts_of
from worldsim.provenance import revision, versions
from worldsim.training.log import read
from worldsim.training.run import Options, again, read_run
from worldsim.training.state import load_state, save_state
from worldsim.training.trainer import Budget, train

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = checkpoints.WEIGHTS


def record(folder: Path, seed: int) -> Path:
    facts = {"scenario": "push", "split": "id", "seed": seed, "steps": 8}
    simulate(Collector("push", "id", seed, 8), facts, 5, folder, progress=False)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording in `data` and a run of six steps on it in `run`."""
    folder: Path = tmp_path_factory.mktemp("made")
    data = record(folder / "data", 3)
    budget = Budget(steps=6)
    train(SMALL, data, folder / "run", budget, workers=1, precision="float32", progress=False)
    return folder


@pytest.fixture(autouse=True)
def same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is changed in this checkout."""
    monkeypatch.setattr("worldsim.training.run.revision", lambda: None)


def run_again(run: Path, out: Path, *options: str) -> int:
    return cli.main(["train", "--from", str(run), "--out", str(out), *options])


def test_a_run_made_again_is_the_same_to_the_bit(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = made / "run", tmp_path / "again"
    assert run_again(run, out) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{out}: {run} again"
    assert (run / WEIGHTS).read_bytes() == (out / WEIGHTS).read_bytes()
    one, two = (read_run(folder) for folder in (run, out))
    assert one.pop("command") and two.pop("command") and one.pop("git") and not two.pop("git")
    assert one == two
    assert [e["loss"] for e in read(run) if "loss" in e] == [
        e["loss"] for e in read(out) if "loss" in e
    ]
    third = tmp_path / "third"
    assert run_again(out, third) == 0, "and so on"
    assert (run / WEIGHTS).read_bytes() == (third / WEIGHTS).read_bytes()


def test_a_run_says_what_made_it(made: Path) -> None:
    told = read_run(made / "run")
    assert told["recipe"]["settings"]["clip_frames"] == SMALL.settings.clip_frames
    assert told["data"] == [Dataset(made / "data").digest]
    assert told["data_paths"] == [str(made / "data")]
    assert (told["steps"], told["workers"], told["seed"], told["precision"]) == (6, 1, 0, "float32")
    assert told["versions"]["torch"] == torch.__version__.partition("+")[0] or (
        told["versions"]["torch"] == torch.__version__
    )
    assert {"python", "numpy", "diffusers", "worldsim"} <= told["versions"].keys()
    assert told["command"] == shlex.join(sys.orig_argv)
    assert told["git"] == revision()
    assert (made / "run/loss.svg").is_file() and read(made / "run")
    facts = facts_of(str(made / "run"))
    assert facts["run_git"] == told["git"] and facts["run_versions"] == told["versions"]


def test_what_is_other_is_told(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = made / "run", tmp_path / "other"
    assert run_again(run, out, "--seed", "1", "--steps", "2") == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert said == f"{out}: {run} again; seed 1 instead of 0; steps 2 instead of 6"
    told = read_run(out)
    assert (told["seed"], told["steps"], told["recipe"]) == (1, 2, read_run(run)["recipe"])
    changed, notes = again(run, Options(minutes=2.5, workers=1, loaders=3, weights=(2.0,)))
    assert (changed.minutes, changed.steps) == (2.5, None) and changed.loaders == 3
    assert notes[:4] == [
        "loaders 3 instead of 0",
        "minutes 2.5 instead of none",
        "steps none instead of 6",
        f"weights 2 instead of {read_run(run)['weights'][0]:g}",
    ]


def test_other_versions_are_told(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made / "run", tmp_path / "run"))
    told = read_run(run)
    told["versions"]["torch"] = "2.0.0"
    (run / "run.json").write_text(json.dumps(told))
    now = versions(["torch"])["torch"]
    assert again(run, Options())[1] == [f"torch {now} instead of 2.0.0"]


def test_data_that_are_gone_or_others_are_refused(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made / "run", tmp_path / "run"))
    moved, told = tmp_path / "moved", read_run(run)
    told["data_paths"] = [str(moved)]
    (run / "run.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match="moved, which is not there; say with --data"):
        again(run, Options())
    record(moved, 4)
    with pytest.raises(InputError, match="its digest is another; record it again, or"):
        again(run, Options())
    options, notes = again(run, Options(data=(moved,)))
    assert notes == ["other data"] and options.data == (moved,) and options.weights is None
    options, notes = again(run, Options(data=(made / "data",)))
    assert notes == [] and options.weights == tuple(told["weights"])


def test_a_run_that_does_not_say_enough_is_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_again(tmp_path, out) == BAD_INPUT
    assert "is no training run: run.json is missing" in capsys.readouterr().err
    told = read_run(made / "run")
    for damage, said in (
        ("{", "is damaged"),
        (json.dumps(told | {"recipe": 3}), "is damaged"),
        (json.dumps({k: v for k, v in told.items() if k != "seed"}), "makes it again .*seed"),
        (json.dumps({k: v for k, v in told.items() if k != "data_paths"}), "where its data were"),
    ):
        (tmp_path / "run.json").write_text(damage)
        with pytest.raises(InputError, match=said):
            again(tmp_path, Options())
    old = told | {"recipe": {**told["recipe"], "settings": {"clip_frames": 5}}}
    (tmp_path / "run.json").write_text(json.dumps(old))
    with pytest.raises(InputError, match="an older version's"):
        again(tmp_path, Options())
    assert not out.exists()


def test_a_run_holds_no_pickle(made: Path) -> None:
    names = {path.name for path in (made / "run").iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.json",
        "diffusion_pytorch_model.safetensors",
        "loss.svg",
        "metrics.jsonl",
        "run.json",
        "starts",
        "state.safetensors",
    }
    with safe_open(made / "run/state.safetensors", "pt") as file:
        assert json.loads(file.metadata()["state"]) and len(list(file.keys())) > 100


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = {
        "step": 3,
        "clips": 12,
        "elapsed_s": 0.1 + 0.2,
        "precision": "float32",
        "average": {"inv": None},
    }
    groups = [{"lr": 1e-3, "betas": [0.9, 0.95], "params": [0, 1]}]
    moments = {0: {"step": torch.tensor(3.0), "mean": torch.randn(2, 3).T}, 1: {}}
    state = kept | {"model": {}, "optimiser": {"adamw": {"state": moments, "groups": groups}}}
    save_state(tmp_path, state)
    back = load_state(tmp_path)
    optimiser = back["optimiser"]["adamw"]
    assert {key: back[key] for key in kept} == kept and optimiser["groups"] == groups
    assert set(optimiser["state"]) == {0, 1} and torch.equal(
        optimiser["state"][0]["mean"], moments[0]["mean"]
    )
    (tmp_path / "state.safetensors").write_bytes(b"\x80\x04N.")
    with pytest.raises(InputError, match="state.safetensors is damaged"):
        load_state(tmp_path)
    save_file({"0": torch.zeros(2)}, tmp_path / "state.safetensors")
    with pytest.raises(InputError, match="state.safetensors is damaged"):
        load_state(tmp_path)


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_revision_is_that_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path.resolve() / "house"
    (root / "worldsim").mkdir(parents=True)
    assert revision(root) is None, "no checkout"
    (root / "worldsim/one.py").write_text("1")
    git(root, "init", "--quiet")
    assert revision(root) is None, "no commit"
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "one")
    commit = git(root, "rev-parse", "HEAD")
    (root / "runs").mkdir()
    (root / "runs/note.txt").write_text("no code")
    assert revision(root) == {"revision": commit, "changed": False}
    (root / "worldsim/two.py").write_text("2")
    assert revision(root) == {"revision": commit, "changed": True}
    assert revision(root / "worldsim") is None, "in somebody else's checkout"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(root) is None, "no git"
