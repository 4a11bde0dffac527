"""A model judged on recorded episodes: it dreams them on from their start frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim import checkpoints
from worldsim.agents.rollout import replay
from worldsim.data.dataset import Dataset
from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.errors import InputError
from worldsim.eval.baselines import Library
from worldsim.eval.page.report import write_report
from worldsim.eval.score import Report
from worldsim.eval.suite import evaluate
from worldsim.explain.clips import explained, lines
from worldsim.readings import Job, read_ahead
from worldsim.sim.scenarios import find_scenario

Env = gymnasium.Env[Any, Any]
MOST_START_FRAMES = 8


def judge(
    model: str,
    data: Path,
    out: Path,
    episodes: int = 40,
    start_frames: int = 1,
    horizon: int = 48,
    train_data: Path | None = None,
    passes: int = 1,
    checks: Sequence[str] | None = None,
    workers: int = 2,
    explain: bool = False,
) -> Report:
    """Judge checkpoint `model` on the first `episodes` episodes of the recording `data`.

    The model sees `start_frames` true frames and then draws `horizon` frames under the recorded
    actions, and once more under those of the next episode (shuffled actions). `train_data` adds
    the nearest training clip, pybullet where it is installed a second run of the simulator.
    Frames are read in `workers` processes. `explain` searches the physics closest to every clip.
    Writes `out`/report.json and report.html, prints the table.
    """
    if start_frames > MOST_START_FRAMES:
        raise InputError(f"--start-frames must be at most {MOST_START_FRAMES}, got {start_frames}")
    dataset = Dataset(data)
    dataset.check_finished()
    find_scenario(str(dataset.meta["scenario"]))  # "module:name" registers it
    refuse_training_data(checkpoints.find(model), dataset)
    library = None if train_data is None else Library.of(_seen(Dataset(train_data)))
    references = _references(dataset, episodes, start_frames - 1 + horizon)
    env = dreamer(references[0], checkpoints.find(model), passes)
    try:
        generated = dreams(env, references, start_frames, "true actions")
        shuffled = dreams(
            env, references, start_frames, "shuffled actions", _others_actions(references)
        )
    finally:
        env.close()
    clips = zip(generated, shuffled, strict=True)
    jobs = [Job(one, of, start_frames) for one, of in zip(references, clips, strict=True)]
    reader, rerun = read_ahead(jobs, workers)
    report = evaluate(
        generated,
        references,
        start_frames=start_frames,
        shuffled=shuffled,
        training=library,
        rerun=rerun,
        checks=checks,
        reader=reader,
    )
    if explain:
        report = explained(report, generated, references, reader)
    write_report(report, out, generated, references)
    print(report.table())
    for line in lines(report):
        print(line)
    print(*report.limits, sep="\n")
    print(f"{out}/report.json, {out}/report.html")
    return report


def refuse_training_data(checkpoint: Path, dataset: Dataset) -> None:
    """A model must be judged on what it was not trained on."""
    run = checkpoint / "run.json"
    try:
        seen = json.loads(run.read_text())["data"] if run.is_file() else None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{run} is damaged ({error}); a checkpoint works without it") from error
    digests = {dataset.digest, dataset.meta.get("source", {}).get("digest")}  # drawn anew, or not
    if digests & set(seen if isinstance(seen, list) else [seen]) - {None}:
        raise InputError(
            f"{checkpoint.name} was trained on {dataset.path}; record another with another --seed"
        )


def dreamer(reference: Episode, checkpoint: Path, passes: int = 1) -> Env:
    """The model as an environment that dreams on episodes as long as the reference."""
    scene = reference.scene
    return gymnasium.make(
        find_scenario(scene.scenario).model_id,
        max_episode_steps=reference.steps,
        disable_env_checker=True,
        checkpoint=str(checkpoint),
        passes=passes,
        size_px=scene.camera.height_px,
        end_on_success=False,
    )


def dream(
    env: Env,
    reference: Episode,
    start_frames: int = 1,
    actions: NDArray[np.float32] | None = None,
) -> Episode:
    """The reference as the model draws it: as long, its first `start_frames` frames the true ones.

    `actions` (T, A) replace the reference's own after the start frames.
    """
    acted = (reference.actions if actions is None else actions)[start_frames - 1 :]
    drawn = replay(env, acted, options={"episode": reference, "start_frames": start_frames})
    return drawn if start_frames == 1 else _after(reference, start_frames - 1, drawn)


def dreams(
    env: Env,
    references: Sequence[Episode],
    start_frames: int,
    label: str,
    actions: NDArray[np.float32] | None = None,
) -> list[Episode]:
    """One dream for each reference; `actions` (n, T, A) replace theirs."""
    return [
        dream(env, reference, start_frames, None if actions is None else actions[i])
        for i, reference in enumerate(tqdm(references, desc=label, unit="episode", disable=None))
    ]


def _after(reference: Episode, steps: int, drawn: Episode) -> Episode:
    """`steps` steps of the reference, and then `drawn`, which starts with their last frame."""

    def joined(name: str, before: Any, after: Any) -> Any:
        first, second = getattr(before, name), getattr(after, name)
        if first is None or second is None:
            return None
        if isinstance(first, BodyStates | Contacts):
            return type(first)(*(joined(f.name, first, second) for f in fields(first)))
        return np.concatenate([first[:steps], second])

    names = [field.name for field in fields(Episode) if field.name not in ("scene", "source")]
    return replace(drawn, **{name: joined(name, reference, drawn) for name in names})


def _references(dataset: Dataset, episodes: int, steps: int) -> list[Episode]:
    long = [entry.index for entry in dataset.entries if entry.steps >= steps]
    if not long:
        most = max((entry.steps for entry in dataset.entries), default=0)
        raise InputError(
            f"{dataset.path} holds no episode of {steps} steps, the longest has {most}; "
            "lower --horizon or record with more --steps"
        )
    if len(long) < episodes:
        raise InputError(
            f"{dataset.path} holds {len(long)} episodes of {steps} steps; "
            f"ask for --episodes {len(long)} or record more"
        )
    return [dataset[index].part(0, steps) for index in long[:episodes]]


def _others_actions(references: Sequence[Episode]) -> NDArray[np.float32]:
    """Actions (n, T, A) of another episode for each; one alone gets the opposite of its own."""
    actions = np.stack([episode.actions for episode in references])
    return np.roll(actions, -1, axis=0) if len(actions) > 1 else -actions


def _seen(dataset: Dataset) -> Any:
    return tqdm(dataset, total=len(dataset), desc="training episodes", unit="episode", disable=None)
