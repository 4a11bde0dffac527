"""The only place where uint8 HWC frames and metres become model values, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError

CHANNELS = 4


def to_model(
    frames: NDArray[np.uint8], depth_m: NDArray[np.floating], depth_range_m: tuple[float, float]
) -> NDArray[np.float32]:
    """RGB (..., H, W, 3) and depth (..., H, W) in metres -> (..., 4, H, W) in [-1, 1].

    Depth outside `depth_range_m` (near, far) is clipped.
    """
    if frames.dtype != np.uint8 or frames.shape[-1] != 3:
        raise InputError(f"frames must be uint8 (..., H, W, 3), got {frames.dtype} {frames.shape}")
    if depth_m.shape != frames.shape[:-1]:
        raise InputError(f"depth {depth_m.shape} does not match frames {frames.shape}")
    near_m, far_m = depth_range_m
    values = np.empty((*frames.shape[:-3], CHANNELS, *frames.shape[-3:-1]), np.float32)
    values[..., :3, :, :] = np.moveaxis(frames, -1, -3).astype(np.float32) / 127.5 - 1.0
    depth = (depth_m.astype(np.float32) - near_m) * (2.0 / (far_m - near_m)) - 1.0
    values[..., 3, :, :] = np.clip(depth, -1.0, 1.0)
    return values


def from_model(
    values: NDArray[np.floating], depth_range_m: tuple[float, float]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """(..., 4, H, W) in [-1, 1] -> RGB uint8 (..., H, W, 3) and depth (..., H, W) in metres."""
    if values.ndim < 3 or values.shape[-3] != CHANNELS:
        raise InputError(f"model frames must be (..., {CHANNELS}, H, W), got {values.shape}")
    near_m, far_m = depth_range_m
    clipped = np.clip(values, -1.0, 1.0)
    colour = np.moveaxis(clipped[..., :3, :, :], -3, -1)
    frames = np.rint((colour + 1.0) * 127.5).astype(np.uint8)
    depth_m = ((clipped[..., 3, :, :] + 1.0) * (0.5 * (far_m - near_m)) + near_m).astype(np.float32)
    return frames, depth_m
