"""Step a world model frame by frame: a pass draws the frame and fills the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.utils.torch_utils import randn_tensor
from numpy.typing import NDArray
from torch import Tensor

from worldsim.errors import InputError
from worldsim.frames import CHANNELS, from_model, to_model
from worldsim.models.cache import TimeCache
from worldsim.models.dit import WorldModel
from worldsim.models.domain import Domain

Generators = torch.Generator | list[torch.Generator] | None


@dataclass(frozen=True)
class Snapshot:
    """A point to come back to: of b dreams the last frame, a copy of the cache, and the doubt."""

    last: Tensor  # (b, 4, H, W)
    cache: TimeCache
    doubt: Tensor  # (b,)

    def fits(self, model: WorldModel) -> bool:
        """Whether it may be one of that model: shapes are looked at, not what they hold."""
        config, cache = model.config, self.cache
        store = (model.config.heads, cache.window, model.head_size)
        frame = (CHANNELS, config.height_px, config.width_px)
        alike = model.new_cache(0)
        return (
            self.last.shape == (len(cache.positions), *frame)
            and (cache.window, cache.pinned) == (alike.window, alike.pinned)
            and len(cache.keys) == len(alike.keys)
            and all(
                kept is None or (len(kept), *kept.shape[2:]) == (len(self.last), *store)
                for kept in (*cache.keys, *cache.values)
            )
        )


class Stepper:
    """A batch of dreams that take one action each and draw one frame each.

    `passes` = 1 draws the mean of what may follow, without noise; more passes refine a noised
    draft: steps of the `scheduler` along the flow from noise to frame. What does not change by a
    model's gate stays as it is. `scenario` is the index of the dreams' domain, see
    WorldModel.domain. A model in half precision computes in it, where torch.autocast does; frames
    stay float32.

    With `doubts` every frame is drawn once more, by one further pass from itself and as much noise,
    which changes no frame. `doubt` (b,) is by how much the two drafts' depth differs: the mean over
    pixels in model values, summed over the steps since `start`, as errors add up, too.
    """

    def __init__(
        self,
        model: WorldModel,
        passes: int = 1,
        scenario: int = 0,
        scheduler: FlowMatchEulerDiscreteScheduler | None = None,
        doubts: bool = False,
    ) -> None:
        if passes < 1:
            raise ValueError(f"passes must be at least 1, got {passes}")
        self.model = model.eval()
        self.scenario = torch.tensor([scenario], device=model.device)
        self.passes = passes
        self.scheduler = scheduler or FlowMatchEulerDiscreteScheduler()
        self.dtype = model.dtype
        self.doubts = doubts
        self.doubt = torch.zeros(0, device=model.device)
        self.last: Tensor | None = None
        self.cache = model.new_cache(0)

    @torch.inference_mode()
    def start(self, frames: Tensor, actions: Tensor | None = None) -> None:
        """Begin from start frames (b, c, 4, H, W) in [-1, 1] and the c - 1 actions between them."""
        count = frames.shape[1]
        given = 0 if actions is None else actions.shape[1]
        if given != count - 1:
            raise ValueError(f"{count} start frames need {count - 1} actions, got {given}")
        self.cache = self.model.new_cache(len(frames))
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
        drawn, tokens = self._draw(actions, self.last, generator)
        drawn = drawn.clamp(-1.0, 1.0)
        kept = self._kept(self.last, drawn, tokens)
        drawn = torch.where(kept, self.last, drawn)
        if self.doubts:
            self.doubt = self.doubt + self._difference(drawn, actions, self.last, kept)
        self.cache.advance()
        self.last = drawn
        return drawn

    def _difference(self, drawn: Tensor, actions: Tensor, last: Tensor, kept: Tensor) -> Tensor:
        """Mean difference (b,) in depth of frames (b, 4, H, W) and their drafts from half noise.

        There is none where a pixel is `kept`.
        """
        # The same noise for every frame and dream: a doubt alone is one in a batch, and repeats.
        generator = torch.Generator().manual_seed(0)
        noise = randn_tensor(drawn.shape[1:], generator=generator, device=drawn.device)
        kept_cache = self.cache.take()  # the pass writes the frame's slot
        again, _ = self._pass(0.5 * drawn + 0.5 * noise, 0.5, actions, last)
        self.cache = kept_cache
        return torch.where(kept, 0.0, again - drawn)[:, -1].abs().mean((-2, -1))

    def _kept(self, last: Tensor, drawn: Tensor, tokens: Tensor | None) -> Tensor:
        """Where a gate keeps the last frame (b, 1, H, W); nowhere without one.

        One dream at a time on a CPU, as in WorldModel.modulate.
        """
        gate = self.model.gating
        if gate is None or tokens is None:
            return torch.zeros_like(drawn[:, :1], dtype=torch.bool)
        size = 1 if drawn.device.type == "cpu" else len(drawn)
        rows = zip(last.split(size), drawn.split(size), tokens.split(size), strict=True)
        with self._precision():
            logits = torch.cat([gate(*row) for row in rows])
        kept: Tensor = gate.kept(logits)
        return kept

    def _draw(
        self, actions: Tensor, last: Tensor, generator: Generators
    ) -> tuple[Tensor, Tensor | None]:
        if self.passes == 1:
            return self._pass(torch.zeros_like(last), 0.0, actions, last)
        state: Tensor = randn_tensor(last.shape, generator=generator, device=last.device)
        self.scheduler.set_timesteps(sigmas=[1 - i / self.passes for i in range(self.passes)])
        sigmas = self.scheduler.sigmas[:-1].tolist()
        for sigma, timestep in zip(sigmas, self.scheduler.timesteps, strict=True):
            frame, tokens = self._pass(state, 1.0 - sigma, actions, last)
            flow = (state - frame) / sigma
            (state,) = self.scheduler.step(flow, timestep, state, return_dict=False)
        return state, tokens

    def _pass(
        self, state: Tensor, level: float, actions: Tensor, last: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """The clean frame, and what a gate sees if there is one."""
        gated = self.model.gating is not None
        timestep = torch.full((len(state), 1), level, device=state.device)
        with self._precision():
            out = self.model(
                state[:, None],
                timestep,
                actions[:, None],
                last[:, None],
                self.scenario.expand(len(state)),
                cache=self.cache,
                with_tokens=gated,
            )
        drawn, tokens = (out[0][:, 0], out[1][:, 0]) if gated else (out[:, 0], None)
        return drawn.to(state), tokens

    def _precision(self) -> torch.autocast:
        half = self.dtype != torch.float32
        return torch.autocast(self.model.device.type, self.dtype, enabled=half)

    @torch.inference_mode()
    def snapshot(self, dreams: Sequence[int] | None = None) -> Snapshot:
        """Of some dreams or of all."""
        if self.last is None:
            raise ValueError("nothing to snapshot before start")
        rows = slice(None) if dreams is None else list(dreams)
        return Snapshot(self.last[rows], self.cache.take(dreams), self.doubt[rows])

    def restore(self, snapshot: Snapshot) -> None:
        """Go on with the snapshot's dreams alone."""
        self.last = snapshot.last
        self.cache, self.doubt = snapshot.cache.take(), snapshot.doubt

    @torch.inference_mode()
    def put(self, dreams: Sequence[int], snapshot: Snapshot, of: int) -> None:
        """Let the snapshot's dreams take the places of some `of` dreams; the others go on."""
        if self.last is None or len(self.last) != of:
            empty = torch.zeros(of, *snapshot.last.shape[1:])
            self.last = empty.to(self.model.device)
            self.cache = self.model.new_cache(of)
            self.doubt = self.last.new_zeros(of)
        self.last = self.last.clone()  # a snapshot may hold this one
        self.last[list(dreams)] = snapshot.last.to(self.last.device)
        self.doubt = self.doubt.clone()
        self.doubt[list(dreams)] = snapshot.doubt.to(self.doubt.device)
        self.cache.put(dreams, snapshot.cache, self.model.device)


