"""Clips and a recipe in, a checkpoint out: `train`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from worldsim import checkpoints
from worldsim.data.atomic import locked, write_whole
from worldsim.data.clips import ClipDataset
from worldsim.data.store import SUFFIX, save_episode
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.training import team
from worldsim.training.begin import Begin, of_shape
from worldsim.training.log import CURVE, METRICS
from worldsim.training.loop import work
from worldsim.training.machine import Compile, Precision, choose_precision, has_compiler
from worldsim.training.run import RUN, made_by, read_run
from worldsim.training.settings import Recipe
from worldsim.training.state import STATE
from worldsim.training.worker import Job

STARTS = "starts"
EARLY = {RUN, METRICS, CURVE, STARTS}
START_FRAMES = 8
STARTS_EACH = 4  # of a scenario, at least
MOST_RATE = 10.0
"""A larger share of a recipe's learning rates is a slip."""


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
    data: Path | Sequence[Path],
    out: Path,
    budget: Budget,
    *,
    weights: Sequence[float] | None = None,
    resume: bool = False,
    workers: int | None = None,
    loaders: int = 0,
    seed: int = 0,
    precision: Precision = "auto",
    compile: Compile = "auto",
    pause_after: int | None = None,
    cache: Path | None = None,
    shard: bool = False,
    begin: Path | None = None,
    rate: float | None = None,
    progress: bool = True,
) -> Path:
    """Train `recipe` on one dataset or a mix by `weights`, write the run into `out`, return it.

    The datasets may be of several scenarios: the model then knows them all.

    `out` becomes a checkpoint folder: config.json, weights (the moving average), starts/, and
    beside them metrics.jsonl, loss.svg, run.json and the state to resume from. With `resume` a run
    goes on where its last checkpoint left it, bit for bit under a budget of steps (one of minutes
    hangs on the clock) and by the same number of processes. `pause_after` stops once so many steps
    are done, to be resumed. The `workers` are processes of this machine: one a GPU or two when not
    given; or a launcher started them (accelerate launch, torchrun), on any machines. Each has
    `loaders` processes that read clips for it ahead, or reads them itself; with a `cache` folder
    they decode or draw every frame once instead. With `shard` each keeps a part of the weights.
    From the checkpoint `begin` come the first weights, and what the model knows of its scenarios;
    a run that is resumed has them already. `rate` is a share of the recipe's learning rates.

    Raises InputError on bad input and KeyboardInterrupt after a Ctrl-C, its checkpoint written.
    """
    workers, local = team.size(workers), team.joined().is_local_main_process
    out, rate = Path(out), 1.0 if rate is None else rate
    _check(out, recipe, begin, resume, rate, loaders, pause_after)
    paths = [data] if isinstance(data, Path) else list(data)
    settings = recipe.settings
    clips = ClipDataset(
        paths, settings.clip_frames, weights, seed, settings.held_out_episodes, progress and local
    )
    first = _first(begin, out, resume, recipe, clips)
    compiled = _compiles(compile, budget, shard)
    facts: dict[str, Any] = {"recipe": asdict(recipe), **asdict(budget)}
    facts |= {"data": [data.digest for data in clips.datasets], "weights": list(clips.weights)}
    if precision == "auto":
        precision = _chosen(out, resume)
    facts |= {"workers": workers, "seed": seed, "precision": precision, "compile": compiled}
    facts |= {"begin": None if first is None else first.digest}
    facts |= {"rate": None if rate == 1.0 else rate}
    origin = made_by(paths, loaders, cache, begin)
    origin |= {"begin_data": [] if first is None else list(first.data)}
    starts = () if first is None else first.starts
    with ExitStack() as held:
        team.by_main(lambda: _take(held, out, clips, resume, facts, origin, starts))
        job = Job(
            recipe=replace(recipe, settings=settings.at_rate(rate)),
            clips=clips,
            out=out,
            minutes=budget.minutes,
            steps=budget.steps,
            resume=resume,
            workers=workers,
            loaders=loaders,
            seed=seed,
            precision=precision,
            compile=compiled,
            pause_after=pause_after,
            progress=progress,
            cache=cache,
            shard=shard,
            begin=out if resume and first is not None else begin,
        )
        alone = workers == 1 or team.joined().num_processes > 1
        stopped = work(job) if alone else team.start(partial(work, job), workers)
    if stopped:
        raise KeyboardInterrupt
    return Path(out)


