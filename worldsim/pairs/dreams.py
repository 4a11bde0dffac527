"""A model's clips under given actions and seeds, without an environment: nothing is read yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.frames import from_model, to_model
from worldsim.models.dit import WorldModel
from worldsim.models.load import load
from worldsim.models.stepper import Stepper

Actions = NDArray[np.float32]


@dataclass(frozen=True)
class Dreamer:
    """Draws on from an episode's first `start_frames` frames, with `passes` a frame."""

    checkpoint: Path
    start_frames: int
    passes: int

    def __call__(self, episode: Episode, actions: Actions, seed: int = 0) -> Episode:
        """The episode as the model draws it under actions (T, A); equal seeds, equal noise.

        Raises InputError where the model draws a NaN.
        """
        model, start = _model(self.checkpoint), self.start_frames - 1
        domain = model.domain(episode.scene.scenario)
        range_m = domain.depth_range_m
        given = to_model(episode.frames[: start + 1], episode.depth_m[: start + 1], range_m)
        stepper, generator = Stepper(model, self.passes, domain.index), torch.Generator()
        generator.manual_seed(seed)
        stepper.start(torch.from_numpy(given)[None], torch.from_numpy(actions[:start])[None])
        rows = []
        for action in actions[start:]:
            drawn = stepper.step(torch.from_numpy(action)[None], generator)[0].numpy()
            if not np.isfinite(drawn).all():
                raise InputError(f"{self.checkpoint.name} drew a NaN; its weights are damaged")
            rows.append(from_model(drawn, range_m))
        frames, depth_m = (np.stack(column) for column in zip(*rows, strict=True))
        return replace(
            episode,
            frames=np.concatenate([episode.frames[: start + 1], frames]),
            depth_m=np.concatenate([episode.depth_m[: start + 1], depth_m]),
            actions=actions,
            segmentation=None,
            states=None,
            contacts=None,
            source=f"model:{self.checkpoint.name}",
        )


@lru_cache(maxsize=1)
def _model(checkpoint: Path) -> WorldModel:
    return load(checkpoint)
