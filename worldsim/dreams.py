"""A model's clips under given actions and seeds, without an environment: nothing is read yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.envs.start import Start, load_starts, start_of
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.frames import from_model, to_model
from worldsim.models.dit import WorldModel
from worldsim.models.load import load
from worldsim.models.stepper import Stepper

Actions = NDArray[np.float32]
Frame = tuple[NDArray[np.uint8], NDArray[np.float32]]

BATCH = 16
"""More dreams side by side are hardly faster on a CPU and need more memory."""


@dataclass(frozen=True)
class Dreamer:
    """Draws on from an episode's first `start_frames` frames, with `passes` a frame."""

    checkpoint: Path
    start_frames: int = 1
    passes: int = 1

    def __call__(self, episode: Episode, actions: Actions, seed: int = 0) -> Episode:
        """The episode as the model draws it under actions (T, A); equal seeds, equal noise.

        Those between the start frames stay the episode's own.

        Raises InputError where the model cannot go on from the episode's frames (see `start`), or
        draws a NaN.
        """
        return self._drawn([episode], [actions], [seed], lambda: None)[0]

    def all(
        self, episodes: Sequence[Episode], actions: Sequence[Actions], label: str = "dreams"
    ) -> list[Episode]:
        """Many of one scenario, `BATCH` side by side, with seeds 0, 1, ...; see `__call__`."""
        drawn: list[Episode] = []
        groups = [range(len(episodes))[k : k + BATCH] for k in range(0, len(episodes), BATCH)]
        frames = sum(len(acted) - self.start_frames + 1 for acted in actions)
        with tqdm(total=frames, desc=label, unit="frame", disable=None) as bar:
            for group in groups:
                part = slice(group.start, group.stop)
                count = partial(bar.update, len(group))
                drawn += self._drawn(episodes[part], actions[part], group, count)
        return drawn

    def start(self, episode: Episode) -> Start:
        """What the model is given of an episode. Raises InputError where they do not fit."""
        starts = load_starts(self.checkpoint, episode.scene.scenario)
        return start_of({"episode": episode, "start_frames": self.start_frames}, starts)

    def _drawn(
        self,
        episodes: Sequence[Episode],
        actions: Sequence[Actions],
        seeds: Sequence[int],
        stepped: Callable[[], object],
    ) -> list[Episode]:
        model, start = _model(self.checkpoint), self.start_frames
        domain = model.domain(episodes[0].scene.scenario)
        given = [
            to_model(one.frames, one.depth_m, domain.depth_range_m)
            for one in map(self.start, episodes)
        ]
        given_actions = [one.actions[: start - 1] for one in episodes]
        taken = [
            np.concatenate([a, b[start - 1 :]]) for a, b in zip(given_actions, actions, strict=True)
        ]
        spec = load_starts(self.checkpoint, domain.scenario).template.action_spec
        acted = torch.from_numpy(
            np.stack(
                [
                    one.scene.action_spec.convert(actions, spec)
                    for one, actions in zip(episodes, taken, strict=True)
                ]
            )
        )
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        stepper = Stepper(model, self.passes, domain.index)
        stepper.start(torch.from_numpy(np.stack(given)), acted[:, : start - 1])
        rows: list[Frame] = []
        for step in range(start - 1, acted.shape[1]):
            values = stepper.step(acted[:, step], generators).numpy()
            if not np.isfinite(values).all():
                raise InputError(f"{self.checkpoint.name} drew a NaN; its weights are damaged")
            rows.append(from_model(values, domain.depth_range_m))
            stepped()
        frames, depth_m = (np.stack(column, axis=1) for column in zip(*rows, strict=True))
        return [
            replace(
                episode,
                frames=np.concatenate([episode.frames[:start], frames[i]]),
                depth_m=np.concatenate([episode.depth_m[:start], depth_m[i]]),
                actions=taken[i],
                segmentation=None,
                states=None,
                contacts=None,
                source=f"model:{self.checkpoint.name}",
            )
            for i, episode in enumerate(episodes)
        ]


@lru_cache(maxsize=1)
def _model(checkpoint: Path) -> WorldModel:
    return load(checkpoint)
