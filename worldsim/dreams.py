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
from worldsim.models.dit import WorldModel
from worldsim.models.load import load
from worldsim.models.stepper import Stepper, dream

Actions = NDArray[np.float32]

BATCH = 16
"""More dreams side by side are hardly faster on a CPU and need more memory."""


@dataclass(frozen=True)
class Dreamer:
    """Draws on from an episode's first `start_frames` frames.

    `passes` a frame are the model's own for the scenario where None. With `pinned` it never
    forgets the first frame, whatever the checkpoint says; see TimeCache.
    """

    checkpoint: Path
    start_frames: int = 1
    passes: int | None = None
    pinned: bool = False

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
        model, start = _model(self.checkpoint, self.pinned), self.start_frames
        domain = model.domain(episodes[0].scene.scenario)
        starts = [self.start(episode) for episode in episodes]
        taken = [
            np.concatenate([one.actions, acted[start - 1 :]])
            for one, acted in zip(starts, actions, strict=True)
        ]
        spec = load_starts(self.checkpoint, domain.scenario).template.action_spec
        acted = [
            one.scene.action_spec.convert(own, spec)
            for one, own in zip(episodes, taken, strict=True)
        ]
        passes = self.passes or domain.passes
        frames, depth_m = dream(
            Stepper(model, passes, domain.index),
            domain,
            np.stack([one.frames for one in starts]),
            np.stack([one.depth_m for one in starts]),
            np.stack(acted),
            [torch.Generator().manual_seed(seed) for seed in seeds],
            stepped,
        )
        source = f"model:{self.checkpoint.name}"
        if passes > 1:
            source += f", {passes} passes a frame"
        return [
            replace(
                episode,
                frames=frames[i],
                depth_m=depth_m[i],
                actions=taken[i],
                segmentation=None,
                states=None,
                contacts=None,
                source=source,
            )
            for i, episode in enumerate(episodes)
        ]


@lru_cache(maxsize=1)
def _model(checkpoint: Path, pinned: bool) -> WorldModel:
    model = load(checkpoint)
    if pinned:
        model.register_to_config(pinned=True)
    return model
