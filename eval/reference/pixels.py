"""Pixel scores, kept apart from the physics: PSNR and the one-step ratio to a frozen frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Frames = NDArray[np.uint8]

BEST_DB = 99.0
"""PSNR given to identical frames, so that means stay finite."""


def squared_error(generated: Frames | Float, reference: Frames) -> Float:
    """Mean squared error of each frame in units of full scale, (T, H, W, 3) -> (T,)."""
    difference = (generated.astype(np.float32) - reference.astype(np.float32)) / 255.0
    error: Float = np.square(difference).mean((1, 2, 3), dtype=np.float64)
    return error


def psnr_db(generated: Frames | Float, reference: Frames) -> Float:
    """Peak signal-to-noise ratio of each frame in dB, (T, H, W, 3) -> (T,), at most 99."""
    error = np.maximum(squared_error(generated, reference), 10.0 ** (-BEST_DB / 10.0))
    ratio: Float = -10.0 * np.log10(error)
    return ratio


def one_step_errors(generated: Frames | Float, reference: Frames) -> tuple[float, float]:
    """Squared error of the first generated frame and of keeping the last start frame instead.

    Both clips begin at the last start frame.
    """
    made = squared_error(generated[1:2], reference[1:2])
    kept = squared_error(reference[0:1], reference[1:2])
    return float(made[0]), float(kept[0])
