"""Step a world model frame by frame: one pass a frame draws it and fills the cache."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from worldsim.models.attention import TimeCache
from worldsim.models.dit import WorldModel

Generators = torch.Generator | list[torch.Generator] | None


@dataclass(frozen=True)
class Snapshot:
    """A point to come back to: the last frame, a copy of the cache and the doubt so far."""

    last: Tensor
    cache: TimeCache
    doubt: Tensor


class Stepper:
    """A batch of dreams that take one action each and draw one frame each.

    `passes` = 1 draws the mean of what may follow, without noise; more passes refine a noised
    draft (Euler steps of the flow from noise to frame). `scenario` is the index of the dreams'
    domain, see WorldModel.domain.

    With `doubts` every frame is drawn once more, by one further pass from itself and as much noise,
    which changes no frame. `doubt` (b,) is by how much the two drafts' depth differs: the mean over
    pixels in model values, summed over the steps since `start`, as errors add up, too.
    """

    def __init__(
        self, model: WorldModel, passes: int = 1, scenario: int = 0, doubts: bool = False
    ) -> None:
        if passes < 1:
            raise ValueError(f"passes must be at least 1, got {passes}")
        self.model = model.eval()
        self.scenario = torch.tensor([scenario], device=model.device)
        self.passes = passes
        self.doubts = doubts
        self.doubt = torch.zeros(1)
        self.last: Tensor | None = None
        self.cache = model.new_cache()

    @torch.inference_mode()
    def start(self, frames: Tensor, actions: Tensor | None = None) -> None:
        """Begin from start frames (b, c, 4, H, W) in [-1, 1] and the c - 1 actions between them."""
        count = frames.shape[1]
        given = 0 if actions is None else actions.shape[1]
        if given != count - 1:
            raise ValueError(f"{count} start frames need {count - 1} actions, got {given}")
        self.cache = self.model.new_cache()
        for t in range(count - 1):
            assert actions is not None
            self._pass(torch.zeros_like(frames[:, t]), 0.0, actions[:, t], frames[:, t])
            self.cache.advance()
        self.last = frames[:, -1]
        self.doubt = self.last.new_zeros(len(frames))

    @torch.inference_mode()
    def step(self, actions: Tensor, generator: Generators = None) -> Tensor:
        """Actions (b, A) -> the next frames (b, 4, H, W).

        With more than one pass `generator` draws the noise; of a list of b each draws its dream's,
        which then is the same alone and in a batch.
        """
        if self.last is None:
            raise ValueError("start the stepper with frames before stepping it")
        state = torch.zeros_like(self.last)
        if self.passes > 1:
            state = randn_tensor(state.shape, generator=generator, device=state.device)
        for i in range(self.passes):
            level, following = i / self.passes, (i + 1) / self.passes
            frame = self._pass(state, level, actions, self.last)
            noise = (state - level * frame) / (1 - level)
            state = following * frame + (1 - following) * noise
        drawn = state.clamp(-1.0, 1.0)
        if self.doubts:
            self.doubt = self.doubt + self._difference(drawn, actions, self.last)
        self.cache.advance()
        self.last = drawn
        return drawn

    def _difference(self, drawn: Tensor, actions: Tensor, last: Tensor) -> Tensor:
        """Mean difference (b,) in depth of frames (b, 4, H, W) and their drafts from half noise."""
        # The same noise for every frame and dream: a doubt alone is one in a batch, and repeats.
        generator = torch.Generator().manual_seed(0)
        noise = randn_tensor(drawn.shape[1:], generator=generator, device=drawn.device)
        kept = self.cache.copy()  # the pass writes the frame's slot
        again = self._pass(0.5 * drawn + 0.5 * noise, 0.5, actions, last)
        self.cache = kept
        return (again - drawn)[:, -1].abs().mean((-2, -1))

    def _pass(self, state: Tensor, level: float, actions: Tensor, last: Tensor) -> Tensor:
        timestep = torch.full((len(state), 1), level, device=state.device)
        drawn: Tensor = self.model(
            state[:, None],
            timestep,
            actions[:, None],
            last[:, None],
            self.scenario.expand(len(state)),
            cache=self.cache,
        )
        return drawn[:, 0]

    def snapshot(self) -> Snapshot:
        if self.last is None:
            raise ValueError("nothing to snapshot before start")
        return Snapshot(self.last, self.cache.copy(), self.doubt)

    def restore(self, snapshot: Snapshot) -> None:
        self.last = snapshot.last
        self.cache = snapshot.cache.copy()
        self.doubt = snapshot.doubt
