"""The world model: an action-conditioned diffusion transformer, causal over frames.

Frame t is drawn from its noised self, the clean frame before it, the action that leads into it and
all frames before those. Attention runs inside a frame, and in every fourth layer over time. One
model may know several scenarios, each with its own actions, depth range and mean image.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from worldsim.errors import unknown
from worldsim.frames import CHANNELS
from worldsim.models.attention import Attention, Rotation, grid_rotation, rotation
from worldsim.models.cache import TimeCache
from worldsim.models.domain import ACTION_CHANNELS, Domain, action_tables, check_domains
from worldsim.models.gate import Gate
from worldsim.models.patches import Refiner, patchify, unpatchify


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
            attended = self.attention.merge(cache.attend(layer, query, key, value))
        back: Tensor = attended.unflatten(0, (batch, tokens)).transpose(1, 2)
        return back


class WorldModel(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Predicts clean RGB + depth frames (x-prediction) under a signal level per frame.

    Of each of the `scenarios`: `action_mean` and `action_std` normalise its actions, one number a
    channel; `depth_range_m` (near, far) is what model depth -1 and 1 stand for. `window` is how
    many frames attention over time may look back, `refine` the width of the `Refiner` (0: none),
    `gate` that of the `Gate` (0: none). Stepped on, a `pinned` model never forgets the first frame,
    see TimeCache; `passes` a frame draw each scenario best, one where none are given.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        height_px: int = 64,
        width_px: int = 64,
        patch_px: int = 8,
        width: int = 144,
        layers: int = 8,
        heads: int = 4,
        time_every: int = 4,
        registers: int = 4,
        window: int = 16,
        refine: int = 0,
        scenarios: Sequence[str] = ("push",),
        frame_rate_hz: Sequence[int] = (10,),
        depth_range_m: Sequence[Sequence[float]] = ((0.0, 1.0),),
        action_mean: Sequence[Sequence[float]] = ((0.0, 0.0),),
        action_std: Sequence[Sequence[float]] = ((1.0, 1.0),),
        format_version: int = 2,
        pinned: bool = False,
        passes: Sequence[int] = (),
        gate: int = 0,
    ) -> None:
        super().__init__()
        if height_px % patch_px or width_px % patch_px:
            raise ValueError(f"patch {patch_px} px does not divide {height_px} x {width_px} px")
        if width % heads or (width // heads) % 4:
            raise ValueError(f"width {width} / heads {heads} must be a multiple of 4")
        if layers < 1 or window < 1 or registers < 0:
            raise ValueError("layers and window must be at least 1, registers at least 0")
        if pinned and window < 2:
            raise ValueError("a pinned first frame needs a window of 2 frames or more")
        if (refine or gate) and patch_px % 4:
            raise ValueError(f"a refiner or gate needs patches of 4, 8, ... px, got {patch_px}")
        check_domains(scenarios, frame_rate_hz, depth_range_m, action_mean, action_std, passes)
        count, rows, columns = len(scenarios), height_px // patch_px, width_px // patch_px
        values = CHANNELS * patch_px**2
        self.head_size = width // heads
        self.noised = nn.Linear(values, width, bias=False)
        self.previous = nn.Linear(values, width)
        self.hidden = nn.Parameter(torch.zeros(width))
        self.place = nn.Parameter(0.02 * torch.randn(rows * columns, width))
        self.register_tokens = nn.Parameter(0.02 * torch.randn(registers, width))
        self.signal = nn.Sequential(nn.Linear(32, width), nn.SiLU(), nn.Linear(width, width))
        # Channel 0 of one scenario is not channel 0 of another: each has its own first layer.
        self.action_in = nn.Parameter(0.5 * torch.randn(count, ACTION_CHANNELS, width))
        self.action_bias = nn.Parameter(0.5 * torch.randn(count, width))
        self.action_out = nn.Linear(width, width)
        self.scenario = nn.Parameter(0.02 * torch.randn(count, width))
        self.null_action = nn.Parameter(0.02 * torch.randn(width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(
            Block(width, heads, over_time=(i + 1) % time_every == 0) for i in range(layers)
        )
        self.final = nn.Linear(width, 2 * width)
        self.head = nn.Linear(width, values)
        self.refiner = Refiner(patch_px, refine) if refine else None
        self.gating = Gate(patch_px, width, gate) if gate else None
        for zeroed in (self.modulation, self.final, self.head):
            nn.init.zeros_(zeroed.weight)
            nn.init.zeros_(zeroed.bias)
        self.register_buffer("mean_image", torch.zeros(count, CHANNELS, height_px, width_px))
        cos, sin = grid_rotation(rows, columns, self.head_size, registers)
        mean, scale = action_tables(action_mean, action_std)
        constants = {"grid_cos": cos, "grid_sin": sin, "a_mean": mean, "a_scale": scale}
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def domain(self, scenario: str) -> Domain:
        """What the model knows of a scenario. Raises InputError, near names said, if nothing."""
        known = list(self.config.scenarios)
        if scenario not in known:
            raise unknown("scenario of this model", scenario, known)
        index = known.index(scenario)
        near_m, far_m = self.config.depth_range_m[index]
        return Domain(
            index,
            scenario,
            int(self.config.frame_rate_hz[index]),
            len(self.config.action_mean[index]),
            (float(near_m), float(far_m)),
            int(self.config.passes[index]) if self.config.passes else 1,
        )

    @property
    def time_layers(self) -> int:
        return sum(1 for block in self.blocks if block.over_time)

    def new_cache(self, dreams: int) -> TimeCache:
        return TimeCache(self.time_layers, self.config.window, dreams, self.config.pinned)

    def condition(
        self, timestep: Tensor, actions: Tensor, scenario: Tensor, action_given: Tensor | None
    ) -> Tensor:
        """Signal level (b, t) and actions (b, t, A) -> one vector a frame (b, t, width)."""
        powers = torch.arange(16, device=timestep.device, dtype=timestep.dtype)
        angles = timestep[..., None] * (torch.pi * 1.3**powers)
        waves = torch.cat([angles.cos(), angles.sin()], dim=-1)
        padded = F.pad(actions, (0, ACTION_CHANNELS - actions.shape[-1]))
        normal = (padded - self.a_mean[scenario, None]) * self.a_scale[scenario, None]
        acted = normal @ self.action_in[scenario] + self.action_bias[scenario, None]
        acted = self.action_out(F.silu(acted))
        if action_given is not None:
            acted = torch.where(action_given[..., None], acted, self.null_action)
        conditioned: Tensor = self.signal(waves) + acted + self.scenario[scenario, None]
        return conditioned

    def modulate(
        self,
        timestep: Tensor,
        actions: Tensor,
        scenario: Tensor,
        action_given: Tensor | None,
        cache: TimeCache | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The condition (b, t, width), and what it does to the blocks and the last layer.

        A product with one row rounds otherwise than one with many, on a CPU. So that dreams side by
        side are what each is alone, a cached pass there takes them one by one.
        """
        if cache is not None and len(timestep) > 1 and timestep.device.type == "cpu":
            given = [None] * len(actions) if action_given is None else action_given.split(1)
            rows = zip(timestep.split(1), actions.split(1), scenario.split(1), given, strict=True)
            each = [self.modulate(*row, None) for row in rows]
            vector, modulation, last = (torch.cat(parts) for parts in zip(*each, strict=True))
            return vector, modulation, last
        vector = self.condition(timestep, actions, scenario, action_given)
        lit = F.silu(vector)
        return vector, self.modulation(lit)[:, :, None], self.final(lit)[:, :, None]

    def embed(
        self, hidden_states: Tensor, previous: Tensor, timestep: Tensor, given: Tensor | None
    ) -> Tensor:
        """Noised and previous frames less the mean image, (b, t, 4, H, W) -> (b, t, tokens, width).

        A previous frame that is not given is hidden.
        """
        level = timestep[..., None, None]
        strength = level * (level**2 + (1 - level) ** 2).rsqrt()
        patch_px = self.config.patch_px
        before = self.previous(patchify(previous, patch_px))
        if given is not None:
            before = torch.where(given[..., None, None], before, self.hidden)
        noised = self.noised(patchify(hidden_states, patch_px) * strength)
        embedded: Tensor = noised + before + self.place
        return embedded

    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        actions: Tensor,
        previous: Tensor,
        scenario: Tensor | None = None,
        given: Tensor | None = None,
        action_given: Tensor | None = None,
        causal: bool | Tensor = True,
        cache: TimeCache | None = None,
        with_tokens: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Clean frames (b, t, 4, H, W) in model values, and `with_tokens` those for the gate.

        hidden_states (b, t, 4, H, W): s * frame + (1 - s) * noise; timestep (b, t): the signal
        level s, 0 pure noise, 1 clean; actions (b, t, A): the action that leads INTO the frame;
        previous (b, t, 4, H, W): the frame before; scenario (b,): a `Domain.index`, which a model
        of one scenario does not need; given (b, t): False hides the frame before; action_given
        (b, t): False puts the null action; causal: False lets every frame see every other. With a
        cache t must be 1, and the pass reads the frames stored there.
        """
        batch, frames = hidden_states.shape[:2]
        if cache is not None and frames != 1:
            raise ValueError(f"a cached pass takes one frame, got {frames}")
        if scenario is None:
            if len(self.mean_image) > 1:
                raise ValueError("a model of several scenarios must be told which: scenario (b,)")
            scenario = torch.zeros(batch, dtype=torch.long, device=hidden_states.device)
        mean = self.mean_image[scenario, None]
        vector, modulation, last = self.modulate(timestep, actions, scenario, action_given, cache)
        x = self.embed(hidden_states - mean, previous - mean, timestep, given)
        registers = self.register_tokens + vector[:, :, None]
        x = torch.cat([registers, x], dim=2)
        if cache is None:
            turn_time = rotation(torch.arange(frames, device=x.device), self.head_size, base=1000.0)
        else:
            turn_time = cache.turn(self.head_size, x.shape[2], x.device)
        turn_grid = (self.grid_cos, self.grid_sin)
        mask = None if cache is not None else self.time_mask(frames, causal, x.device)
        layer = 0
        for block in self.blocks:
            turn = turn_time if block.over_time else turn_grid
            x = block(x, modulation, turn, mask, cache, layer)
            layer += 1 if block.over_time else 0
        x = x[:, :, self.config.registers :]
        shift, scale = last.chunk(2, -1)
        tokens = F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
        images = unpatchify(self.head(tokens), self.config.patch_px, self.config.height_px)
        if self.refiner is not None:
            images = self.refiner(images)
        drawn: Tensor = mean + images
        return (drawn, tokens) if with_tokens else drawn

    def time_mask(self, frames: int, causal: bool | Tensor, device: torch.device) -> Tensor:
        """True where frame (row) may look at frame (column).

        Where `causal`, these are the last `window` up to itself, else all.
        """
        index = torch.arange(frames, device=device)
        ago = index[:, None] - index[None, :]
        visible: Tensor = (ago >= 0) & (ago < self.config.window)
        if causal is not True:
            visible = visible | ~torch.as_tensor(causal, device=device)
        return visible
