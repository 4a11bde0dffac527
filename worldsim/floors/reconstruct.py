"""True frames as a world model draws them: each from itself under little noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from worldsim import checkpoints
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.frames import from_model, to_model
from worldsim.models.dit import WorldModel
from worldsim.models.load import load

LEVEL = 0.9
"""Signal level of the frame that the model is given: 1 is clean. It then draws it clean."""


class Reconstruction:
    """A checkpoint that draws the true frames of its scenario at its size once more.

    The model has no codec: what stands for one is its own prediction of a clean frame from that
    frame with a tenth of noise, the true frame before and the action between. Raises InputError
    where there is no such checkpoint.
    """

    def __init__(self, checkpoint: str | Path) -> None:
        self.model: WorldModel = load(checkpoints.find(checkpoint))

    def fits(self, scenario: str, size_px: int) -> bool:
        """Whether it is a model of that scenario at that size."""
        config = self.model.config
        sizes = (int(config.height_px), int(config.width_px))
        return scenario in config.scenarios and sizes == (size_px, size_px)

    @torch.inference_mode()
    def __call__(self, episode: Episode, seed: int = 0) -> Episode:
        """The episode with frames and depth drawn by the model, the first frame as it is.

        Raises InputError on an episode of another scenario or size.
        """
        size_px = episode.frames.shape[1]
        if not self.fits(episode.scene.scenario, size_px):
            config = self.model.config
            raise InputError(
                f"the model draws {', '.join(config.scenarios)} at {config.height_px} px, "
                f"not {episode.scene.scenario} at {size_px}"
            )
        domain = self.model.domain(episode.scene.scenario)
        range_m, number = domain.depth_range_m, torch.tensor([domain.index])
        values = torch.from_numpy(to_model(episode.frames, episode.depth_m, range_m))
        generator = torch.Generator().manual_seed(seed)
        drawn = []
        for t in range(episode.steps):
            true = values[t + 1][None, None]
            noise = torch.randn(true.shape, generator=generator)
            drawn.append(
                self.model(
                    LEVEL * true + (1.0 - LEVEL) * noise,
                    torch.full((1, 1), LEVEL),
                    torch.from_numpy(episode.actions[t])[None, None],
                    values[t][None, None],
                    number,
                )[0, 0].numpy()
            )
        frames, depth_m = from_model(np.stack(drawn), range_m)
        return replace(
            episode,
            frames=np.concatenate([episode.frames[:1], frames]),
            depth_m=np.concatenate([episode.depth_m[:1], depth_m]),
        )
