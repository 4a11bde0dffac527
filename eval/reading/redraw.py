"""A joint's numbers from the picture: its parts are drawn anew until they look like the frame.

Depth that a model drew is smeared over some pixels, and surfaces fitted to it slide; the picture's
edges stay. (Analysis by synthesis; Gauss-Newton with Cauchy weights on pixels.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .chain import Linkage

Float = NDArray[np.float64]
Image = NDArray[np.float32]
Draw = Callable[[Float], Image | None]
"""Numbers (K,) to an image by `pixels`, None where the joint does not reach."""

_LEVELS = 12.0
"""Error of a colour that counts as one, of 0-255."""
_STAGES = ((3.0, 4.0, 8), (1.0, 1.0, 12))
"""Of smoothing and of a stride for derivatives, in pixels, and most steps."""
_TRIES = 4
_MOST_PX, _ENOUGH_PX = 6.0, 0.1  # of a step


class Redrawn(NamedTuple):
    """Numbers (K,) and their covariance (K, K)."""

    numbers: Float
    covariance: Float


def pixels(rgb: NDArray[np.generic], depth_m: NDArray[np.floating], deep_m: float) -> Image:
    """Colour (H, W, 3) and depth (H, W) in units of their errors: (H, W, 4)."""
    return np.dstack([rgb.astype(np.float64) / _LEVELS, depth_m / deep_m]).astype(np.float32)


def redrawn(
    linkage: Linkage, draw: Draw, seen: Image, starts: Sequence[Float], unit_px: float
) -> Redrawn | None:
    """The numbers whose picture is nearest to the one `seen`, from the best of some starts.

    `unit_px` is about how far a part moves in the image with one of the linkage's units. None
    where all starts are out of reach.
    """
    pixel = linkage.unit / unit_px
    now: Redrawn | None = None
    for smooth_px, stride_px, steps in _STAGES:
        fit = _Fit(linkage, draw, _smooth(seen, smooth_px), smooth_px)
        costs = [fit.cost(start) for start in starts]
        best = int(np.argmin(costs))
        if not np.isfinite(costs[best]):
            return None
        now = fit.descend(starts[best], stride_px * pixel, pixel, steps)
        starts = [now.numbers]
    return now


class _Fit:
    """Pictures by numbers, at one smoothing."""

    def __init__(self, linkage: Linkage, draw: Draw, seen: Image, smooth_px: float) -> None:
        self.linkage, self.draw, self.seen, self.smooth_px = linkage, draw, seen, smooth_px

    def image(self, numbers: Float) -> Image | None:
        drawn = self.draw(numbers)
        return None if drawn is None else _smooth(drawn, self.smooth_px)

    def cost(self, numbers: Float) -> float:
        drawn = self.image(numbers)
        return np.inf if drawn is None else _cost(self.seen, drawn)

    def descend(self, numbers: Float, stride: Float, pixel: Float, steps: int) -> Redrawn:
        """Gauss-Newton from numbers (K,) within reach; `pixel` (K,) is what moves a part by one."""
        drawn, damping, matrix = self.image(numbers), 1e-3, np.eye(len(numbers))
        for _ in range(steps):
            assert drawn is not None
            slopes = self._slopes(drawn, numbers, stride)
            residual = (self.seen - drawn).reshape(-1)
            weighted = slopes / (1.0 + residual * residual)
            matrix, vector = weighted @ slopes.T, weighted @ residual
            before, cost = numbers, _cost(self.seen, drawn)
            for _ in range(_TRIES):
                damped = damping * np.diag(matrix) + 1e-9 * np.trace(matrix) + 1e-12
                way = np.linalg.solve(matrix + np.diag(damped), vector)
                way = np.clip(way, -_MOST_PX * pixel, _MOST_PX * pixel)
                trial = np.clip(numbers + way, self.linkage.low, self.linkage.high)
                image = self.image(trial)
                if image is not None and _cost(self.seen, image) < cost:
                    numbers, drawn, damping = trial, image, 0.3 * damping
                    break
                damping *= 6.0
            if (np.abs(numbers - before) < _ENOUGH_PX * pixel).all():
                break
        whole = matrix + (1e-9 * np.trace(matrix) + 1e-12) * np.eye(len(numbers))
        # Of where the last step began. Smoothed pixels hang together: so many count as one.
        return Redrawn(numbers, 4.0 * np.pi * self.smooth_px**2 * np.linalg.inv(whole))

    def _slopes(self, drawn: Image, numbers: Float, stride: Float) -> Float:
        """How the drawn values (P,) change with each number: (K, P)."""
        rows = np.zeros((len(numbers), drawn.size))
        for k, row in enumerate(rows):
            for sign in (1.0, -1.0):
                moved = numbers.copy()
                moved[k] += sign * stride[k]
                moved = np.clip(moved, self.linkage.low, self.linkage.high)
                way = moved[k] - numbers[k]
                image = self.image(moved) if abs(way) >= 0.25 * stride[k] else None
                if image is not None:
                    row[:] = (image - drawn).reshape(-1) / way
                    break
        return rows


def _smooth(image: Image, smooth_px: float) -> Image:
    return cv2.GaussianBlur(image, (0, 0), smooth_px).astype(np.float32, copy=False)


def _cost(seen: Image, drawn: Image) -> float:
    return float(np.log1p((seen - drawn) ** 2).sum())
