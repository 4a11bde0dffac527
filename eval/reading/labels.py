"""Which body a pixel belongs to by its colour, whatever the light on it; nobody where unclear."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

from .distance import kept

Float = NDArray[np.float64]
Array = Any  # numba's

DARKEST, BRIGHTEST = 0.3, 1.3
"""How dark and how bright a surface gets, as shares of its colour in the shade and in the light."""
FARTHEST = 0.20
"""Greatest distance from a ray of shades, as a share of the pixel's own brightness."""
AMBIGUOUS = 0.75
"""A pixel whose nearest colour is not nearer than this share of the next one is nobody's."""
BLACK = 12.0
"""Brightness (0-441) below which a pixel's hue is noise."""
NOBODY, UNCLEAR = -1, -2


@dataclass(frozen=True)
class Palette:
    """The colours of a scene, each as rays from black through its shades in the light it stands in.

    Light and shade tint a colour differently where the look has tinted lights: a ray for either.
    """

    rays: Float  # (K, 3) unit vectors
    low: Float  # (K,) darkest shade, 0-441
    high: Float  # (K,) brightest
    owner: NDArray[np.int64]  # (K,) the only body of that colour; NOBODY: shared or static

    @classmethod
    def of(cls, scene: Scene, gain: Float | None = None) -> Palette:
        """`gain` (N + 1, 3) are factors of every body's channels, the last one of the sky's."""
        factors = np.ones((len(scene.bodies) + 1, 3)) if gain is None else gain
        owners: dict[tuple[float, float, float], int] = {}
        for index, body in enumerate(scene.bodies):
            if body.role != "camera":
                alone = body.color_rgb not in owners and body.role != "static"
                owners[body.color_rgb] = index if alone else NOBODY
        first = {body.color_rgb: i for i, body in reversed(list(enumerate(scene.bodies)))}
        rows = []
        for rgb, owner in owners.items():
            tinted = np.array(rgb) * factors[first[rgb]]
            rows += [(shade * tinted, owner) for shade in _lights(scene)]
            if scene.look.mirror:
                rows += [(row, owner) for row in _mirrored(scene, tinted)]
        if scene.look.renderer == "worldsim":
            sky = (scene.look.zenith_rgb, scene.look.horizon_rgb, scene.look.nadir_rgb)
            rows += [(np.array(rgb) * factors[-1], NOBODY) for rgb in sky]
        return cls._of_rows(rows)

    @classmethod
    def _of_rows(cls, rows: list[tuple[Float, int]]) -> Palette:
        colours = 255.0 * np.array([rgb for rgb, _ in rows])
        norm = np.maximum(np.linalg.norm(colours, axis=1), 1.0)
        owner = np.array([who for _, who in rows])
        return cls(colours / norm[:, None], DARKEST * norm, BRIGHTEST * norm, owner)

    @property
    def wanted(self) -> list[int]:
        """Bodies that have a colour of their own."""
        return sorted({int(who) for who in self.owner if who != NOBODY})

    def classify(self, frame: NDArray[np.uint8]) -> NDArray[np.int16]:
        """Body index of every pixel of (H, W, 3), NOBODY where static, UNCLEAR if none fits well.

        The distance is that to the rays of shades, so light and shadow do not count; a blend of
        two bodies' colours lies between their rays and is refused unless clearly nearer to one.
        """
        label: NDArray[np.int16] = _classify(frame, self.rays, self.low, self.high, self.owner)
        return label

    def without(self, bodies: list[int]) -> Palette:
        """The same colours, those of `bodies` nobody's."""
        return replace(self, owner=np.where(np.isin(self.owner, bodies), NOBODY, self.owner))


def _lights(scene: Scene) -> list[Float]:
    """Factors (3,) of a colour in the shade and in full light."""
    look, light = scene.look, scene.light
    tints = np.array([look.ambient_rgb, look.sun_rgb])
    if look.renderer == "tiny" or np.allclose(tints, tints[:, :1]):
        return [np.ones(3)]
    shade = np.array(look.ambient_rgb) * light.ambient
    full = shade + np.array(look.sun_rgb) * light.diffuse
    brightest = max(light.ambient + light.diffuse, 1e-6)
    shades = [shade, 0.5 * (shade + full), full]
    return [s / max(brightest, 1.0) for s in shades]


