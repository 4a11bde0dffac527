"""Choices of the recipe, each against the reference at equal wall-clock, as one table.

`python -m worldsim.training.experiments --data data/push --out runs/experiments`
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from torch import Tensor
from tqdm import tqdm

from worldsim.data import workers as processes
from worldsim.data.atomic import write_whole
from worldsim.data.clips import ClipDataset
from worldsim.data.dataset import Dataset
from worldsim.episode import Episode
from worldsim.errors import InputError, unknown
from worldsim.frames import to_model
from worldsim.models.dit import WorldModel
from worldsim.models.patches import patchify
from worldsim.models.stepper import Stepper
from worldsim.training.objective import Clip
from worldsim.training.probe import Probe
from worldsim.training.settings import Recipe
from worldsim.training.team import together
from worldsim.training.worker import Job, Worker, build

PASSES = (1, 2, 4)
HORIZONS = (16, 48)


class VelocityModel(WorldModel):
    """Draws the flow from noise to frame instead of the frame (v-prediction), in the same loss.

    It must see the noise that it takes away. A frame of pure noise given without any, as for one
    pass, gets noise that never changes.
    """

    def embed(
        self, hidden_states: Tensor, previous: Tensor, timestep: Tensor, given: Tensor | None
    ) -> Tensor:
        """As WorldModel.embed, with pure noise let through."""
        before = self.previous(patchify(previous, self.config.patch_px))
        if given is not None:
            before = torch.where(given[..., None, None], before, self.hidden)
        noised = self.noised(patchify(hidden_states, self.config.patch_px))
        embedded: Tensor = noised + before + self.place
        return embedded

    def forward(self, hidden_states: Tensor, timestep: Tensor, *args: Any, **named: Any) -> Tensor:
        """As WorldModel.forward."""
        if not self.training:
            noise = torch.randn(hidden_states.shape[2:], generator=torch.manual_seed(0))
            blank = (hidden_states == 0).flatten(2).all(-1)[..., None, None, None]
            hidden_states = torch.where(blank, noise, hidden_states)
        flow = super().forward(hidden_states, timestep, *args, **named)
        drawn: Tensor = hidden_states + (1 - timestep[..., None, None, None]) * flow
        return drawn


@dataclass(frozen=True)
class Variant:
    """The reference with one change."""

    name: str
    recipe: Recipe
    kind: type[WorldModel] = WorldModel
    depth: bool = True


def variants() -> list[Variant]:
    """The reference first."""
    reference = Recipe("tiny")

    def settings(name: str, **changed: Any) -> Variant:
        return Variant(name, replace(reference, settings=replace(reference.settings, **changed)))

    def shape(name: str, **changed: Any) -> Variant:
        changes = replace(reference.architecture, **changed)
        return Variant(name, replace(reference, architecture=changes))

    clips = reference.settings.clips_per_worker
    return [
        Variant("reference", reference),
        Variant("v-prediction", reference, kind=VelocityModel),
        shape("16 tokens a frame", patches=4),
        shape("256 tokens a frame", patches=16),
        Variant("no depth", reference, depth=False),
        settings("clips of 9 frames", clip_frames=9, clips_per_worker=2 * clips),
        settings("AdamW alone", muon_rate=0.0),
        settings("no context noise", previous_noise_std=0.0),
        settings("context noise 0.1", previous_noise_std=0.1),
        settings("no own history", history_chance=0.0),
        settings("levels uniform", pure_noise_share=0.0),
    ]


class _Learner(Worker):
    """A worker that trains a variant."""

    def __init__(self, variant: Variant, job: Job) -> None:
        self.variant = variant
        super().__init__(0, job)

    def _made(self, state: dict[str, Any] | None) -> WorldModel:
        torch.manual_seed(self.job.seed)
        model = build(self.job.recipe, self.job.clips)
        model.__class__ = self.variant.kind
        if not self.variant.depth:
            model.mean_image[:, 3] = -1.0
        return model

    def draw(self) -> tuple[Clip, list[torch.Generator]]:
        clip, rngs = super().draw()
        if not self.variant.depth:
            clip.frames[:, :, 3] = -1.0
        return clip, rngs


@dataclass(frozen=True)
class Trial:
    """Trains a variant in one process and measures its moving average on held-out episodes."""

    data: Path
    held_out: int
    minutes: float
    out: Path

    def __call__(self, variant: Variant, seed: int) -> dict[str, Any]:
        """What was found, from `out` if it is there already.

        Raises InputError where `out` has it of other data, minutes or held-out episodes.
        """
        file = self.out / f"{variant.name.replace(' ', '-')}-{seed}.json"
        of = {
            "data": Dataset(self.data).digest,
            "minutes": self.minutes,
            "held_out": self.held_out,
        }
        if file.is_file():
            kept: dict[str, Any] = json.loads(file.read_text())
            if kept.get("of") != of:
                raise InputError(f"{file} is of {kept.get('of')}, not {of}; use another --out")
            return kept
        settings = variant.recipe.settings
        clips = ClipDataset(self.data, settings.clip_frames, None, seed, self.held_out, False)
        with together():
            learner = _Learner(variant, self._job(variant, clips, seed))
            self._train(learner)
            learner.average.copy_to(learner.model.parameters())
        row = {"variant": variant.name, "seed": seed, "of": of, "steps": learner.step}
        row |= {"parameters": learner.model.num_parameters()}
        row |= measured(learner.model.eval(), clips.held_out_episodes(), variant.depth)
        write_whole(file, f"{json.dumps(row, indent=1)}\n".encode())
        return row

    def _train(self, learner: Worker) -> None:
        begin_s = time.perf_counter()
        while (progress := (time.perf_counter() - begin_s) / (60 * self.minutes)) < 1.0:
            learner.learn(progress)
            learner.clip()
            learner.update(progress)

    def _job(self, variant: Variant, clips: ClipDataset, seed: int) -> Job:
        return Job(
            recipe=variant.recipe,
            clips=clips,
            out=self.out,
            minutes=self.minutes,
            steps=None,
            resume=False,
            workers=1,
            loaders=0,
            seed=seed,
            precision="float32",
            compile=False,
            pause_after=None,
            progress=False,
        )


def measured(model: WorldModel, episodes: Sequence[Episode], depth: bool) -> dict[str, float]:
    """One-step error over the frozen frame's, action-shuffle ratio, and PSNR (dB) of rollouts.

    RGB only. Rollouts begin from one frame, with each of `PASSES`, and are looked at after each of
    `HORIZONS` steps.
    """
    length = max(HORIZONS)
    near_m = model.config.depth_range_m[0][0]
    if not depth:
        blank = [np.full_like(episode.depth_m, near_m) for episode in episodes]
        episodes = [replace(e, depth_m=b) for e, b in zip(episodes, blank, strict=True)]
    found = Probe(episodes, model).measure(model)
    model.eval()
    row = {name: found[name] for name in ("one_step_ratio", "shuffle_ratio")}
    parts = [episode.part(0, length) for episode in episodes]
    range_m = model.config.depth_range_m[0]
    frames = np.stack([to_model(part.frames, part.depth_m, range_m) for part in parts])
    actions = torch.from_numpy(np.stack([part.actions for part in parts]))
    truth = torch.from_numpy(frames)
    for passes in PASSES:
        stepper = Stepper(model, passes)
        stepper.start(truth[:, :1])
        rng = torch.Generator().manual_seed(0)
        for step in range(1, length + 1):
            drawn = stepper.step(actions[:, step - 1], rng)
            if step in HORIZONS:
                error = float((drawn - truth[:, step])[:, :3].square().mean())
                row[f"psnr_db_{step}_k{passes}"] = float(10 * np.log10(4.0 / error))
    return row


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Means over seeds, and how far seeds lie apart, as Markdown."""
    columns = ["steps", "one_step_ratio", "shuffle_ratio"]
    columns += [f"psnr_db_{step}_k{passes}" for passes in PASSES for step in HORIZONS]
    heads = ["steps", "one-step", "shuffle"]
    heads += [f"K={passes}, {step}" for passes in PASSES for step in HORIZONS]
    lines = [f"| | {' | '.join(heads)} |", f"|---{'|---' * len(heads)}|"]
    for name in dict.fromkeys(row["variant"] for row in rows):
        cells = []
        for column in columns:
            values = [row[column] for row in rows if row["variant"] == name]
            digits = 0 if column == "steps" else 2 if "ratio" in column else 1
            cell = f"{statistics.mean(values):.{digits}f}"
            apart = (max(values) - min(values)) / 2
            cells.append(cell if digits == 0 else f"{cell} ± {apart:.{digits}f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _run(trial: Trial, variant: Variant, seed: int) -> dict[str, Any]:
    return trial(variant, seed)


def main(
    data: Path,
    out: Path = Path("runs/experiments"),
    minutes: float = 5.0,
    seeds: tuple[int, ...] = (0, 1),
    held_out: int = 40,
    workers: int = 2,
    only: tuple[str, ...] = (),
) -> None:
    """Train every variant of `tiny` for so many minutes with every seed, and print a table.

    Each has one thread of one process. What is finished stays in `out`: the same line goes on.

    Args:
        data: a recording of one scenario, episodes of 48 steps at least.
        out: folder for a JSON a trial.
        minutes: of training, each.
        seeds: of weights, clips and noise.
        held_out: episodes at the recording's end that are not trained on, but measured.
        workers: trials at a time; no more than there are cores.
        only: variants to train, beside the reference; all when not given.
    """
    out.mkdir(parents=True, exist_ok=True)
    trial = Trial(data, held_out, minutes, out)
    reference, *others = variants()
    names = [variant.name for variant in others]
    for name in only:
        if name not in names:
            raise unknown("variant", name, names)
    chosen = [reference, *(variant for variant in others if not only or variant.name in only)]
    wanted = [(variant, seed) for seed in seeds for variant in chosen]
    with processes.started(trial, workers) as pool:
        futures = [processes.submit(pool, _run, *each) for each in wanted]
        for _ in tqdm(as_completed(futures), "training", len(futures), unit="trial", disable=None):
            pass
        rows = [
            processes.result(future, f"{variant.name}, seed {seed}")
            for future, (variant, seed) in zip(futures, wanted, strict=True)
        ]
    print(table(rows))


if __name__ == "__main__":
    tyro.cli(main)
