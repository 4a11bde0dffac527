"""The commands of `worldsim`: their arguments, their help and the checks of both.

What a command needs is imported when it runs, so that `worldsim --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from worldsim import arguments
from worldsim.errors import InputError, unknown
from worldsim.evaluations import evaluate
from worldsim.recordings import render, simulate, verify
from worldsim.showcase import gallery, info, scenarios


def demo(
    scenario: str = "push",
    seed: int = 0,
    steps: int = 64,
    out: Path = Path("runs/demo"),
    checkpoint: str | None = None,
    passes: int = 1,
) -> None:
    """Step simulator and model side by side, measure the difference, write a report.

    Example: worldsim demo --seed 3 --out runs/demo-3

    Args:
        scenario: what is simulated.
        seed: draws the scene and the actions.
        steps: frames to step, at most 1000.
        out: folder for video, contact sheet, report.json and report.html.
        checkpoint: name of a checkpoint that ships with worldsim, or a folder; one that plays the
            scenario when not given.
        passes: passes of the network for each frame.
    """
    from worldsim.demo import run

    arguments.positive(steps=steps, passes=passes)
    arguments.not_negative(seed=seed)
    run(scenario, seed, steps, arguments.folder(out), checkpoint, passes)


def train(
    recipe: Positional[str],
    data: tuple[Path, ...],
    out: Path,
    weights: tuple[float, ...] | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    resume: bool = False,
    workers: int = 2,
    loaders: int = 0,
    seed: int = 0,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    compile: Literal["auto", "on", "off"] = "auto",
    pause_after: int | None = None,
    cache: Path | None = None,
) -> None:
    """Train a world model on one recording or several, for --minutes or for --steps.

    Example: worldsim train tiny --data data/push --out runs/tiny --minutes 20

    Ctrl-C writes a checkpoint first; --resume goes on from it, with --steps bit for bit.

    Args:
        recipe: tiny or mini (two cores), small, base or large (a GPU).
        data: folder of a recording made by worldsim simulate, or several, of any scenarios.
        weights: share of each of them in the clips, for example 2 1; that of its clips when not
            given.
        out: folder of the run; it becomes a checkpoint, with metrics.jsonl and loss.svg beside it.
        minutes: stop after so much training; 20 when --steps is not given.
        steps: stop after so many steps.
        resume: go on from the last checkpoint in --out.
        workers: training processes.
        loaders: processes that read clips ahead for each of those; with 0 it reads them itself.
        seed: draws weights, clips and noise.
        precision: of the matrix products; auto takes the faster.
        compile: torch.compile, which needs a C++ compiler; auto: for runs of 10 minutes and more.
        pause_after: stop once so many steps are done in all, to go on later with --resume.
        cache: folder for all frames, decoded or drawn once by --loaders processes, 5 bytes a pixel;
            a GPU keeps them in its memory. A later run on the same data finds them there.
    """
    from worldsim import recipes
    from worldsim.training.trainer import Budget
    from worldsim.training.trainer import train as run

    if minutes is None and steps is None:
        minutes = 20.0
    if not data:
        raise InputError("--data needs a folder, or several")
    arguments.at_most(arguments.MOST_WORKERS, workers=workers, loaders=loaders)
    arguments.not_negative(seed=seed, loaders=loaders)
    if pause_after is not None:
        arguments.positive(pause_after=pause_after)
    run(
        recipes.recipe(recipe),
        data,
        arguments.folder(out),
        Budget(minutes, steps),
        weights=weights,
        resume=resume,
        workers=workers,
        loaders=loaders,
        seed=seed,
        precision=precision,
        compile=compile,
        cache=cache,
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
        env: worldsim/Push-v0 (simulator), worldsim/Push-WM-v0 (model) or worldsim/Push-Twin-v0
            (both under the same actions).
        policy: random, zero, ou, scripted or explore.
        episodes: how many.
        seed: episode k is seeded with seed + k.
        checkpoint: name or folder of the model's checkpoint; a shipped one when not given.
    """
    from worldsim.trial import trial

    arguments.positive(episodes=episodes)
    arguments.not_negative(seed=seed)
    trial(env, policy, episodes, arguments.folder(out), seed, checkpoint)


def bench(
    what: Positional[str] = "all",
    out: Path = Path("runs/bench"),
    checkpoint: str = "push-64",
    repeats: int = 5,
    scenario: str | None = None,
    size_px: int = 128,
) -> None:
    """Measure frames a second on this machine.

    Example: worldsim bench simulate --scenario push

    Args:
        what: all (simulator, model, training, evaluation), render (our renderer and PyBullet's),
            simulate (recording, on one core and on two), read (clips for training) or step (from
            an action to a model's frame).
        out: folder for bench.json, bench-render.json and so on.
        checkpoint: all: name or folder of the checkpoint to step.
        repeats: each number is the median of so many.
        scenario: render, simulate: the only one; all ten when not given.
        size_px: simulate, read: width and height of the frames.
    """
    arguments.positive(repeats=repeats)
    arguments.size_px(size_px)
    if what not in BENCHES:
        raise unknown("bench", what, BENCHES)
    run = import_module(f"worldsim.bench.{what}").run
    options = {"all": (checkpoint,), "render": (scenario,), "simulate": (scenario, size_px)}
    run(arguments.folder(out), *options.get(what, (size_px,)), repeats)


BENCHES = ("all", "render", "simulate", "read", "step")
COMMANDS: dict[str, Callable[..., None]] = {
    command.__name__: command
    for command in (
        demo,
        scenarios,
        gallery,
        simulate,
        render,
        verify,
        info,
        train,
        rollout,
        evaluate,
        bench,
    )
}
