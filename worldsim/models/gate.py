"""Which parts of a frame change: the others are kept, bit by bit, instead of being drawn anew."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.frames import CHANNELS

OPEN_FROM = 0.25
"""Least chance of a change for which a cell is drawn: to hold what moves costs more than to redraw
what rests."""
_FEATURES = 8
_SMALL = 0.1
"""In model values: differences up to here are told apart finely."""


class Gate(nn.Module):
    """Tells for every cell, a quarter of a patch wide, whether it changes from frame to frame.

    It sees the frame before, the one drawn, and what the transformer thought when it drew that. A
    model that draws the mean of what may come blurs a little whatever rests, and after some hundred
    frames nothing is left of it; what is kept stays. (Masks that copy pixels from earlier frames:
    Finn et al. 2016, Ebert et al. 2017; here cells are drawn or kept, never mixed.)
    """

    def __init__(self, patch_px: int, width: int, channels: int, cells: int = 4) -> None:
        super().__init__()
        self.cells, self.cell_px = cells, patch_px // cells
        self.thought = nn.Linear(width, _FEATURES * cells**2)
        values = 3 * CHANNELS * self.cell_px**2 + _FEATURES
        self.near = nn.Conv2d(values, channels, 3, padding=1)
        self.far = nn.Conv2d(channels, channels, 3, padding=2, dilation=2)
        self.farther = nn.Conv2d(channels, channels, 3, padding=4, dilation=4)
        self.logit = nn.Conv2d(channels, 1, 1)
        for zeroed in self.logit.parameters():
            nn.init.zeros_(zeroed)

    def forward(self, previous: Tensor, drawn: Tensor, tokens: Tensor) -> Tensor:
        """Frames (n, 4, H, W) and tokens (n, rows * columns, width) -> logits (n, 1, Y, X)."""
        moved = drawn - previous
        fine = moved.abs().clamp(max=_SMALL) / _SMALL
        seen = F.pixel_unshuffle(torch.cat([previous, 4.0 * moved, fine], 1), self.cell_px)
        rows = previous.shape[-2] // (self.cells * self.cell_px)
        grid = self.thought(tokens).movedim(-1, 1).unflatten(-1, (rows, -1))
        x = torch.cat([seen, F.pixel_shuffle(grid, self.cells)], 1)
        x = F.gelu(self.near(x), approximate="tanh")
        x = x + F.gelu(self.far(x), approximate="tanh")
        x = x + F.gelu(self.farther(x), approximate="tanh")
        logits: Tensor = self.logit(x)
        return logits

    def kept(self, logits: Tensor) -> Tensor:
        """Where nothing changes: (n, 1, H, W). A NaN is not kept, so that it is seen."""
        cells = (logits <= math.log(OPEN_FROM / (1.0 - OPEN_FROM))).float()
        return F.interpolate(cells, scale_factor=float(self.cell_px), mode="nearest") > 0.5

    def changed(self, before: Tensor, after: Tensor) -> Tensor:
        """The truth of it: 1 for cells (n, 1, Y, X) with a change, or one within two pixels.

        Frames (n, 4, H, W) in model values. A change is one and a half levels of a colour, or
        1/2,500 of the range of depth.
        """
        moved = (after - before).abs()
        colour, depth = moved[:, :3].amax(1, keepdim=True), moved[:, 3:]
        change = ((colour > 3 / 255) | (depth > 2 / 2500)).float()
        return F.max_pool2d(F.max_pool2d(change, 5, 1, 2), self.cell_px)
