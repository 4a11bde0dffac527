"""The commands of `worldsim`: their arguments, their help and the checks of both.

What a command needs is imported when it runs, so that `worldsim --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from worldsim import arguments
from worldsim.errors import InputError, unknown
from worldsim.showcase import gallery, info, scenarios


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

    arguments.positive(steps=steps, passes=passes)
    arguments.not_negative(seed=seed)
    run(scenario, seed, steps, arguments.folder(out), checkpoint, passes)


def simulate(
    scenario: Positional[str],
    out: Path,
    episodes: int = 500,
    seed: int = 0,
    workers: int = 2,
    steps: int = 64,
    split: str = "id",
    frame_rate_hz: int | None = None,
    size_px: int = 64,
    video: bool = False,
    mesh: Path | None = None,
    mesh_scale: float = 1.0,
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
        frame_rate_hz: frames and actions a second; must divide the physics rate, 240. The
            scenario's own when not given.
        size_px: width and height of the frames.
        video: write episodes.webm too, a film of the first ten.
        mesh: an .obj, .stl, .glb, .ply or .off file, the form of the body that the task is about.
        mesh_scale: the length of the mesh over the width of the body whose place it takes.
    """
    from worldsim.agents.collect import Collector, Replacement
    from worldsim.data.simulate import simulate as record
    from worldsim.eval.video import FILMED, film_of
    from worldsim.sim.bullet import load_bullet

    arguments.positive(episodes=episodes, workers=workers, steps=steps)
    arguments.at_most(arguments.MOST_EPISODES, episodes=episodes)
    arguments.at_most(arguments.MOST_WORKERS, workers=workers)
    arguments.not_negative(seed=seed)
    arguments.size_px(size_px)
    found = arguments.split(split)
    if mesh is None and mesh_scale != 1.0:
        raise InputError("--mesh-scale needs --mesh")
    form = None if mesh is None else Replacement.read(mesh, mesh_scale)
    maker = Collector(scenario, found, seed, steps, frame_rate_hz, size_px, form)
    load_bullet()  # where it is missing, that is said before a folder is made
    dataset = record(maker, maker.meta, episodes, arguments.folder(out), workers)
    print(f"{out}: {len(dataset)} episodes, {dataset.frames} frames")
    if video:
        first = [dataset[index] for index in range(min(FILMED, len(dataset)))]
        print(film_of(first, out / "episodes.webm"))


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
) -> None:
    """Train a world model on one recording or several, for --minutes or for --steps.

    Example: worldsim train tiny --data data/push --out runs/tiny --minutes 20

    Ctrl-C writes a checkpoint first; --resume goes on from it, with --steps bit for bit.

    Args:
        recipe: tiny or small (two cores), base (a GPU).
        data: folder of a recording made by worldsim simulate, or several of one scenario.
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

    arguments.positive(episodes=episodes)
    arguments.not_negative(seed=seed)
    trial(env, policy, episodes, arguments.folder(out), seed, checkpoint)


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

    arguments.positive(episodes=episodes, start_frames=start_frames, horizon=horizon, passes=passes)
    if limits is not None and limits not in LEVELS:
        raise unknown("level", limits, LEVELS)
    report = judge(
        model, data, arguments.folder(out), episodes, start_frames, horizon, train_data, passes
    )
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

    arguments.positive(repeats=repeats)
    run(arguments.folder(out), checkpoint, repeats)


COMMANDS: dict[str, Callable[..., None]] = {
    command.__name__: command
    for command in (
        demo,
        scenarios,
        gallery,
        simulate,
        verify,
        info,
        train,
        rollout,
        evaluate,
        bench,
    )
}