def _check(
    out: Path,
    recipe: Recipe,
    begin: Path | None,
    resume: bool,
    rate: float,
    loaders: int,
    pause_after: int | None,
) -> None:
    """Refuse what can be told before the recordings are gone through."""
    if loaders < 0:
        raise InputError(f"--loaders must be 0 or more, got {loaders}")
    if pause_after is not None and pause_after < 1:
        raise InputError(f"--pause-after must be at least 1, got {pause_after}")
    if not 0.0 < rate <= MOST_RATE:
        raise InputError(f"--rate must be above 0 and at most {MOST_RATE:g}, got {rate}")
    if begin is None:
        return
    if out.resolve() in begin.resolve().parents:
        raise InputError(f"--begin {begin} lies in --out {out}; use another --out")
    if not resume:
        of_shape(begin, recipe)


def _first(
    begin: Path | None, out: Path, resume: bool, recipe: Recipe, clips: ClipDataset
) -> Begin | None:
    """What a run begins from; one that is resumed has all of it already, but the digest."""
    if resume and (out / RUN).is_file():
        own = read_run(out).get("begin") if begin is None else checkpoints.digest(begin)
        return None if own is None else Begin(own, (), ())
    return None if begin is None else Begin.of(begin, recipe, clips)


def _chosen(out: Path, resume: bool) -> Precision:
    """What "auto" is: the run's own, or the faster, which is measured and may be another then."""
    if resume and (out / RUN).is_file():
        own: Precision = read_run(out)["precision"]
        return own
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bfloat16 = choose_precision("auto", device) == torch.bfloat16
    return "bfloat16" if bfloat16 else "float32"


def _compiles(wanted: Compile, budget: Budget, shard: bool) -> bool:
    """Compiling takes a minute or two and makes a step 1.4 times as fast: not for short runs."""
    if shard:
        if wanted == "on":
            raise InputError("--compile on does not go with --shard; leave one of them out")
        return False
    if wanted == "on" and not has_compiler():
        raise InputError("--compile on needs a C++ compiler (g++, or name one in CXX)")
    long = budget.minutes is not None and budget.minutes >= 10
    return wanted == "on" or (wanted == "auto" and long and has_compiler())


def _take(
    held: ExitStack,
    out: Path,
    clips: ClipDataset,
    resume: bool,
    facts: dict[str, Any],
    origin: dict[str, Any],
    starts: Sequence[Episode],
) -> None:
    """Hold `out` for this run, a new one described in it by `facts` and `origin`.

    Its start episodes are some that are held out, and `starts`.
    """
    _refuse(out, resume, facts)
    held.enter_context(locked(out, "training in"))
    if not resume:
        _prepare(out, clips, facts | origin, starts)


def _refuse(out: Path, resume: bool, facts: dict[str, Any]) -> None:
    """Raise InputError where `out` is no place for this run."""
    path = out / RUN
    if not resume:
        if (out / STATE).exists():
            raise InputError(f"{out} holds a run already; add --resume or choose another --out")
        # What a run that ended before its first checkpoint leaves behind may go.
        found = {path.name for path in out.iterdir()} if out.exists() else set()
        if not {name for name in found if not name.startswith(".")} <= EARLY:
            raise InputError(f"{out} is not empty and no run; choose another --out")
        return
    if not path.is_file() or not (out / STATE).is_file():
        raise InputError(f"{out} has no checkpoint to resume; start it without --resume")
    before = read_run(out)
    # Clips are counted, so another number of processes goes on where the last ones stopped.
    other = [key for key in facts if key != "workers" and before.get(key) != facts[key]]
    if other:
        raise InputError(f"{out} was trained with other {' and '.join(other)}; use a new --out")


def _prepare(
    out: Path, clips: ClipDataset, facts: dict[str, Any], starts: Sequence[Episode]
) -> None:
    """Describe a new run in `out` and put its start episodes there."""
    write_starts(out, clips, starts)
    for name in (METRICS, CURVE):
        (out / name).unlink(missing_ok=True)
    write_whole(out / RUN, f"{json.dumps(facts, indent=1)}\n".encode())


def write_starts(folder: Path, clips: ClipDataset, more: Sequence[Episode] = ()) -> None:
    """Put start episodes into a checkpoint, in place of those that are there.

    They are the first frames of some that are held out, and `more`.
    """
    starts = folder / STARTS
    shutil.rmtree(starts, ignore_errors=True)
    starts.mkdir(parents=True)
    for number, episode in enumerate([*clips.held_out_episodes(STARTS_EACH), *more]):
        start = episode.part(0, min(START_FRAMES - 1, episode.steps))
        save_episode(starts / f"{number:03d}{SUFFIX}", start)
