"""Pictures as patches, tokens to a transformer, and what mends the seams between them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.frames import CHANNELS


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


class Refiner(nn.Module):
    """Two convolutions that mend a drawn picture across the borders of its patches.

    They see cells of a quarter of a patch's width, and no frame but the one drawn: a way past the
    transformer from the frame before would teach it to copy.
    """

    def __init__(self, patch_px: int, channels: int, cells: int = 4) -> None:
        super().__init__()
        self.cell_px = patch_px // cells
        values = CHANNELS * self.cell_px**2
        self.rough = nn.Conv2d(values, channels, 3, padding=1)
        self.fine = nn.Conv2d(channels, values, 3, padding=1)
        for zeroed in self.fine.parameters():
            nn.init.zeros_(zeroed)

    def forward(self, images: Tensor) -> Tensor:
        """Images less the mean image, (b, t, 4, H, W), in and out."""
        cells = F.pixel_unshuffle(images.flatten(0, 1), self.cell_px)
        mended = self.fine(F.gelu(self.rough(cells), approximate="tanh"))
        refined: Tensor = images + F.pixel_shuffle(mended, self.cell_px).view_as(images)
        return refined
