"""Forms for scenes: hulls of random points, extruded outlines, and a few solids of revolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError, unknown
from worldsim.sim.mesh import Mesh
from worldsim.sim.meshes.convex import sphere_points
from worldsim.sim.meshes.solid import solid

Float = NDArray[np.float64]
Bars = tuple[tuple[int, int, int, int], ...]

HULLS = 16
"""There are hulls 0 to 15."""

# Outlines of unit squares: bars from (left, bottom) to (right, top), which are the convex pieces.
_BARS: dict[str, Bars] = {
    "arch": ((0, 0, 1, 3), (2, 0, 3, 3), (0, 2, 3, 3)),
    "cross": ((0, 1, 3, 2), (1, 0, 2, 3)),
    "ell": ((0, 0, 1, 3), (0, 0, 2, 1)),
    "tee": ((0, 2, 3, 3), (1, 0, 2, 3)),
    "zee": ((0, 1, 2, 2), (1, 0, 3, 1)),
}
EXTRUSIONS = (*_BARS, "hexagon", "star", "wedge")
PRIMITIVES = ("capsule", "cone", "pyramid", "torus")
_RING = 16  # pieces of a torus


@cache
def hull(number: int) -> Mesh:
    """A pebble with flat sides: the hull of 9 to 16 points near an ellipsoid.

    Its shortest edge of box is at least 0.6 of the longest. The same number, 0 to 15, always gives
    the same one.
    """
    import trimesh

    if not 0 <= number < HULLS:
        raise InputError(f"there are hulls 0 to {HULLS - 1}, not {number}")
    rng = np.random.default_rng([number, 3])
    points = sphere_points(9 + number % 8)
    points = points + rng.uniform(-0.2, 0.2, points.shape)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return solid(trimesh.convex.convex_hull(points * rng.uniform(0.75, 1.0, 3)))


@cache
def extrusion(name: str) -> Mesh:
    """An outline drawn out along z; its convex pieces are exact. `EXTRUSIONS` are the names."""
    if name not in EXTRUSIONS:
        raise unknown("extrusion", name, EXTRUSIONS)
    if name in _BARS:
        bars = _BARS[name]
        squares = {(x, y) for a, b, c, d in bars for x in range(a, c) for y in range(b, d)}
        cells = [_bar(x, y, x + 1, y + 1) for x, y in sorted(squares)]
        return _extruded(cells, 1.0, [_bar(*bar) for bar in bars])
    if name == "star":
        inner, outer = _polygon(5, 0.5, np.pi / 5.0), _polygon(5, 1.0)
        tips = [np.array([inner[i - 1], outer[i], inner[i]]) for i in range(5)]
        return _extruded([inner, *tips], 0.6)
    if name == "hexagon":
        return _extruded([_polygon(6, 1.0)], 0.8)
    return _extruded([np.array([[0.0, 0.0], [1.6, 0.0], [0.0, 1.0]])], 1.0)


@cache
def primitive(name: str) -> Mesh:
    """A solid of revolution about z, or the pyramid. `PRIMITIVES` are the names."""
    from trimesh import creation

    makers: dict[str, Callable[[], Any]] = {
        "capsule": lambda: creation.capsule(1.0, 0.5, count=(8, 14)),
        "cone": lambda: creation.cone(0.5, 1.0, sections=24),
        "pyramid": lambda: creation.cone(0.7, 1.0, sections=4),
        "torus": lambda: creation.torus(0.36, 0.14, _RING, 12),
    }
    if name not in makers:
        raise unknown("primitive", name, makers)
    surface = makers[name]()
    return solid(surface, _sectors(surface) if name == "torus" else None)


def _sectors(surface: Any) -> list[Float]:
    """The corners of a torus between one ring and the next; a convex piece each."""
    points = np.array(surface.vertices)
    ring = np.round(np.arctan2(points[:, 1], points[:, 0]) * _RING / (2.0 * np.pi)) % _RING
    return [points[np.isin(ring, (i, (i + 1) % _RING))] for i in range(_RING)]


def _polygon(count: int, radius: float, turn_rad: float = 0.0) -> Float:
    angle = 0.5 * np.pi + turn_rad + np.arange(count) * 2.0 * np.pi / count
    return radius * np.stack([np.cos(angle), np.sin(angle)], -1)


def _bar(left: float, bottom: float, right: float, top: float) -> Float:
    return np.array([[left, bottom], [right, bottom], [right, top], [left, top]], float)


def _extruded(cells: Sequence[Float], depth: float, pieces: Sequence[Float] | None = None) -> Mesh:
    """A prism over convex polygons (P, 2), counter-clockwise, that share whole edges.

    `pieces` are convex polygons with the same union; the cells where they are not given.
    """
    from trimesh import Trimesh

    numbers: dict[tuple[float, float], int] = {}
    rings = [
        [
            numbers.setdefault((round(float(x), 9), round(float(y), 9)), len(numbers))
            for x, y in cell
        ]
        for cell in cells
    ]
    edges = {(a, b) for ring in rings for a, b in zip(ring, ring[1:] + ring[:1], strict=True)}
    top = len(numbers)
    faces = []
    for ring in rings:
        for b, c in zip(ring[1:], ring[2:], strict=False):
            faces += [(ring[0], c, b), (ring[0] + top, b + top, c + top)]
    for a, b in sorted(edges):
        if (b, a) not in edges:
            faces += [(a, b, b + top), (a, b + top, a + top)]
    surface = Trimesh(_prism(np.array(list(numbers)), depth), faces, process=False)
    return solid(surface, [_prism(piece, depth) for piece in pieces or cells])


def _prism(polygon: Float, depth: float) -> Float:
    """Corners (2 P, 3) of a prism over a polygon (P, 2): the lower ones, then the upper ones."""
    low, high = np.zeros(len(polygon)), np.full(len(polygon), depth)
    return np.concatenate([np.c_[polygon, low], np.c_[polygon, high]])
