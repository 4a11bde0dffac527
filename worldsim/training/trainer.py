"""Clips and a recipe in, a checkpoint out: `train`."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import numpy as np
import torch
from torch.multiprocessing.spawn import spawn

from worldsim.data.clips import Clips
from worldsim.data.store import save_episode
from worldsim.errors import InputError
from worldsim.training.machine import Compile, Precision, has_compiler
from worldsim.training.settings import Recipe
from worldsim.training.state import STATE
from worldsim.training.worker import Job, work

RUN = "run.json"
START_FRAMES = 8


@dataclass(frozen=True)
class Budget:
    """Either minutes of training or a number of steps."""

    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.minutes, self.steps) if value is not None]
        if len(given) != 1 or not np.isfinite(given[0]) or given[0] <= 0:
            raise InputError("give a positive number of --minutes or of --steps, not both")


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    budget: Budget,
    *,
    resume: bool = False,
    workers: int = 2,
    seed: int = 0,
    precision: Precision = "auto",
    compile: Compile = "auto",
    pause_after: int | None = None,
    progress: bool = True,
) -> Path:
    """Train `recipe` on the dataset in `data`, write the run into `out` and return it.

    `out` becomes a checkpoint folder: config.json, weights (the moving average), starts/, and
    beside them metrics.jsonl, loss.svg, run.json and the state to resume from. With `resume` a run
    goes on bit by bit where its last checkpoint left it. `pause_after` stops after that many steps.

    Raises InputError on bad input and KeyboardInterrupt after a Ctrl-C, its checkpoint written.
    """
    if workers < 1:
        raise InputError(f"--workers must be at least 1, got {workers}")
    held_out = recipe.settings.held_out_episodes
    clips = Clips(data, progress=progress)
    if len(clips.dataset) <= held_out:
        raise InputError(
            f"{data} has {len(clips.dataset)} episodes; {held_out} are held out, so record more"
        )
    clips.windows(recipe.settings.clip_frames)
    _prepare(recipe, clips, out, budget, resume, workers, seed)
    with tempfile.TemporaryDirectory() as meeting:
        job = Job(
            recipe=recipe,
            data=Path(data),
            out=Path(out),
            minutes=budget.minutes,
            steps=budget.steps,
            resume=resume,
            workers=workers,
            seed=seed,
            precision=precision,
            compile=_compiles(compile, budget),
            pause_after=pause_after,
            progress=progress,
            meeting=f"file://{meeting}/store",
        )
        stopped = _run(job)
    if stopped:
        raise KeyboardInterrupt
    return Path(out)


def _compiles(wanted: Compile, budget: Budget) -> bool:
    """Compiling takes a minute or two and makes a step 1.4 times as fast: not for short runs."""
    if wanted == "on" and not has_compiler():
        raise InputError("--compile on needs a C++ compiler (g++, or name one in CXX)")
    long = budget.minutes is not None and budget.minutes >= 10
    return wanted == "on" or (wanted == "auto" and long and has_compiler())


def _run(job: Job) -> bool:
    """Run the job's workers; True when Ctrl-C ended them."""
    if job.workers == 1:
        return work(0, job)
    answers: SimpleQueue[bool] = get_context("spawn").SimpleQueue()
    processes = spawn(_answer, (job, answers), nprocs=job.workers, join=False)
    interrupted = _patiently(processes.join)
    if answers.empty():
        return interrupted
    return interrupted or bool(answers.get())


def _answer(rank: int, job: Job, answers: SimpleQueue[bool]) -> None:
    stopped = work(rank, job)
    if rank == 0:
        answers.put(stopped)


def _patiently(join: Callable[[], bool]) -> bool:
    """Wait for workers, which write their checkpoint on Ctrl-C; True when one came."""
    interrupted = False
    while True:
        try:
            if join():
                return interrupted
        except KeyboardInterrupt:
            interrupted = True


def _prepare(
    recipe: Recipe, clips: Clips, out: Path, budget: Budget, resume: bool, workers: int, seed: int
) -> None:
    """Describe the run in `out`, or check that the run to resume is the same."""
    facts = {
        "recipe": asdict(recipe),
        "data": clips.dataset.digest,
        "workers": workers,
        "seed": seed,
        "steps": budget.steps,
    }
    path = out / RUN
    if resume:
        if not path.is_file() or not (out / STATE).is_file():
            raise InputError(f"nothing to resume in {out}; start it without --resume")
        before = json.loads(path.read_text())
        other = [key for key in facts if before.get(key) != facts[key]]
        if other:
            raise InputError(f"{out} was trained with other {' and '.join(other)}; use a new --out")
        return
    if path.exists() or (out / STATE).exists():
        raise InputError(f"{out} holds a run already; add --resume or choose another --out")
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty and no run; choose another --out")
    starts = out / "starts"
    starts.mkdir(parents=True)
    try:
        dataset = clips.dataset
        for i in range(len(dataset) - recipe.settings.held_out_episodes, len(dataset)):
            episode = dataset[i]
            start = episode.part(0, min(START_FRAMES - 1, episode.steps))
            save_episode(starts / f"{len(list(starts.iterdir())):03d}.npz", start)
        path.write_text(json.dumps({**facts, "torch": torch.__version__}, indent=1) + "\n")
    except BaseException:
        shutil.rmtree(starts, ignore_errors=True)
        raise
