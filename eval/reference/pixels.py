"""Pixel scores, kept apart from the physics: PSNR and the one-step ratio to a frozen frame."""

from __future__ import annotations

import numpy as np

from worldsim.episode import Episode
from worldsim.errors import InputError

from .inputs import Float, Frames, check_alike

BEST_DB = 99.0
"""PSNR given to identical frames, so that means stay finite."""


def squared_error(generated: Frames | Float, reference: Frames) -> Float:
    """Mean squared error of each frame in units of full scale, (T, H, W, 3) -> (T,).

    Raises InputError on shapes that differ, no frames at all, and NaN.
    """
    check_alike("generated", generated, "reference", reference)
    if reference.ndim != 4 or not reference.size:
        raise InputError(f"frames are {reference.shape}; give (T, H, W, 3), none of them 0")
    pairs = zip(generated, reference, strict=True)
    error = np.array(
        [np.square(a.astype(np.float64) - b.astype(np.float64)).mean() for a, b in pairs]
    )
    if not np.isfinite(error).all():
        raise InputError("generated has NaN or infinity; frames are 0..255")
    whole: Float = error / 255.0**2
    return whole


def psnr_db(generated: Frames | Float, reference: Frames) -> Float:
    """Peak signal-to-noise ratio of each frame in dB, (T, H, W, 3) -> (T,), at most 99.

    10 log10(255^2 / MSE), the MSE over all pixels and channels of one frame (not over the clip,
    and not of luma alone). Raises InputError as `squared_error` does.
    """
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


def named_values(generated: Episode, reference: Episode) -> dict[str, float]:
    """PSNR and squared error of the pair, averaged over all frames, the shared first included."""
    return {
        "psnr_db": float(psnr_db(generated.frames, reference.frames).mean()),
        "squared_error": float(squared_error(generated.frames, reference.frames).mean()),
    }
