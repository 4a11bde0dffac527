"""What the reference metrics accept: checked in one place, refused in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Frames = NDArray[np.uint8]


def check_frames(name: str, frames: NDArray[Any], smallest_px: int = 1) -> None:
    """InputError unless these are uint8 frames (T, H, W, 3), T >= 1, of at least that side."""
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise InputError(f"{name} is {frames.dtype} {frames.shape}; give uint8 (T, H, W, 3)")
    check_extent(name, frames.shape[:3], smallest_px)


def check_masks(name: str, masks: NDArray[Any]) -> None:
    """InputError unless these are bool masks (T, H, W), none of the three 0."""
    if masks.ndim != 3 or masks.dtype != np.bool_:
        raise InputError(f"{name} is {masks.dtype} {masks.shape}; give bool (T, H, W)")
    check_extent(name, masks.shape, 1)


def check_extent(name: str, shape: tuple[int, ...], smallest_px: int) -> None:
    """InputError where there are no frames, or frames smaller than the metric can use."""
    length, height, width = shape
    if not length:
        raise InputError(f"{name} has no frames; give at least one")
    if min(height, width) < smallest_px:
        raise InputError(f"{name} has {height} x {width} px; {smallest_px} x {smallest_px} needed")


def check_alike(name: str, first: NDArray[Any], other: str, second: NDArray[Any]) -> None:
    """InputError unless both arrays have the same shape."""
    if first.shape != second.shape:
        raise InputError(
            f"{name} is {first.shape} and {other} is {second.shape}; "
            f"cut and resize them to the same shape first"
        )


def check_numbers(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> None:
    """InputError unless the array has this shape and every number in it is finite."""
    if values.shape != shape:
        raise InputError(f"{name} is {values.shape}, not {shape}")
    if not np.isfinite(values).all():
        raise InputError(f"{name} has NaN or infinity; leave those frames out")


def body_masks(name: str, episode: Episode, body: str) -> Bool:
    """The pixels that show one body, (T, H, W), from an episode's segmentation.

    Raises InputError where there is no segmentation (models give none) or no body of that name.
    """
    if episode.segmentation is None:
        raise InputError(
            f"{name} has no segmentation; read its frames and "
            f"give replace(episode, segmentation=reading.segmentation)"
        )
    masks: Bool = episode.segmentation == episode.scene.index(body) + 1
    return masks


def moving_bodies(episode: Episode) -> tuple[str, ...]:
    """Names of the bodies that can move; InputError where a scene has none."""
    names = tuple(episode.scene.bodies[i].name for i in episode.scene.moving)
    if not names:
        raise InputError("no body of this scene can move; name the bodies to compare")
    return names


def mean_of_known(values: list[float]) -> float:
    """The mean of what is not NaN; NaN where nothing is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
