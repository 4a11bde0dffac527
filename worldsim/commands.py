"""The commands of `worldsim`: their arguments, their help and the checks of both.

What a command needs is imported when it runs, so that `worldsim --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from worldsim import arguments, checkpoints
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
    passes: int | None = None,
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
        passes: passes of the network for each frame; the model's own when not given.
    """
    from worldsim.demo import run

    arguments.positive(steps=steps, passes=passes)
    arguments.not_negative(seed=seed)
    run(scenario, seed, steps, arguments.folder(out), checkpoint, passes)


def train(
    recipe: Positional[str] = "",
    *,
    out: Path,
    data: tuple[Path, ...] = (),
    from_: Annotated[Path | None, arg(name="from")] = None,
    weights: tuple[float, ...] | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    resume: bool = False,
    workers: int | None = None,
    loaders: int | None = None,
    seed: int | None = None,
    precision: Literal["auto", "float32", "bfloat16"] | None = None,
    compile: Literal["auto", "on", "off"] | None = None,
    pause_after: int | None = None,
    cache: Path | None = None,
    shard: bool = False,
    begin: str | None = None,
    rate: float | None = None,
) -> None:
    """Train a world model on one recording or several, for --minutes or for --steps.

    Example: worldsim train tiny --data data/push --out runs/tiny --minutes 20

    Ctrl-C writes a checkpoint first; --resume goes on from it, with --steps bit for bit. With
    --from a run is made again as its run.json says; options beside it change that, and are told.
    Over machines: torchrun or accelerate launch --multi_gpu, then -m worldsim.cli train and so on;
    they share the folders of --data, --begin and --out.

    Args:
        recipe: tiny or mini (two cores), small, base or large (a GPU).
        data: folder of a recording made by worldsim simulate, or several, of any scenarios.
        from_: folder of a run to make again, from its recipe, data, seed and settings.
        weights: share of each of them in the clips, for example 2 1; that of its clips when not
            given.
        out: folder of the run; it becomes a checkpoint, with run.json, metrics.jsonl and loss.svg.
        minutes: stop after so much training; 20 when --steps is not given.
        steps: stop after so many steps.
        resume: go on from the last checkpoint in --out.
        workers: training processes on this machine, one a GPU; all GPUs, or two processes, when not
            given. --resume takes any number.
        loaders: processes that read clips ahead for each of those; with 0, the default, it reads
            them itself.
        seed: draws weights, clips and noise; 0 when not given.
        precision: of the matrix products; auto, the default, takes the faster.
        compile: torch.compile, which needs a C++ compiler; auto, the default: for runs of 10
            minutes and more.
        pause_after: stop once so many steps are done in all, to go on later with --resume.
        cache: folder for all frames, decoded or drawn once by --loaders processes, 5 bytes a pixel;
            a GPU keeps them in its memory. A later run on the same data finds them there; one with
            --begin has its checkpoint's depth range, so give it a folder of its own.
        shard: cut weights, gradients and optimiser states over the processes (FSDP2).
        begin: name or folder of a checkpoint of that recipe to train on, on recordings of any of
            its scenarios; the others it keeps, but may forget. --resume needs none.
        rate: learning rates as a share of the recipe's; 1 when not given.
    """
    from worldsim import recipes
    from worldsim.training.run import Options, again
    from worldsim.training.team import joined
    from worldsim.training.trainer import Budget
    from worldsim.training.trainer import train as run

    arguments.at_most(arguments.MOST_WORKERS, workers=workers or 0, loaders=loaders or 0)
    arguments.not_negative(seed=seed or 0, loaders=loaders or 0)
    if pause_after is not None:
        arguments.positive(pause_after=pause_after)
    asked = Options(
        recipes.recipe(recipe) if recipe else None,
        data or None,
        weights,
        minutes,
        steps,
        workers,
        loaders,
        seed,
        precision,
        compile,
        cache,
        None if begin is None else checkpoints.find(begin),
        rate,
    )
    if from_ is not None:
        asked, notes = again(from_, asked)
        print("; ".join([f"{out}: {from_} again", *notes]))
    elif not recipe:
        raise InputError(f"name a recipe ({', '.join(recipes.RECIPES)}), or a run with --from")
    elif not data:
        raise InputError("--data needs a folder, or several")
    said = asked.said()
    budget = Budget(said.pop("minutes", None if "steps" in said else 20.0), said.pop("steps", None))
    run(
        said.pop("recipe"),
        said.pop("data"),
        arguments.folder(out),
        budget,
        resume=resume,
        pause_after=pause_after,
        shard=shard,
        **said,
    )
    if joined().is_main_process:
        print(f"{out}: a checkpoint, with metrics.jsonl and loss.svg; worldsim evaluate judges it")


def rollout(
    out: Path,
    env: str = "worldsim/Push-v0",
    policy: str = "scripted",
    episodes: int = 10,
    seed: int = 0,
    checkpoint: str | None = None,
    steps: int | None = None,
) -> None:
    """Let a policy act in the simulator or in the model; write episodes, summary and video.

    Example: worldsim rollout --env worldsim/Push-WM-v0 --policy scripted --out runs/scripted

    Args:
        out: folder for the episodes, summary.json and episodes.webm.
        env: worldsim/Push-v0 (simulator), worldsim/Push-WM-v0 (model) or worldsim/Push-Twin-v0
            (both under the same actions).
        policy: random, zero, ou, scripted or explore; cem plans in a model's dreams and acts in
            --env, cem-simulator plans in the simulator that it acts in.
        episodes: how many.
        seed: episode k is seeded with seed + k.
        checkpoint: name or folder of the checkpoint of the model that is acted in, or that cem
            plans in; a shipped one when not given.
        steps: frames an episode at most; the environment's limit, 100, when not given.
    """
    from worldsim.trial import trial

    arguments.positive(episodes=episodes)
    arguments.not_negative(seed=seed)
    if steps is not None:
        arguments.positive(steps=steps)
    trial(env, policy, episodes, arguments.folder(out), seed, checkpoint, steps)


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
            simulate (recording, on one core and on two), read (clips for training), step (from
            an action to a model's frame), env (whole steps of environments, alone and in batches;
            some minutes, 8 GB), train (share of the matmul peak) or video (judging clips from
            outside; some minutes).
        out: folder for bench.json, bench-render.json and so on.
        checkpoint: all: name or folder of the checkpoint to step.
        repeats: each number is the median of so many.
        scenario: render, simulate: the only one; all ten when not given.
        size_px: simulate, read, step, train, video: width and height of the frames.
    """
    arguments.positive(repeats=repeats)
    arguments.size_px(size_px)
    if what not in BENCHES:
        raise unknown("bench", what, BENCHES)
    run = import_module(f"worldsim.bench.{what}").run
    options: dict[str, tuple[object, ...]] = {
        "all": (checkpoint,),
        "render": (scenario,),
        "simulate": (scenario, size_px),
        "env": (),
    }
    run(arguments.folder(out), *options.get(what, (size_px,)), repeats)


BENCHES = ("all", "render", "simulate", "read", "step", "env", "train", "video")
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
