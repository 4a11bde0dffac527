"""The world model: an action-conditioned diffusion transformer, causal over frames.

Frame t is drawn from its noised self, the clean frame before it, the action that leads into it and
all frames before those. Attention runs inside a frame, and in every fourth layer over time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from worldsim.frames import CHANNELS
from worldsim.models.attention import (
    Attention,
    Rotation,
    TimeCache,
    attend,
    grid_rotation,
    rotation,
)


def patchify(images: Tensor, patch_px: int) -> Tensor:
    """(..., C, H, W) -> (..., tokens, C * patch_px ** 2), row by row."""
    grid = images.unflatten(-2, (-1, patch_px)).unflatten(-1, (-1, patch_px))
    # (..., C, row, y, column, x) -> (..., row, column, C, y, x)
    patches: Tensor = grid.movedim((-4, -2), (-5, -4)).flatten(-3).flatten(-3, -2)
    return patches


def unpatchify(patches: Tensor, patch_px: int, height_px: int) -> Tensor:
    """The inverse of `patchify`."""
    rows = height_px // patch_px
    grid = patches.unflatten(-1, (CHANNELS, patch_px, patch_px)).unflatten(-4, (rows, -1))
    # (..., row, column, C, y, x) -> (..., C, row, y, column, x)
    images: Tensor = grid.movedim((-5, -4), (-4, -2)).flatten(-2).flatten(-3, -2)
    return images


class Block(nn.Module):
    """Attention and MLP, modulated by the frame's condition (adaLN-single, PixArt-alpha)."""

    def __init__(self, width: int, heads: int, over_time: bool) -> None:
        super().__init__()
        self.over_time = over_time
        self.attention = Attention(width, heads, blocks=1 if over_time else 2)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.bias = nn.Parameter(torch.zeros(6 * width))
        nn.init.zeros_(self.attention.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(
        self,
        x: Tensor,
        condition: Tensor,
        turn: Rotation,
        mask: Tensor | None,
        cache: TimeCache | None,
        layer: int,
    ) -> Tensor:
        """x (b, t, tokens, width), condition (b, t, 1, 6 * width) -> the same shape as x."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = (condition + self.bias).chunk(6, -1)
        normed = F.layer_norm(x, x.shape[-1:]) * (1 + scale_a) + shift_a
        x = x + (1 + gate_a) * self.attend(normed, turn, mask, cache, layer)
        normed = F.layer_norm(x, x.shape[-1:]) * (1 + scale_m) + shift_m
        mixed = self.down(F.gelu(self.up(normed), approximate="tanh"))
        out: Tensor = x + (1 + gate_m) * mixed
        return out

    def attend(
        self, x: Tensor, turn: Rotation, mask: Tensor | None, cache: TimeCache | None, layer: int
    ) -> Tensor:
        batch, frames, tokens, _ = x.shape
        if not self.over_time:
            mixed: Tensor = self.attention(x.flatten(0, 1), turn).unflatten(0, (batch, frames))
            return mixed
        columns = x.transpose(1, 2).flatten(0, 1)
        if cache is None:
            attended = self.attention(columns, turn, mask)
        else:
            query, key, value = self.attention.project(columns, turn)
            keys, values = cache.write(layer, key, value)
            attended = self.attention.merge(attend(query, keys, values))
        back: Tensor = attended.unflatten(0, (batch, tokens)).transpose(1, 2)
        return back


class WorldModel(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Predicts clean RGB + depth frames (x-prediction) under a signal level per frame.

    `depth_range_m` is what model depth -1 and 1 stand for; `action_mean` and `action_std`
    normalise the actions; `window` is how many frames attention over time may look back.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        height_px: int = 64,
        width_px: int = 64,
        patch_px: int = 8,
        action_size: int = 2,
        width: int = 144,
        layers: int = 8,
        heads: int = 4,
        time_every: int = 4,
        registers: int = 4,
        window: int = 16,
        depth_range_m: Sequence[float] = (0.0, 1.0),
        action_mean: Sequence[float] = (0.0, 0.0),
        action_std: Sequence[float] = (1.0, 1.0),
        frame_rate_hz: int = 10,
        scenario: str = "push",
        format_version: int = 1,
    ) -> None:
        super().__init__()
        if height_px % patch_px or width_px % patch_px:
            raise ValueError(f"patch {patch_px} px does not divide {height_px} x {width_px} px")
        if width % heads or (width // heads) % 4:
            raise ValueError(f"width {width} / heads {heads} must be a multiple of 4")
        if layers < 1 or window < 1 or registers < 0:
            raise ValueError("layers and window must be at least 1, registers at least 0")
        if len(depth_range_m) != 2 or not 0.0 <= depth_range_m[0] < depth_range_m[1]:
            raise ValueError(f"depth_range_m must be (near, far) in metres, got {depth_range_m}")
        if not len(action_mean) == len(action_std) == action_size:
            raise ValueError(f"{action_size} action channels need as many means and deviations")
        rows, columns = height_px // patch_px, width_px // patch_px
        values = CHANNELS * patch_px**2
        self.head_size = width // heads
        self.noised = nn.Linear(values, width, bias=False)
        self.previous = nn.Linear(values, width)
        self.hidden = nn.Parameter(torch.zeros(width))
        self.place = nn.Parameter(0.02 * torch.randn(rows * columns, width))
        self.register_tokens = nn.Parameter(0.02 * torch.randn(registers, width))
        self.signal = nn.Sequential(nn.Linear(32, width), nn.SiLU(), nn.Linear(width, width))
        self.action = nn.Sequential(
            nn.Linear(action_size, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.null_action = nn.Parameter(0.02 * torch.randn(width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(
            Block(width, heads, over_time=(i + 1) % time_every == 0) for i in range(layers)
        )
        self.final = nn.Linear(width, 2 * width)
        self.head = nn.Linear(width, values)
        for zeroed in (self.modulation, self.final, self.head):
            nn.init.zeros_(zeroed.weight)
            nn.init.zeros_(zeroed.bias)
        self.register_buffer("mean_image", torch.zeros(CHANNELS, height_px, width_px))
        cos, sin = grid_rotation(rows, columns, self.head_size, registers)
        self.register_buffer("grid_cos", cos, persistent=False)
        self.register_buffer("grid_sin", sin, persistent=False)
        self.register_buffer("a_mean", torch.tensor(action_mean).float(), persistent=False)
        self.register_buffer("a_std", torch.tensor(action_std).float(), persistent=False)

    @property
    def time_layers(self) -> int:
        return sum(1 for block in self.blocks if block.over_time)

    def new_cache(self) -> TimeCache:
        return TimeCache(self.time_layers, self.config.window)

    def condition(self, timestep: Tensor, actions: Tensor, action_given: Tensor | None) -> Tensor:
        """Signal level (b, t) and actions (b, t, A) -> one vector a frame (b, t, width)."""
        powers = torch.arange(16, device=timestep.device, dtype=timestep.dtype)
        angles = timestep[..., None] * (torch.pi * 1.3**powers)
        waves = torch.cat([angles.cos(), angles.sin()], dim=-1)
        acted = self.action((actions - self.a_mean) / self.a_std)
        if action_given is not None:
            acted = torch.where(action_given[..., None], acted, self.null_action)
        conditioned: Tensor = self.signal(waves) + acted
        return conditioned

    def embed(
        self, hidden_states: Tensor, previous: Tensor, timestep: Tensor, given: Tensor | None
    ) -> Tensor:
        """Noised and previous frames (b, t, 4, H, W) -> tokens (b, t, rows * columns, width)."""
        level = timestep[..., None, None]
        strength = level * (level**2 + (1 - level) ** 2).rsqrt()
        patch_px, mean = self.config.patch_px, self.mean_image
        before = self.previous(patchify(previous - mean, patch_px))
        if given is not None:
            before = torch.where(given[..., None, None], before, self.hidden)
        noised = self.noised(patchify(hidden_states - mean, patch_px) * strength)
        embedded: Tensor = noised + before + self.place
        return embedded

    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        actions: Tensor,
        previous: Tensor,
        given: Tensor | None = None,
        action_given: Tensor | None = None,
        causal: bool = True,
        cache: TimeCache | None = None,
    ) -> Tensor:
        """Clean frames (b, t, 4, H, W) in model values.

        hidden_states (b, t, 4, H, W): s * frame + (1 - s) * noise; timestep (b, t): the signal
        level s, 0 pure noise, 1 clean; actions (b, t, A): the action that leads INTO the frame;
        previous (b, t, 4, H, W): the frame before; given (b, t): False hides that frame;
        action_given (b, t): False puts the null action. With a cache t must be 1, and the pass
        reads the frames stored there.
        """
        frames = hidden_states.shape[1]
        if cache is not None and frames != 1:
            raise ValueError(f"a cached pass takes one frame, got {frames}")
        vector = self.condition(timestep, actions, action_given)
        x = self.embed(hidden_states, previous, timestep, given)
        registers = self.register_tokens + vector[:, :, None]
        x = torch.cat([registers, x], dim=2)
        modulation = self.modulation(F.silu(vector))[:, :, None]
        start = 0 if cache is None else cache.position
        turn_time = rotation(
            torch.arange(start, start + frames, device=x.device), self.head_size, base=1000.0
        )
        turn_grid = (self.grid_cos, self.grid_sin)
        mask = self.time_mask(frames, x.device) if causal and cache is None else None
        layer = 0
        for block in self.blocks:
            turn = turn_time if block.over_time else turn_grid
            x = block(x, modulation, turn, mask, cache, layer)
            layer += 1 if block.over_time else 0
        x = x[:, :, self.config.registers :]
        shift, scale = self.final(F.silu(vector))[:, :, None].chunk(2, -1)
        patches = self.head(F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift)
        images = unpatchify(patches, self.config.patch_px, self.config.height_px)
        drawn: Tensor = self.mean_image + images
        return drawn

    def time_mask(self, frames: int, device: torch.device) -> Tensor:
        """True where frame (row) may look at frame (column): the last `window` up to itself."""
        index = torch.arange(frames, device=device)
        ago = index[:, None] - index[None, :]
        visible: Tensor = (ago >= 0) & (ago < self.config.window)
        return visible
