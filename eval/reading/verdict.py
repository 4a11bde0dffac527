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
Image = NDArray[np.uint8]

SHOWN_SHARE = 0.4
"""Least share of a part's pixels that must show it, but for those that something hides."""
FEWEST_PX = 3
_ALIKE = 0.3  # greatest distance of two colours, as a share of the brighter one
_DARK = 20.0  # and this much more, of 0-441: the noise of dark pixels
_DEEP = 0.35  # greatest error of depth, in lengths of a part's shortest edge
_DEEPEST_M = (0.008, 0.03)


def alike(one: Image, other: Float) -> Bool:
    """Pixels (H, W) of about the same colour and brightness in two images (H, W, 3)."""
    away = np.linalg.norm(one - other, axis=-1)
    brighter = np.maximum(
        np.linalg.norm(one.astype(float), axis=-1), np.linalg.norm(other, axis=-1)
    )
    near: Bool = away <= _ALIKE * brighter + _DARK
    return near


def shown(
    drawn: Bool, same_colour: Bool, body: Body, depth_m: Float | None, drawn_m: NDArray[np.float32]
) -> tuple[bool, Bool]:
    """Whether enough of the pixels (H, W) that a part should cover show it, and which ones do.

    `depth_m` and `drawn_m` are the frame's depth (0: unknown) and the drawing's.
    """
    agree, hidden = drawn & same_colour, 0
    if depth_m is not None:
        limit_m = float(np.clip(_DEEP * min(body.size_m), *_DEEPEST_M))
        behind = depth_m - drawn_m
        agree &= np.abs(behind) <= limit_m
        hidden = int(np.count_nonzero(drawn & (behind < -limit_m) & (depth_m > 0.0)))
    count, whole = int(np.count_nonzero(agree)), int(np.count_nonzero(drawn))
    return count >= max(SHOWN_SHARE * (whole - hidden), 0.1 * whole, FEWEST_PX), agree


def area_px(body: Body, position_m: Float, turn: Float, view: View) -> float:
    """About how many pixels a mesh covers: the convex outline of its vertices."""
    vertices, _, _ = surface(body, fine=False)
    pixels, _ = view.camera.project(position_m + vertices @ turn.T)
    hull = cv2.convexHull(pixels.astype(np.float32))
    return float(cv2.contourArea(hull))
