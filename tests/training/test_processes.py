"""Several training processes: the same steps as one on the joined batch, shards, honest ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_training import SMALL

from worldsim.data.clips import ClipDataset, RecordedClip
from worldsim.errors import InputError
from worldsim.training import team
from worldsim.training.log import read
from worldsim.training.settings import Recipe
from worldsim.training.state import load_state
from worldsim.training.trainer import Budget, train

# Noise from the first step on, own history at once: all that a step may be made of.
PAIR = replace(SMALL, settings=replace(SMALL.settings, history_from_progress=0.0, full_chance=0.3))
JOINED = replace(PAIR, settings=replace(PAIR.settings, clips_per_worker=4))
CLI = """
import sys
from test_processes import PAIR
from worldsim import recipes
from worldsim.cli import main
recipes.RECIPES["pair"] = lambda: PAIR
sys.exit(main(sys.argv[1:]))
"""


def run(recipe: Recipe, data: Path, out: Path, steps: int = 6, **options: object) -> Path:
    options = {"progress": False, "precision": "float32", **options}
    return train(recipe, data, out, Budget(steps=steps), **options)  # type: ignore[arg-type]


def same(one: object, two: object, most: float, where: str = "") -> None:
    """Two states, but for the clock."""
    if isinstance(one, torch.Tensor):
        assert isinstance(two, torch.Tensor) and type(one) is type(two), where
        apart = float((one.double() - two.double()).abs().max()) if one.numel() else 0.0
        assert apart <= most, f"{where}: {apart}"
    elif isinstance(one, dict):
        assert isinstance(two, dict) and set(one) == set(two), where
        for key in set(one) - {"elapsed_s"}:
            same(one[key], two[key], most, f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert isinstance(two, list | tuple) and len(one) == len(two), where
        for number, (first, second) in enumerate(zip(one, two, strict=True)):
            same(first, second, most, f"{where}.{number}")
    else:
        assert one == two, where


@pytest.fixture(scope="module")
def pair(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four of six steps by two gloo processes with two clips each; not to be written into."""
    out = tmp_path_factory.mktemp("pair") / "run"
    return run(PAIR, data, out, workers=2, pause_after=4)


def test_two_processes_step_as_one_on_the_joined_batch(
    data: Path,
    pair: Path,
    tmp_path: Path,
) -> None:
    alone = run(JOINED, data, tmp_path / "alone", workers=1, pause_after=4)
    one, two = load_state(alone), load_state(pair)
    gradients = [kept["momentum_buffer"] for kept in two["optimiser"]["muon"]["state"].values()]
    assert all(gradient.any() for gradient in gradients)
    assert one["clips"] == two["clips"] == 16
    same(one, two, 1e-6)


def test_a_sharded_run_steps_as_an_unsharded_one(
    data: Path,
    pair: Path,
    tmp_path: Path,
) -> None:
    alone = run(JOINED, data, tmp_path / "alone", workers=1)
    sharded = Path(shutil.copytree(pair, tmp_path / "sharded"))
    run(PAIR, data, sharded, workers=2, resume=True, shard=True)
    same(load_state(alone), load_state(sharded), 1e-5)


def test_another_number_of_processes_goes_on_at_the_next_clip(
    data: Path,
    pair: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[int] = []
    batch = ClipDataset.batch

    def watched(self: ClipDataset, positions: Sequence[int]) -> RecordedClip:
        drawn.extend(positions)
        return batch(self, positions)

    monkeypatch.setattr(ClipDataset, "batch", watched)
    out = Path(shutil.copytree(pair, tmp_path / "run"))
    run(PAIR, data, out, workers=1, resume=True)
    assert drawn == [16, 17, 18, 19]
    saved = [entry for entry in read(out) if "one_step_ratio" in entry]
    assert [(e["step"], e["clips"], e["workers"]) for e in saved] == [(4, 16, 2), (6, 20, 1)]


def test_the_number_of_processes_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert team.size(3) == 3 and team.size(None) >= 1
    with pytest.raises(InputError, match="--workers must be at least 1"):
        team.size(0)


def started(data: Path, out: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    options = ["--steps", "100000", "--precision", "float32", "--out", str(out)]
    return subprocess.Popen(
        [sys.executable, "-c", CLI, "train", "pair", "--data", str(data), *options, *more],
        cwd=Path(__file__).parent,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def ended(processes: Sequence[subprocess.Popen[str]]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def until(true: Callable[[], object], processes: Sequence[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        for process in processes:
            if process.poll() is not None:
                raise AssertionError(process.communicate()[1])
        assert time.monotonic() < deadline
        time.sleep(0.1)


def after_the_kill(process: subprocess.Popen[str]) -> str:
    """The one line that is said by the one that is left, which must end within seconds."""
    begin = time.monotonic()
    said = process.communicate(timeout=60)[1]
    assert time.monotonic() - begin < 20
    assert process.returncode == 1
    assert said.count("\n") == 1, said
    return said


def test_launched_processes_resume_a_run_of_one_and_one_dies(data: Path, tmp_path: Path) -> None:
    out = run(PAIR, data, tmp_path / "run", steps=100000, workers=1, pause_after=2)
    before = load_state(out)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    pair = [
        started(data, out, "--resume", **world, RANK=rank, LOCAL_RANK=rank) for rank in ("0", "1")
    ]
    with ended(pair):
        until(lambda: read(out)[-1]["step"] >= 22, pair)
        pair[1].kill()
        assert "another training process is gone; --resume" in after_the_kill(pair[0])
    first = next(entry for entry in read(out) if entry["step"] == 22)
    assert first["workers"] == 2 and first["clips"] == 2 * 2 + 20 * 4
    same(before, load_state(out), 0.0)
    assert json.loads((out / "run.json").read_text())["workers"] == 1


def test_a_killed_worker_ends_the_run(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = started(data, out, "--workers", "2")
    with ended([process]):
        until(lambda: read(out), [process])
        os.kill(children(process.pid)[-1], signal.SIGKILL)
        said = after_the_kill(process)
    assert "training process" in said and "--resume" in said
    assert not children(process.pid)


def children(pid: int) -> list[int]:
    """Training processes that `pid` has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(each) for each in listed.read_text().split()] if listed.exists() else []
    return [each for each in found if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]


@pytest.mark.slow
def test_accelerate_launch_trains_as_two_workers_do(data: Path, pair: Path, tmp_path: Path) -> None:
    script = tmp_path / "pair.py"
    script.write_text(CLI)
    line = f"launch --multi_gpu --num_processes 2 {script} train pair --data {data}"
    line += f" --out {tmp_path / 'run'} --steps 6 --pause-after 4 --precision float32"
    done = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.accelerate_cli", *line.split()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("a checkpoint, with") == 1
    same(load_state(pair), load_state(tmp_path / "run"), 0.0)
