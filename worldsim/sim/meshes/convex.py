"""Convex pieces of a mesh, for collisions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError

Float = NDArray[np.float64]
Int = NDArray[np.int64]

MOST_PIECES = 32
MOST_CORNERS = 128
"""Corners of a piece: the time that collisions take grows with them."""

_VOXELS = 50_000
_DEPTH = 6
_FILLED = 0.003


def corners(points: Float) -> Float:
    """Those of points (P, 3) that are corners of their hull: all, or 128 spread well over it."""
    found: Float = points[np.sort(_hull(points).vertices)]
    if len(found) <= MOST_CORNERS:
        return found
    furthest = np.unique((found @ sphere_points(MOST_CORNERS).T).argmax(0))
    return np.asarray(found[furthest])


def volume(points: Float) -> float:
    """Volume of the hull of points (P, 3)."""
    return float(_hull(points).volume)


def sphere_points(count: int) -> Float:
    """Points spread evenly over a sphere of radius 1, (count, 3): a Fibonacci lattice."""
    step = np.arange(count) + 0.5
    height, azimuth = 1.0 - 2.0 * step / count, step * np.pi * (3.0 - np.sqrt(5.0))
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), height], -1)


def decomposition(vertices: Float, faces: Int) -> list[Float]:
    """At most 32 convex parts of a closed surface, the corners (P, 3) of each.

    V-HACD's, on voxels; then every vertex joins the part it is nearest to, so that the parts reach
    as far as the surface does, and parts whose common hull fills in next to nothing are joined.
    """
    from trimesh import Trimesh
    from trimesh.decomposition import convex_decomposition

    surface = Trimesh(vertices, faces, process=False)
    found = convex_decomposition(
        surface,
        maxConvexHulls=MOST_PIECES,
        resolution=_VOXELS,
        maxRecursionDepth=_DEPTH,
        asyncACD=False,  # its threads would finish in any order
    )
    parts = [part for part in (np.array(one["vertices"]) for one in found) if _is_solid(part)]
    if not parts:
        return [corners(vertices)]
    nearest = np.argmin([_beyond(vertices, part) for part in parts], axis=0)
    full = [np.concatenate([part, vertices[nearest == i]]) for i, part in enumerate(parts)]
    return [corners(part) for part in _joined(full, _FILLED * float(surface.volume))]


def _joined(parts: list[Float], most: float) -> list[Float]:
    """Join the two parts whose hull fills in least, again and again, while that is below `most`."""
    known = dict(enumerate(parts))
    volumes = {i: volume(part) for i, part in known.items()}
    filled: dict[tuple[int, int], float] = {}
    while len(known) > 1:
        for i, one in known.items():
            for j, other in known.items():
                if i < j and (i, j) not in filled:
                    both = volume(np.concatenate([one, other]))
                    filled[i, j] = both - volumes[i] - volumes[j]
        i, j = min(filled, key=lambda pair: (filled[pair], pair))
        if filled[i, j] > most:
            break
        new = max(known) + 1
        known[new] = np.concatenate([known.pop(i), known.pop(j)])
        volumes[new] = volume(known[new])
        filled = {pair: value for pair, value in filled.items() if not {i, j} & set(pair)}
    return list(known.values())


def _beyond(points: Float, part: Float) -> Float:
    """How far points (P, 3) lie outside the hull of a part, or less than 0 inside; (P,)."""
    planes = _hull(part).equations
    distance: Float = (points @ planes[:, :3].T + planes[:, 3]).max(1)
    return distance


def _is_solid(part: Float) -> bool:
    try:
        return volume(part) > 0.0
    except InputError:
        return False


def _hull(points: Float) -> Any:
    from scipy.spatial import ConvexHull, QhullError

    try:
        return ConvexHull(points)
    except QhullError as error:
        raise InputError("it is flat; give it a thickness") from error
