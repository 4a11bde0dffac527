"""Variants: the reference with one change each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from worldsim.models.dit import WorldModel
from worldsim.models.patches import patchify
from worldsim.training.settings import Recipe


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
        assert isinstance(flow, Tensor)
        drawn: Tensor = hidden_states + (1 - timestep[..., None, None, None]) * flow
        return drawn


@dataclass(frozen=True)
class Variant:
    """The reference with one change."""

    name: str
    recipe: Recipe
    kind: type[WorldModel] = WorldModel
    depth: bool = True


def variants(reference: Recipe) -> list[Variant]:
    """The reference first."""

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