def _mirrored(scene: Scene, rgb: Float) -> list[Float]:
    look = scene.look
    skies = [np.array(s) for s in (look.zenith_rgb, look.horizon_rgb, look.nadir_rgb)]
    return [
        (1.0 - look.mirror) * shade * rgb + look.mirror * sky
        for shade in _lights(scene)
        for sky in skies
    ]


@kept
def _classify(frame: Array, rays: Array, low: Array, high: Array, owner: Array) -> Array:
    height, width = frame.shape[:2]
    label = np.full((height, width), np.int16(-1))
    for y in range(height):
        for x in range(width):
            r, g, b = float(frame[y, x, 0]), float(frame[y, x, 1]), float(frame[y, x, 2])
            square = r * r + g * g + b * b
            best, second, who = 1e18, 1e18, -1
            for k in range(len(owner)):
                along = r * rays[k, 0] + g * rays[k, 1] + b * rays[k, 2]
                shade = min(max(along, low[k]), high[k])
                gap = square + shade * (shade - 2.0 * along)
                if gap < best:
                    if owner[k] != who:
                        second = best
                    best, who = gap, owner[k]
                elif gap < second and owner[k] != who:
                    second = gap
            clear = best <= AMBIGUOUS * AMBIGUOUS * second
            if clear and best <= FARTHEST * FARTHEST * max(square, BLACK * BLACK):
                label[y, x] = who
            else:
                label[y, x] = -2
    return label


@kept
def components(label: Array) -> tuple[Array, Array]:
    """Parts (H, W) of equal label that hang together, corners included, numbered from 0; sizes.

    Pixels of NOBODY are -1.
    """
    height, width = label.shape
    part = np.full((height, width), np.int32(-1))
    sizes = np.zeros(height * width, np.int32)
    stack = np.empty(height * width, np.int32)
    count = 0
    for y0 in range(height):
        for x0 in range(width):
            if label[y0, x0] < 0 or part[y0, x0] >= 0:
                continue
            part[y0, x0] = count
            stack[0], top, size = y0 * width + x0, 1, 0
            while top > 0:
                top -= 1
                size += 1
                y, x = stack[top] // width, stack[top] % width
                for v in range(max(y - 1, 0), min(y + 2, height)):
                    for u in range(max(x - 1, 0), min(x + 2, width)):
                        if part[v, u] < 0 and label[v, u] == label[y, x]:
                            part[v, u] = count
                            stack[top] = v * width + u
                            top += 1
            sizes[count] = size
            count += 1
    return part, sizes[:count]


@kept
def without_lines(label: Array) -> Array:
    """The labels less pixels that lie in no 2 x 2 square of their label.

    A blend along an edge is a line one pixel wide that may look like a third body.
    """
    height, width = label.shape
    kept = np.full((height, width), np.int16(-1))
    for y in range(height - 1):
        for x in range(width - 1):
            one = label[y, x]
            if one >= 0 and label[y, x + 1] == one:
                if label[y + 1, x] == one and label[y + 1, x + 1] == one:
                    kept[y : y + 2, x : x + 2] = one
    return kept


@kept
def claim(label: Array, depth: Array, still: Array, reach: Array, gap: float) -> None:
    """Give unclear pixels in front of what rests to the neighbour whose depth they share."""
    height, width = label.shape
    given = np.full((height, width), np.int16(-1))
    for y in range(height):
        for x in range(width):
            if label[y, x] >= 0 or not depth[y, x] < still[y, x] - gap:
                continue
            nearest = 1e9
            for v in range(max(y - 1, 0), min(y + 2, height)):
                for u in range(max(x - 1, 0), min(x + 2, width)):
                    who = label[v, u]
                    if who >= 0:
                        step = abs(depth[v, u] - depth[y, x])
                        if step < nearest and step < reach[who]:
                            nearest = step
                            given[y, x] = who
    for y in range(height):
        for x in range(width):
            if given[y, x] >= 0:
                label[y, x] = given[y, x]
