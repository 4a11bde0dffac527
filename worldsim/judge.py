"""A model judged on recorded episodes: it dreams them on from their start frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim import checkpoints
from worldsim.data.dataset import Dataset
from worldsim.data.workers import each
from worldsim.dreams import Dreamer
from worldsim.envs.start import MOST_FRAMES
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.baselines import Library
from worldsim.eval.page.report import write_report
from worldsim.eval.score import Report
from worldsim.eval.suite import evaluate
from worldsim.explain.clips import explained, lines
from worldsim.readings import Job, read_ahead
from worldsim.sim.scenarios import find_scenario
from worldsim.training.run import trained_on


@dataclass(frozen=True)
class Plan:
    """A model, and how it is judged on a recording.

    It sees `start_frames` true frames and then draws `horizon` frames, with `passes` a frame, its
    own for the scenario where None. `episodes` None: all that are long enough. `checks` None: all.
    """

    model: str
    start_frames: int = 1
    horizon: int = 48
    passes: int | None = None
    episodes: int | None = 40
    checks: tuple[str, ...] | None = None


def judge(
    plan: Plan,
    data: Path,
    out: Path,
    train_data: Path | None = None,
    workers: int = 2,
    explain: bool = False,
) -> Report:
    """Judge a checkpoint on the first episodes of the recording `data`.

    The model draws on under the recorded actions, and once more under those of the next episode
    (shuffled actions). `train_data` adds the nearest training clip, pybullet where it is installed
    a second run of the simulator. Frames are read and clips measured in `workers` processes.
    `explain` searches the physics closest to every clip. Writes `out`/report.json and report.html,
    prints the table.
    """
    start_frames = plan.start_frames
    if start_frames > MOST_FRAMES:
        raise InputError(f"--start-frames must be at most {MOST_FRAMES}, got {start_frames}")
    dataset = Dataset(data)
    dataset.check_finished()
    find_scenario(str(dataset.meta["scenario"]))  # "module:name" registers it
    checkpoint = checkpoints.find(plan.model)
    refuse_training_data(checkpoint, dataset)
    library = None if train_data is None else Library.of(_seen(Dataset(train_data)))
    references = _references(dataset, plan.episodes, start_frames - 1 + plan.horizon)
    dreamer = Dreamer(checkpoint, start_frames, plan.passes)
    generated = dreamer.all(references, [one.actions for one in references], "true actions")
    shuffled = dreamer.all(references, _others_actions(references), "shuffled actions")
    clips = zip(generated, shuffled, strict=True)
    jobs = [Job(one, of, start_frames) for one, of in zip(references, clips, strict=True)]
    with each(min(workers, len(jobs))) as spread:
        reader, rerun = read_ahead(jobs, spread)
        report = evaluate(
            generated,
            references,
            start_frames=start_frames,
            shuffled=shuffled,
            training=library,
            rerun=rerun,
            checks=plan.checks,
            reader=reader,
            each=spread,
        )
        if explain:
            report = explained(report, generated, references, reader)
        write_report(report, out, generated, references, spread)
    print(report.table())
    for line in lines(report):
        print(line)
    print(*report.limits, sep="\n")
    print(f"{out}/report.json, {out}/report.html")
    return report


def refuse_training_data(checkpoint: Path, dataset: Dataset) -> None:
    """A model must be judged on what it was not trained on."""
    digests = {dataset.digest, dataset.meta.get("source", {}).get("digest")}  # drawn anew, or not
    if digests & trained_on(checkpoint) - {None}:
        raise InputError(
            f"{checkpoint.name} was trained on {dataset.path}; record another with another --seed"
        )


def _references(dataset: Dataset, episodes: int | None, steps: int) -> list[Episode]:
    long = [entry.index for entry in dataset.entries if entry.steps >= steps]
    if not long:
        most = max((entry.steps for entry in dataset.entries), default=0)
        raise InputError(
            f"{dataset.path} holds no episode of {steps} steps, the longest has {most}; "
            "lower --horizon or record with more --steps"
        )
    episodes = len(long) if episodes is None else episodes
    if len(long) < episodes:
        raise InputError(
            f"{dataset.path} holds {len(long)} episodes of {steps} steps; "
            f"ask for --episodes {len(long)} or record more"
        )
    return [dataset[index].part(0, steps) for index in long[:episodes]]


def _others_actions(references: Sequence[Episode]) -> list[NDArray[np.float32]]:
    """Actions (T, A) of another episode for each; one alone gets the opposite of its own."""
    actions = [episode.actions for episode in references]
    return actions[1:] + actions[:1] if len(actions) > 1 else [-actions[0]]


def _seen(dataset: Dataset) -> Any:
    return tqdm(dataset, total=len(dataset), desc="training episodes", unit="episode", disable=None)
