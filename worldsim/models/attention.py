"""Attention over the tokens of a frame or over the frames of a token, with rotary positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Rotation = tuple[Tensor, Tensor]

MOST_ROWS = 65_535


def rotation(positions: Tensor, size: int, base: float = 100.0) -> Rotation:
    """Cosine and sine of rotary positions, each (len(positions), size) (RoFormer, eq. 15).

    Angles are taken in float64, so that they stay exact after a million steps.
    """
    powers = torch.arange(0, size, 2, dtype=torch.float64, device=positions.device) / size
    angles = positions.double()[:, None] * base**-powers
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos().float(), angles.sin().float()


def grid_rotation(rows: int, columns: int, size: int, registers: int) -> Rotation:
    """Rotary positions of a grid: half the channels turn with the row, half with the column.

    `registers` unturned tokens come first.
    """
    row = torch.arange(rows).repeat_interleave(columns)
    column = torch.arange(columns).repeat(rows)
    half = size // 2
    parts = [rotation(row, half), rotation(column, half)]
    cos, sin = (torch.cat([part[i] for part in parts], dim=-1) for i in (0, 1))
    still = torch.ones(registers, size), torch.zeros(registers, size)
    return torch.cat([still[0], cos]), torch.cat([still[1], sin])


def rotate(x: Tensor, turn: Rotation, blocks: int) -> Tensor:
    """Turn queries or keys (..., positions, size); `blocks` independent groups of channels."""
    cos, sin = turn
    first, second = x.unflatten(-1, (blocks, 2, -1)).unbind(-2)
    half_turned = torch.stack([-second, first], dim=-2).flatten(-3)
    turned: Tensor = x * cos + half_turned * sin
    return turned.to(x.dtype)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention, on a CPU as two plain products.

    At 64 tokens these beat torch's fused kernel there, whose bfloat16 backward pass took 44 % of a
    training step (profiled with torch 2.13 on a Zen 5 core).
    """
    if query.is_cuda:
        return _fused(query, key, value.to(query.dtype), mask)
    weights = query * query.shape[-1] ** -0.5 @ key.mT
    if mask is not None:
        weights = weights.masked_fill(~mask, -torch.inf)
    attended: Tensor = weights.softmax(-1) @ value
    return attended


def _fused(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Torch's kernel, whose CUDA grids hold no more than `MOST_ROWS` of batch times heads."""
    step = max(1, MOST_ROWS // query.shape[1])
    parts = zip(*(each.split(step) for each in (query, key, value)), strict=True)
    drawn = [F.scaled_dot_product_attention(q, k, v, attn_mask=mask) for q, k, v in parts]
    return drawn[0] if len(drawn) == 1 else torch.cat(drawn)


class Attention(nn.Module):
    """Multi-head self-attention with normalised queries and keys (ViT-22B, section 2)."""

    def __init__(self, width: int, heads: int, blocks: int) -> None:
        super().__init__()
        self.heads = heads
        self.blocks = blocks
        self.size = width // heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.query_scale = nn.Parameter(torch.ones(self.size))
        self.key_scale = nn.Parameter(torch.ones(self.size))

    def project(self, x: Tensor, turn: Rotation) -> tuple[Tensor, Tensor, Tensor]:
        """(batch, positions, width) -> queries, keys, values (batch, heads, positions, size)."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, self.size)).unbind(-3)
        query = F.layer_norm(query, (self.size,), self.query_scale).transpose(-3, -2)
        key = F.layer_norm(key, (self.size,), self.key_scale).transpose(-3, -2)
        value = value.transpose(-3, -2)
        return rotate(query, turn, self.blocks), rotate(key, turn, self.blocks), value

    def merge(self, attended: Tensor) -> Tensor:
        merged: Tensor = self.out(attended.transpose(-3, -2).flatten(-2))
        return merged

    def forward(self, x: Tensor, turn: Rotation, mask: Tensor | None = None) -> Tensor:
        query, key, value = self.project(x, turn)
        return self.merge(attend(query, key, value, mask))
