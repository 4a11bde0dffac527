"""What one training step asks of the model: draw the clean frame under a signal level per frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from worldsim.models.dit import WorldModel
from worldsim.training.settings import Settings


@dataclass(frozen=True)
class Clip:
    """Model values of a batch of clips: t + 1 frames and the t actions between them."""

    frames: Tensor  # (b, t + 1, 4, H, W) in [-1, 1]
    actions: Tensor  # (b, t, A)
    scenario: Tensor  # (b,), the model's numbers

    def to(self, device: torch.device) -> Clip:
        return Clip(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Task:
    """One step's input beside the clip: what is hidden, dropped and noised."""

    hidden_states: Tensor  # (b, t, 4, H, W)
    timestep: Tensor  # (b, t)
    previous: Tensor  # (b, t, 4, H, W)
    given: Tensor  # (b, t)
    action_given: Tensor  # (b, t)
    causal: Tensor  # ()


def signal_levels(levels: Tensor, luck: Tensor, pure_noise_share: float) -> Tensor:
    """An independent signal level per frame (Diffusion Forcing, algorithm 1), from uniform draws.

    Most frames are pure noise after a given past: the case that stepping meets.
    """
    return torch.where(luck < pure_noise_share, 0.0, levels)


def make_task(
    clip: Clip, settings: Settings, rngs: Sequence[torch.Generator], full: bool = False
) -> Task:
    """Noise the frames to draw and roughen the ones given before them.

    Every clip has a generator of its own, all on one device: its task does not hang on the others.
    Where `full`, every frame will see every other: most frames before are hidden, since they would
    tell the answer, and levels are uniform.
    """
    target, previous = clip.frames[:, 1:], clip.frames[:, :-1]
    levels, luck, kept, acted = _draw(torch.rand, (4, target.shape[1]), rngs).unbind(1)
    levels = signal_levels(levels, luck, 0.0 if full else settings.pure_noise_share)
    hide = settings.full_hide_previous_chance if full else settings.hide_previous_chance
    level = levels[..., None, None, None]
    noise, rough = _draw(torch.randn, (2, *target.shape[1:]), rngs).unbind(1)
    spread = _draw(torch.rand, (1, 1, 1, 1), rngs)
    return Task(
        hidden_states=level * target + (1 - level) * noise,
        timestep=levels,
        previous=previous + settings.previous_noise_std * spread * rough,
        given=kept >= hide,
        action_given=acted >= settings.drop_action_chance,
        causal=torch.tensor(not full, device=levels.device),
    )


def _draw(
    draw: Callable[..., Tensor], shape: tuple[int, ...], rngs: Sequence[torch.Generator]
) -> Tensor:
    return torch.stack([draw(shape, generator=rng, device=rng.device) for rng in rngs])


@torch.no_grad()
def own_history(model: WorldModel, clip: Clip, passes: int) -> Tensor:
    """Previous frames (b, t, 4, H, W) as the model itself draws them.

    Every pass draws all frames from the present previous ones, in parallel, and shifts them by
    one; after n passes frame t stems from n steps of the model's own history (the parallel form
    of Resampling Forcing's degraded history). The first frame stays true.
    """
    previous = clip.frames[:, :-1]
    levels = torch.zeros(previous.shape[:2], device=previous.device)
    blank = torch.zeros_like(previous)
    causal = torch.tensor(True, device=previous.device)
    for _ in range(passes):
        drawn = model(blank, levels, clip.actions, previous, clip.scenario, causal=causal)
        drawn = drawn.float().clamp(-1.0, 1.0)
        previous = torch.cat([clip.frames[:, :1], drawn[:, :-1]], dim=1)
    return previous


def loss(model: WorldModel, clip: Clip, task: Task) -> Tensor:
    """Mean squared error of the drawn frames, a scalar."""
    drawn = model(
        task.hidden_states,
        task.timestep,
        clip.actions,
        task.previous,
        clip.scenario,
        given=task.given,
        action_given=task.action_given,
        causal=task.causal,
    )
    error: Tensor = (drawn.float() - clip.frames[:, 1:]).square().mean()
    return error