def dream(
    stepper: Stepper,
    domain: Domain,
    frames: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    actions: NDArray[np.float32],
    generator: Generators = None,
    stepped: Callable[[], object] = lambda: None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw on from c start frames (b, c, H, W, 3) and depth (b, c, H, W) under actions (b, T, A).

    The first c - 1 actions lie between the start frames. Returns RGB (b, T + 1, H, W, 3) and depth
    (b, T + 1, H, W), the start frames first; calls `stepped` after every frame it drew. Raises
    InputError where the model draws a NaN.
    """
    device = stepper.scenario.device
    count, range_m = frames.shape[1], domain.depth_range_m
    acted = torch.from_numpy(actions).to(device)
    stepper.start(
        torch.from_numpy(to_model(frames, depth_m, range_m)).to(device), acted[:, : count - 1]
    )
    rows = []
    for step in range(count - 1, acted.shape[1]):
        values = stepper.step(acted[:, step], generator).cpu().numpy()
        if not np.isfinite(values).all():
            raise InputError("the model drew a NaN; its weights or start frames are damaged")
        rows.append(from_model(values, range_m))
        stepped()
    drawn, drawn_m = (np.stack(column, axis=1) for column in zip(*rows, strict=True))
    return np.concatenate([frames, drawn], 1), np.concatenate([depth_m, drawn_m], 1)
