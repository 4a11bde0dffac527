"""Whether a frame shows a part where its joint has it: by its pixels' colour, and their depth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.render.surfaces import surface
from worldsim.sim.scene import Body

from .view import View

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

SHOWN_SHARE = 0.4
"""Least share of a part's pixels that must show it, but for those that something hides."""
FEWEST_PX = 3
_ALIKE = 0.3  # greatest distance of two colours, as a share of the brighter one
_DARK = 20.0  # and this much more, of 0-441: the noise of dark pixels
_DEEP = 0.35  # greatest error of depth, in lengths of a part's shortest edge
_DEEPEST_M = (0.008, 0.03)
_SMOOTH_PX = 0.8
_LEAST_CONTRAST = 3.0 * 40.0**2  # three pixels of 40 levels
_LEAST_LIKE = 0.6  # share of the part's contrast that may be something else


def alike(one: NDArray[np.uint8], other: Float) -> Bool:
    """Which pixels (P,) have about the same colour and brightness in both rows (P, 3)."""
    seen = one.astype(np.float64)
    away, brightest = seen - other, np.maximum((seen * seen).sum(-1), (other * other).sum(-1))
    near: Bool = np.sqrt((away * away).sum(-1)) <= _ALIKE * np.sqrt(brightest) + _DARK
    return near


def shown(same_colour: Bool, body: Body, behind_m: Float | None) -> tuple[bool, Bool]:
    """Whether enough of the pixels (P,) that a part should cover show it, and which ones do.

    `behind_m` is by how much the frame's depth is greater than the part's there, None: unknown.
    """
    agree, hidden, whole = same_colour, 0, len(same_colour)
    if behind_m is not None:
        limit_m = float(np.clip(_DEEP * min(body.size_m), *_DEEPEST_M))
        agree = agree & (np.abs(behind_m) <= limit_m)
        hidden = int(np.count_nonzero(behind_m < -limit_m))
    count = int(np.count_nonzero(agree))
    return count >= max(SHOWN_SHARE * (whole - hidden), 0.1 * whole, FEWEST_PX), agree


def blended(seen: Float, drawn: Float, without: Float) -> bool:
    """Whether an image (H, W, C) is nearer to that with a part than to that without it.

    For parts about a pixel wide, whose pixels all mix with what is beside them. Each image is
    smoothed first, so that blur and noise of the seen one count little. What is seen is the part's
    contrast times a factor, and something else; of the part as drawn that is 1 and nothing.
    """
    smooth = [cv2.GaussianBlur(image, (0, 0), _SMOOTH_PX) for image in (seen, drawn, without)]
    part, found = smooth[1] - smooth[2], smooth[0] - smooth[2]
    power = float((part * part).sum())
    if power < _LEAST_CONTRAST:
        return False
    factor = float((found * part).sum()) / power
    rest = found - part
    return factor >= SHOWN_SHARE and float((rest * rest).sum()) <= _LEAST_LIKE * power


def area_px(body: Body, position_m: Float, turn: Float, view: View) -> float:
    """About how many pixels a mesh covers: the convex outline of its vertices."""
    vertices, _, _ = surface(body, fine=False)
    pixels, _ = view.camera.project(position_m + vertices @ turn.T)
    hull = cv2.convexHull(pixels.astype(np.float32))
    return float(cv2.contourArea(hull))
