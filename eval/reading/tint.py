"""How the colours of a clip differ from those that its scene's light and look give."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .stage import Stage
from .view import View

Float = NDArray[np.float64]

_FEWEST_PX = 6
_DEPTH_SHARE = 0.5
"""Least share of a body's pixels whose depth must be as expected for its colour to be learnt."""
_UNEVEN = 0.35
"""Greatest spread of a body's colour, as a share of it, to be learnt."""
_RANGE = (0.2, 5.0)


def body_gain(
    stage: Stage,
    view: View,
    frame: NDArray[np.uint8],
    depth_m: NDArray[np.floating] | None,
    start: tuple[Float, Float],
) -> Float:
    """Factors (N + 1, 3) on every body's colour channels, the last on those of the sky.

    1 where the frame does not show the body where `start` has it.
    """
    stage.look_from(view.camera)
    rgb, depth, ids = stage.draw(*start)
    count = len(start[0])
    gain = np.ones((count + 1, 3))
    for index in range(-1, count):
        mask = (ids == index + 1).astype(np.uint8)
        inner = cv2.erode(mask, np.ones((3, 3), np.uint8)).astype(bool)
        inner = inner if np.count_nonzero(inner) >= _FEWEST_PX else mask.astype(bool)
        if np.count_nonzero(inner) < _FEWEST_PX:
            continue
        if depth_m is not None and index >= 0:
            near = np.abs(depth_m[inner] - depth[inner]) < 0.02 * depth[inner]
            if near.mean() < _DEPTH_SHARE:
                continue
        seen, drawn = frame[inner].astype(float), rgb[inner].astype(float)
        ratio = (seen + 2.0) / (drawn + 2.0)
        middle = np.median(ratio, axis=0)
        weight = np.maximum(drawn.mean(0), 1.0)
        spread = (np.abs(ratio - middle).mean(0) * weight).sum() / (middle * weight).sum()
        if spread <= _UNEVEN:
            gain[index if index >= 0 else count] = np.clip(middle, *_RANGE)
    return gain
