"""Which body a pixel belongs to by its colour, whatever the light on it; nobody where unclear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

Float = NDArray[np.float32]

SHADES = (0.3, 1.25)
"""How dark and how bright a lit surface gets, as shares of the body's colour."""
FARTHEST = 0.20
"""Greatest distance from a body's ray of shades, as a share of the pixel's own brightness."""
AMBIGUOUS = 0.75
"""A pixel whose nearest colour is not nearer than this share of the next one is nobody's."""
DARKEST = 40.0
"""Brightness (0-441) below which a pixel's hue is noise."""


@dataclass(frozen=True)
class Palette:
    """The different colours of a scene, each a ray from black through its lit shades."""

    directions: Float  # (3, K) unit vectors
    brightness: Float  # (2, K) darkest and brightest lit shade
    body: NDArray[np.int64]  # (K,) the only body of that colour; -1: shared or static

    @classmethod
    def of(cls, scene: Scene) -> Palette:
        colours: dict[tuple[float, ...], int] = {}
        for index, body in enumerate(scene.bodies):
            shared = body.color_rgb in colours or body.role == "static"
            colours[body.color_rgb] = -1 if shared else index
        rgb = 255.0 * np.array(list(colours), np.float32).T
        norm = np.linalg.norm(rgb, axis=0)
        limits = np.stack([SHADES[0] * norm, SHADES[1] * norm]).astype(np.float32)
        return cls(rgb / np.maximum(norm, 1.0), limits, np.array(list(colours.values())))

    def classify(self, frame: NDArray[np.uint8]) -> NDArray[np.int16]:
        """Body index of every pixel of (H, W, 3), -1 where static, unknown or ambiguous.

        The distance is that to the ray of shades, so light and shadow do not count; a blend of two
        bodies' colours lies between their rays and is refused unless it is clearly nearer to one.
        """
        pixels = frame.reshape(-1, 3).astype(np.float32)
        square = np.einsum("ij,ij->i", pixels, pixels)
        along = pixels @ self.directions
        shade = np.clip(along, self.brightness[0], self.brightness[1])
        # |p - s u|^2 with u of unit length.
        distance = square[:, None] + shade * (shade - 2.0 * along)
        nearest = distance.argmin(1)
        rows = np.arange(len(pixels))
        best = distance[rows, nearest]
        distance[rows, nearest] = np.inf
        second = distance.min(1)
        clear = best <= AMBIGUOUS**2 * second
        clear &= best <= FARTHEST**2 * np.maximum(square, DARKEST**2)
        label = np.where(clear, self.body[nearest], -1)
        return label.reshape(frame.shape[:2]).astype(np.int16)
