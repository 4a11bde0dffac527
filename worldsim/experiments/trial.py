"""Trial: a variant trained for some minutes and measured on episodes never seen."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from worldsim.data.atomic import write_whole
from worldsim.data.clips import ClipDataset
from worldsim.data.dataset import Dataset
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.frames import to_model
from worldsim.models.dit import WorldModel
from worldsim.models.stepper import Stepper
from worldsim.training.objective import Clip
from worldsim.training.probe import Probe
from worldsim.training.state import save_model
from worldsim.training.team import together
from worldsim.training.trainer import write_starts
from worldsim.training.worker import Job, Worker

from .variants import Variant

PASSES = (1, 2, 4)
HORIZONS = (16, 48)


class _Learner(Worker):
    """A worker that trains a variant."""

    def __init__(self, variant: Variant, job: Job) -> None:
        self.variant = variant
        super().__init__(0, job)

    def _made(self, state: dict[str, Any] | None) -> WorldModel:
        model = super()._made(state)
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
    """Trains a variant in one process and measures its moving average on held-out episodes.

    From the weights of the checkpoint `begin`, where given.
    """

    data: Path
    held_out: int
    minutes: float
    out: Path
    begin: Path | None = None

    def __call__(self, variant: Variant, seed: int) -> dict[str, Any]:
        """What was found, from `out` if it is there already.

        Raises InputError where `out` has it of other data, minutes or held-out episodes.
        """
        file = self.out / f"{variant.name.replace(' ', '-')}-{seed}.json"
        of = {
            "data": Dataset(self.data).digest,
            "minutes": self.minutes,
            "held_out": self.held_out,
            "begin": None if self.begin is None else self.begin.name,
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
        if variant.depth and variant.kind is WorldModel:  # else no checkpoint could say so
            write_starts(file.with_suffix(""), clips)
            save_model(file.with_suffix(""), learner.model)
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
            begin=self.begin,
        )


def measured(model: WorldModel, episodes: Sequence[Episode], depth: bool) -> dict[str, float]:
    """One-step error over the frozen frame's, action-shuffle ratio, and PSNR (dB) of rollouts.

    RGB only. Rollouts begin from one frame, with each of `PASSES`, and are looked at after each of
    `HORIZONS` steps.
    """
    length = max(HORIZONS)
    domain = model.domain(episodes[0].scene.scenario)
    if not depth:
        blank = [np.full_like(episode.depth_m, domain.depth_range_m[0]) for episode in episodes]
        episodes = [replace(e, depth_m=b) for e, b in zip(episodes, blank, strict=True)]
    found = Probe(episodes, model).measure(model)
    model.eval()
    row = {name: found[name] for name in ("one_step_ratio", "shuffle_ratio")}
    parts = [episode.part(0, length) for episode in episodes]
    frames = np.stack([to_model(p.frames, p.depth_m, domain.depth_range_m) for p in parts])
    actions = torch.from_numpy(np.stack([part.actions for part in parts]))
    truth = torch.from_numpy(frames)
    for passes in PASSES:
        stepper = Stepper(model, passes, domain.index)
        stepper.start(truth[:, :1])
        rng = torch.Generator().manual_seed(0)
        for step in range(1, length + 1):
            drawn = stepper.step(actions[:, step - 1], rng)
            if step in HORIZONS:
                error = float((drawn - truth[:, step])[:, :3].square().mean())
                row[f"psnr_db_{step}_k{passes}"] = float(10 * np.log10(4.0 / error))
    return row
