"""Muon on the blocks' matrices, AdamW on everything else, one schedule for both."""

from __future__ import annotations

from typing import Any

import torch

from worldsim.models.dit import WorldModel
from worldsim.training.muon import Muon
from worldsim.training.settings import Settings
from worldsim.training.shards import cut_state


class Optimiser:
    """Two optimisers that step together.

    `precision` is that of Muon's matrix products.
    """

    def __init__(self, model: WorldModel, settings: Settings, precision: torch.dtype) -> None:
        self.settings = settings
        named = list(model.named_parameters())
        blocks = [p for name, p in named if name.startswith("blocks.") and p.ndim == 2]
        matrices = blocks if settings.muon_rate else []
        chosen = {id(p) for p in matrices}
        others = [p for _, p in named if id(p) not in chosen]
        self.muon = Muon(matrices, settings.muon_rate, settings.weight_decay, precision)
        self.adamw = torch.optim.AdamW(
            others, lr=settings.adamw_rate, betas=(0.9, 0.95), weight_decay=0.0
        )

    def step(self, step: int, progress: float) -> float:
        """Update the weights; return the share of the full learning rate that was used."""
        share = schedule(step, progress, self.settings)
        pairs: tuple[tuple[torch.optim.Optimizer, float], ...] = (
            (self.muon, self.settings.muon_rate),
            (self.adamw, self.settings.adamw_rate),
        )
        for optimiser, rate in pairs:
            for group in optimiser.param_groups:
                group["lr"] = rate * share
            optimiser.step()
        return share

    def state_dict(self) -> dict[str, Any]:
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """`state` holds whole tensors; sharded parameters take their parts."""
        self.muon.load_state_dict(cut_state(state["muon"], self.muon))
        self.adamw.load_state_dict(cut_state(state["adamw"], self.adamw))


def schedule(step: int, progress: float, settings: Settings) -> float:
    """Warm-up over steps, then constant, then linear decay over the budget's last share."""
    warm_up = min(1.0, (step + 1) / settings.warm_up_steps)
    decay = min(1.0, (1.0 - progress) / settings.decay_share)
    return warm_up * max(decay, 0.01)
