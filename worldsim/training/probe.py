"""How a model does on held-out episodes, cheaply, while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.episode import Episode
from worldsim.frames import to_model
from worldsim.models.dit import WorldModel
from worldsim.models.domain import Domain
from worldsim.models.stepper import Stepper

HORIZON = 16


@dataclass(frozen=True)
class _Group:
    """Episodes of one scenario, cut to one length."""

    scenario: int
    frames: Tensor  # (b, t + 1, 4, H, W)
    actions: Tensor  # (b, t, A)


class Probe:
    """One-step error over the frozen frame's, the action-shuffle ratio, and a rollout's PSNR."""

    def __init__(self, episodes: Sequence[Episode], model: WorldModel) -> None:
        by_scenario: dict[str, list[Episode]] = {}
        for episode in episodes:
            by_scenario.setdefault(episode.scene.scenario, []).append(episode)
        self.groups = [_group(model.domain(name), of) for name, of in by_scenario.items()]

    @torch.inference_mode()
    def measure(self, model: WorldModel) -> dict[str, float]:
        """RGB only, as the numbers to beat are; the mean over scenarios of two episodes or more.

        Actions are shuffled among the episodes of a scenario.
        """
        model.eval()
        errors = np.mean([self._errors(model, group) for group in self.groups], 0)
        model.train()
        frozen, true, shuffled, end = (float(error) for error in errors)
        return {
            "one_step_ratio": true / max(frozen, 1e-12),
            "shuffle_ratio": shuffled / max(true, 1e-12),
            "rollout_psnr_db": float(10 * np.log10(4.0 / max(end, 1e-12))),
        }

    def _errors(self, model: WorldModel, group: _Group) -> tuple[float, float, float, float]:
        frames, actions = (each.to(model.device) for each in (group.frames, group.actions))
        truth = frames[:, 1:, :3]
        frozen = _mse(frames[:, :-1, :3], truth)
        true = _mse(_one_step(model, group.scenario, frames, actions), truth)
        shuffled = _mse(_one_step(model, group.scenario, frames, actions.roll(1, 0)), truth)
        stepper = Stepper(model, scenario=group.scenario)
        stepper.start(frames[:, :1])
        for t in range(actions.shape[1]):
            last = stepper.step(actions[:, t])
        return frozen, true, shuffled, _mse(last[:, :3], truth[:, -1])


def _group(domain: Domain, episodes: Sequence[Episode]) -> _Group:
    length = min([HORIZON, *(episode.steps for episode in episodes)])
    parts = [episode.part(0, length) for episode in episodes]
    frames = np.stack([to_model(p.frames, p.depth_m, domain.depth_range_m) for p in parts])
    actions = np.stack([part.actions for part in parts])
    return _Group(domain.index, torch.from_numpy(frames), torch.from_numpy(actions))


def _one_step(model: WorldModel, scenario: int, frames: Tensor, actions: Tensor) -> Tensor:
    previous = frames[:, :-1]
    levels = torch.zeros(previous.shape[:2], device=previous.device)
    numbers = torch.full((len(frames),), scenario, device=previous.device)
    drawn: Tensor = model(torch.zeros_like(previous), levels, actions, previous, numbers)
    return drawn[:, :, :3]


def _mse(drawn: Tensor, truth: Tensor) -> float:
    return float((drawn - truth).square().mean())
