"""The commands of `worldsim`: their arguments, their help and the checks of both.

What a command needs is imported when it runs, so that `worldsim --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast, get_args

from tyro.conf import Positional

from worldsim.errors import InputError, unknown
from worldsim.sim.scene import Split

MOST_EPISODES = 1_000_000  # their files are named with six digits
MOST_WORKERS = 256


def demo(
    scenario: str = "push",
    seed: int = 0,
    steps: int = 64,
    out: Path = Path("runs/demo"),
    checkpoint: str = "push-64",
    passes: int = 1,
) -> None:
    """Step simulator and model side by side, measure the difference, write a report.

    Example: worldsim demo --seed 3 --out runs/demo-3

    Args:
        scenario: what is simulated.
        seed: draws the scene and the actions.
        steps: frames to step, at most 1000.
        out: folder for video, contact sheet, report.json and report.html.
        checkpoint: name of a checkpoint that ships with worldsim, or a folder.
        passes: passes of the network for each frame.
    """
    from worldsim.demo import run

    _positive(steps=steps, passes=passes)
    _not_negative(seed=seed)
    run(scenario, seed, steps, _folder(out), checkpoint, passes)


def simulate(
    scenario: Positional[str],
    out: Path,
    episodes: int = 500,
    seed: int = 0,
    workers: int = 2,
    steps: int = 64,
    split: str = "id",
    frame_rate_hz: int = 10,
) -> None:
    """Record episodes of a scenario in the simulator; resumable.

    Example: worldsim simulate push --episodes 500 --out data/push --workers 2

    The same seed gives the same files, byte for byte, with any number of workers and however often
    it was interrupted.

    Args:
        scenario: what is simulated, for example push.
        out: folder of the recording.
        episodes: how many.
        seed: draws scenes and actions.
        workers: processes.
        steps: frames an episode, after the first.
        split: id (training ranges), combo (unseen combinations) or ood (outside the ranges).
        frame_rate_hz: frames and actions a second; must divide the physics rate, 240.
    """
    from worldsim.agents.collect import Collector
    from worldsim.data.simulate import simulate as record
    from worldsim.sim.bullet import load_bullet
    from worldsim.sim.scenarios import SCENARIOS

    _positive(episodes=episodes, workers=workers, steps=steps)
    _at_most(MOST_EPISODES, episodes=episodes)
    _at_most(MOST_WORKERS, workers=workers)
    _not_negative(seed=seed)
    if scenario not in SCENARIOS:
        raise unknown("scenario", scenario, SCENARIOS)
    maker = Collector(scenario, _split(split), seed, steps, frame_rate_hz)
    meta = {"scenario": scenario, "split": split, "seed": seed, "steps": steps}
    meta["frame_rate_hz"] = frame_rate_hz
    load_bullet()  # where it is missing, that is said before a folder is made
    dataset = record(maker, meta, episodes, _folder(out), workers)
    print(f"{out}: {len(dataset)} episodes, {dataset.frames} frames")


def verify(data: Positional[Path]) -> None:
    """Check every file of a recording against its checksum.

    Example: worldsim verify data/push

    Args:
        data: folder of a recording.
    """
    from worldsim.data.dataset import Dataset

    dataset = Dataset(data)
    problems = dataset.verify()
    if problems:
        for problem in problems[:-1]:
            print(f"worldsim: {problem}", file=sys.stderr)
        raise InputError(str(problems[-1]))
    print(f"{data}: {len(dataset)} episodes, all as recorded")


def train(
    recipe: Positional[str],
    data: Path,
    out: Path,
    minutes: float | None = None,
    steps: int | None = None,
    resume: bool = False,
    workers: int = 2,
    seed: int = 0,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    compile: Literal["auto", "on", "off"] = "auto",
    pause_after: int | None = None,
) -> None:
    """Train a world model on a recording, for --minutes or for --steps.

    Example: worldsim train tiny --data data/push --out runs/tiny --minutes 20

    Ctrl-C writes a checkpoint first; --resume goes on from it, with --steps bit for bit.

    Args:
        recipe: tiny or small (two cores), base (a GPU).
        data: folder of a recording made by worldsim simulate.
        out: folder of the run; it becomes a checkpoint, with metrics.jsonl and loss.svg beside it.
        minutes: stop after so much training; 20 when --steps is not given.
        steps: stop after so many steps.
        resume: go on from the last checkpoint in --out.
        workers: training processes.
        seed: draws weights, clips and noise.
        precision: of the matrix products; auto takes the faster.
        compile: torch.compile, which needs a C++ compiler; auto: for runs of 10 minutes and more.
        pause_after: stop once so many steps are done in all, to go on later with --resume.
    """
    from worldsim import recipes
    from worldsim.training.trainer import Budget
    from worldsim.training.trainer import train as run

    if minutes is None and steps is None:
        minutes = 20.0
    _at_most(MOST_WORKERS, workers=workers)
    _not_negative(seed=seed)
    if pause_after is not None:
        _positive(pause_after=pause_after)
    run(
        recipes.recipe(recipe),
        data,
        _folder(out),
        Budget(minutes, steps),
        resume=resume,
        workers=workers,
        seed=seed,
        precision=precision,
        compile=compile,
        pause_after=pause_after,
    )
    print(f"{out}: a checkpoint, with metrics.jsonl and loss.svg; worldsim evaluate judges it")


def rollout(
    out: Path,
    env: str = "worldsim/Push-v0",
    policy: str = "scripted",
    episodes: int = 10,
    seed: int = 0,
    checkpoint: str | None = None,
) -> None:
    """Let a policy act in the simulator or in the model; write episodes, summary and video.

    Example: worldsim rollout --env worldsim/Push-WM-v0 --policy scripted --out runs/scripted

    Args:
        out: folder for the episodes, summary.json and episodes.webm.
        env: worldsim/Push-v0 (simulator) or worldsim/Push-WM-v0 (model).
        policy: random, zero, ou, scripted or explore.
        episodes: how many.
        seed: episode k is seeded with seed + k.
        checkpoint: name or folder of the model's checkpoint; push-64 when not given.
    """
    from worldsim.trial import trial

    _positive(episodes=episodes)
    _not_negative(seed=seed)
    trial(env, policy, episodes, _folder(out), seed, checkpoint)


def evaluate(
    model: str,
    data: Path,
    out: Path = Path("runs/eval"),
    episodes: int = 40,
    start_frames: int = 1,
    horizon: int = 48,
    train_data: Path | None = None,
    passes: int = 1,
    limits: str | None = None,
) -> None:
    """Judge a model on recorded episodes: 3D errors, floors and baselines, as a report.

    Example: worldsim evaluate --model runs/tiny --data data/push-test --train-data data/push

    Args:
        model: name or folder of a checkpoint.
        data: folder of a recording the model was not trained on.
        out: folder for report.json and report.html.
        episodes: how many of the recording, from its first.
        start_frames: true frames the model sees before it is on its own, 1 to 8.
        horizon: frames it then draws.
        train_data: its training recording; adds the nearest-training-clip baseline.
        passes: passes of the network for each frame.
        limits: sane, smoke, tiny or shipped: hold the report to what such a model must reach, and
            end with exit code 1 where it does not.
    """
    from worldsim.eval.limits import LEVELS, check_limits
    from worldsim.judge import judge

    _positive(episodes=episodes, start_frames=start_frames, horizon=horizon, passes=passes)
    if limits is not None and limits not in LEVELS:
        raise unknown("level", limits, LEVELS)
    report = judge(model, data, _folder(out), episodes, start_frames, horizon, train_data, passes)
    if limits is None:
        return
    held = check_limits(report.rows, report.diameter_m, report.episodes, limits)
    print(f"\nlimits of a {limits} model:", *held, sep="\n")
    if not all(check.passed for check in held):
        raise RuntimeError(f"{model} does not reach all limits of a {limits} model")


def bench(out: Path = Path("runs/bench"), checkpoint: str = "push-64", repeats: int = 5) -> None:
    """Measure frames a second of simulator, model, training and evaluation on this machine.

    Example: worldsim bench --out runs/bench

    Args:
        out: folder for bench.json.
        checkpoint: name or folder of the checkpoint to step.
        repeats: each number is the median of so many.
    """
    from worldsim.bench import run

    _positive(repeats=repeats)
    run(_folder(out), checkpoint, repeats)


COMMANDS: dict[str, Callable[..., None]] = {
    command.__name__: command
    for command in (demo, simulate, verify, train, rollout, evaluate, bench)
}


def _split(name: str) -> Split:
    for split in get_args(Split):
        if split == name:
            return cast("Split", split)
    raise unknown("split", name, get_args(Split))


def _folder(out: Path) -> Path:
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; name a folder")
    # Said before the work, not after it: the nearest folder there is must take new files.
    near = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not near.is_dir() or not os.access(near, os.W_OK | os.X_OK):
        raise InputError(f"--out {out}: cannot write in {near}; choose another folder")
    return out


def _positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise InputError(f"--{name.replace('_', '-')} must be at least 1, got {value}")


def _at_most(most: int, **values: int) -> None:
    for name, value in values.items():
        if value > most:
            raise InputError(f"--{name.replace('_', '-')} must be at most {most}, got {value}")


def _not_negative(**values: int) -> None:
    for name, value in values.items():
        if value < 0:
            raise InputError(f"--{name.replace('_', '-')} must be 0 or more, got {value}")
