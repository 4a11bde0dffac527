"""How a model does on held-out episodes, cheaply, while it trains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from worldsim.episode import Episode
from worldsim.frames import to_model
from worldsim.models.dit import WorldModel
from worldsim.models.stepper import Stepper

HORIZON = 16


class Probe:
    """One-step error over the frozen frame's, the action-shuffle ratio, and a rollout's PSNR."""

    def __init__(
        self, episodes: Sequence[Episode], depth_range_m: tuple[float, float], device: torch.device
    ) -> None:
        length = min([HORIZON, *(episode.steps for episode in episodes)])
        parts = [episode.part(0, length) for episode in episodes]
        frames = np.stack([to_model(p.frames, p.depth_m, depth_range_m) for p in parts])
        self.frames = torch.from_numpy(frames).to(device)
        self.actions = torch.from_numpy(np.stack([p.actions for p in parts])).to(device)

    @torch.inference_mode()
    def measure(self, model: WorldModel) -> dict[str, float]:
        """Needs two episodes at least; RGB only, as the numbers to beat are."""
        model.eval()
        truth = self.frames[:, 1:, :3]
        frozen = _mse(self.frames[:, :-1, :3], truth)
        true = _mse(self._one_step(model, self.actions), truth)
        shuffled = _mse(self._one_step(model, self.actions.roll(1, 0)), truth)
        stepper = Stepper(model)
        stepper.start(self.frames[:, :1])
        for t in range(self.actions.shape[1]):
            last = stepper.step(self.actions[:, t])
        end = _mse(last[:, :3], truth[:, -1])
        model.train()
        return {
            "one_step_ratio": true / max(frozen, 1e-12),
            "shuffle_ratio": shuffled / max(true, 1e-12),
            "rollout_psnr_db": float(10 * np.log10(4.0 / max(end, 1e-12))),
        }

    def _one_step(self, model: WorldModel, actions: Tensor) -> Tensor:
        previous = self.frames[:, :-1]
        levels = torch.zeros(previous.shape[:2], device=previous.device)
        drawn: Tensor = model(torch.zeros_like(previous), levels, actions, previous)
        return drawn[:, :, :3]


def _mse(drawn: Tensor, truth: Tensor) -> float:
    return float((drawn - truth).square().mean())
