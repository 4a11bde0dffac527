"""Which lines of sight and points a fit looks at: the pixels of a body and those round them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.render.compiled import digest

from .distance import kept
from .nearest import chord
from .pose import within

Array = Any  # numba's

MARGIN_PX = 3
MOST_POINTS = 100
_OUT_PX = 1.8  # how far from the rim colours are its body's and its ground's own
_LEAST_CONTRAST = 25.0  # of the two colours, 0-441


def beside_of(mine: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels (H, W) that may hide something of a body whose pixels `mine` are, and those."""
    width = 2 * MARGIN_PX + 1
    around = cv2.dilate(mine.astype(np.uint8), np.ones((width, width), np.uint8))
    return around.astype(np.bool_)


@kept
def gather(
    mine: Array, cover: Array, hides: Array, depth: Array, rays: Array, eye: Array,
    left: int, top: int, right: int, bottom: int, near_m: float,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Unit lines (L, 3), their cover (L,) and surface points (P, 3) of a window of the image.

    `mine` (H, W) are the body's pixels and `cover` their cover, below 0 where unknown. Others in
    which something nearer than `near_m` stands (`hides` (H, W), m) are left out, and those more
    than MARGIN_PX from its rim. No points where `depth` is 0.
    """
    room = (right - left) * (bottom - top)
    lines, covers = np.empty((room, 3)), np.empty(room)
    points = np.empty((room, 3))
    count, seen = 0, 0
    band = np.zeros(mine.shape, np.bool_)
    inner = np.zeros(mine.shape, np.bool_)
    for y in range(top, bottom):
        for x in range(left, right):
            if not mine[y, x]:
                continue
            if left < x < right - 1 and top < y < bottom - 1:
                beside = mine[y, x - 1] and mine[y, x + 1]
                inner[y, x] = beside and mine[y - 1, x] and mine[y + 1, x]
            if not inner[y, x]:
                x0, x1 = max(x - MARGIN_PX, left), min(x + MARGIN_PX + 1, right)
                for v in range(max(y - MARGIN_PX, top), min(y + MARGIN_PX + 1, bottom)):
                    band[v, x0:x1] = True
    for y in range(top, bottom):
        for x in range(left, right):
            own = mine[y, x]
            if own and depth[y, x] > 0.0:
                for a in range(3):
                    points[seen, a] = eye[a] + depth[y, x] * rays[y, x, a]
                seen += 1
            if not band[y, x] or (inner[y, x] and (x + y) % 2):
                continue
            hidden = not own and hides[y, x] < near_m and cover[y, x] == 0.0
            if hidden or cover[y, x] < 0.0:
                continue
            length = np.sqrt(rays[y, x, 0] ** 2 + rays[y, x, 1] ** 2 + rays[y, x, 2] ** 2)
            for a in range(3):
                lines[count, a] = rays[y, x, a] / length
            covers[count] = cover[y, x]
            count += 1
    every = max(seen // MOST_POINTS, 1)
    return lines[:count], covers[:count], points[:seen:every].copy()


@kept
def soft_cover(
    rgb: Array, mine: Array, hides: Array, near_m: float,
    left: int, top: int, right: int, bottom: int,
) -> Array:  # fmt: skip
    """How much of each pixel (H, W) of a window a body covers, 0..1, by its colour at the rim.

    There a pixel's colour lies between those of pixels further in and further out. -1 where what
    lies further out is nearer than `near_m`: that is then the rim of something in front.
    """
    height, width = mine.shape
    cover = mine.astype(np.float64)
    for y in range(max(top, 1), min(bottom, height - 1)):
        for x in range(max(left, 1), min(right, width - 1)):
            gx, gy, count = 0.0, 0.0, 0
            for v in range(-1, 2):
                for u in range(-1, 2):
                    if mine[y + v, x + u]:
                        count += 1
                        gx += u
                        gy += v
            if count == 0 or count == 9:
                continue
            length = np.sqrt(gx * gx + gy * gy)
            if length < 0.5:
                continue
            dx, dy = _OUT_PX * gx / length, _OUT_PX * gy / length
            x0, y0 = int(np.rint(x + dx)), int(np.rint(y + dy))
            x1, y1 = int(np.rint(x - dx)), int(np.rint(y - dy))
            inside = 0 <= x0 < width and 0 <= y0 < height and mine[y0, x0]
            if not (inside and 0 <= x1 < width and 0 <= y1 < height and not mine[y1, x1]):
                continue
            if hides[y1, x1] < near_m:
                cover[y, x] = -1.0
                continue
            along, square = 0.0, 0.0
            for c in range(3):
                way = float(rgb[y0, x0, c]) - float(rgb[y1, x1, c])
                along += way * (float(rgb[y, x, c]) - float(rgb[y1, x1, c]))
                square += way * way
            if square > _LEAST_CONTRAST * _LEAST_CONTRAST:
                cover[y, x] = min(max(along / square, 0.0), 1.0)
    return cover


def _entry(version: int) -> Any:
    """The function for Python; `version` changes with any file that it is made of."""

    @kept
    def outlined(
        kind: int, half: Array, place: Array, turn: Array, eye: Array, rays: Array,
        left: int, top: int, right: int, bottom: int, slack_px: float, focal_px: float,
    ) -> Array:  # fmt: skip
        """Pixels (H, W) of a window whose line of sight passes the solid within `slack_px`."""
        _ = version
        inside = np.zeros(rays.shape[:2], np.bool_)
        ox, oy, oz = within(turn, eye[0] - place[0], eye[1] - place[1], eye[2] - place[2])
        far = ox * ox + oy * oy + oz * oz
        away = place - eye
        limit = slack_px * np.sqrt(away @ away) / focal_px
        grown = half + limit
        reach = np.sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2) + max(limit, 0.0)
        for y in range(top, bottom):
            for x in range(left, right):
                rx, ry, rz = rays[y, x, 0], rays[y, x, 1], rays[y, x, 2]
                dx, dy, dz = within(turn, rx, ry, rz)
                square = dx * dx + dy * dy + dz * dz
                along = ox * dx + oy * dy + oz * dz
                if far - along * along / square > reach * reach:
                    continue
                enter, leave = chord(kind, grown, ox, oy, oz, dx, dy, dz)
                inside[y, x] = enter <= leave
        return inside

    return outlined


outlined = _entry(digest(Path(__file__).parent))
"""See the function within `_entry`."""
