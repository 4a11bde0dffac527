"""Surfaces of any bodies, for points seen on them: which place on it is near, and its normal.

Solids know the distance exactly; a mesh looks it up in a grid of cells, each with the nearest of
many samples of its faces, and measures the distance from the face that the sample lies on.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from worldsim.render.surfaces import surface
from worldsim.sim.scene import Body

from .distance import BOX, CYLINDER, SPHERE

Float = NDArray[np.float64]
Array = Any  # numba's

MESH = 0
KINDS = {"sphere": SPHERE, "box": BOX, "mesh": MESH, "cylinder": CYLINDER}
_CELLS = 40  # along the longest edge
_MARGIN = 6  # cells round the mesh


class Shells(NamedTuple):
    """Surfaces of L bodies, one after the other in flat arrays."""

    kind: Array  # (L,)
    half: Array  # (L, 3) m: of solids
    middle: Array  # (L, 3) m, of the box round the surface
    reach_m: Array  # (L,) from there to its corners
    low: Array  # (L, 3) m: the corner of the cells
    step_m: Array  # (L,) edge of a cell
    shape: Array  # (L, 3) cells along the axes
    first: Array  # (L,) where a mesh's cells start in `sample`
    sample: Array  # (C,) of every cell the nearest sample
    spot_m: Array  # (S, 3) samples
    normal: Array  # (S, 3) unit normals of the faces that they lie on


class _Grid(NamedTuple):
    low: Float
    step_m: float
    sample: NDArray[np.int32]  # (A, B, C)
    spot_m: Float
    normal: Float


def half_m(body: Body) -> Float:
    """Half edges; radius, radius, half height of a cylinder; three radii of a ball."""
    size = body.size_m
    if body.shape == "sphere":
        return np.array([size[0]] * 3)
    if body.shape == "cylinder":
        return np.array([size[0], size[0], 0.5 * size[1]])
    return 0.5 * np.array(size)


def shells_of(bodies: list[Body]) -> Shells:
    """The surfaces of bodies, in their order."""
    count = len(bodies)
    low, half = np.zeros((count, 3)), np.array([half_m(body) for body in bodies])
    middle, step, shape = low.copy(), np.ones(count), np.zeros((count, 3), np.int64)
    first = np.zeros(count, np.int64)
    cells, spots = [np.zeros(0, np.int32)], [np.zeros((0, 3))]
    normals = [np.zeros((0, 3))]
    at, spot = 0, 0
    for i, body in enumerate(bodies):
        if body.shape != "mesh":
            continue
        key = (body.mesh, body.size_m, body.asset, body.asset_yaw_rad)
        grid = _grid(key, _Held(body))
        low[i], step[i], shape[i], first[i] = grid.low, grid.step_m, grid.sample.shape, at
        least, most = grid.spot_m.min(0), grid.spot_m.max(0)
        middle[i], half[i] = 0.5 * (least + most), 0.5 * (most - least)
        cells.append(grid.sample.reshape(-1) + np.int32(spot))
        spots.append(grid.spot_m)
        normals.append(grid.normal)
        at, spot = at + grid.sample.size, spot + len(grid.spot_m)
    return Shells(
        np.array([KINDS[body.shape] for body in bodies]), half, middle,
        np.linalg.norm(half, axis=1), low, step, shape, first, np.concatenate(cells),
        np.concatenate(spots), np.concatenate(normals),
    )  # fmt: skip


class _Held:
    """A body that a cache does not look at: only its surface counts."""

    def __init__(self, body: Body) -> None:
        self.body = body

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@cache
def _grid(key: tuple[object, ...], held: _Held) -> _Grid:
    vertices, _, faces = surface(held.body)
    low, high = vertices.min(0), vertices.max(0)
    step = float((high - low).max()) / _CELLS
    low = low - _MARGIN * step
    shape = np.ceil((high - low) / step).astype(int) + _MARGIN
    spots, normals = _samples(vertices[faces], 0.6 * step)
    cell = np.clip(((spots - low) / step).astype(int), 0, shape - 1)
    flat = np.ravel_multi_index(tuple(cell.T), tuple(shape))
    owner: NDArray[np.int32] = np.full(int(np.prod(shape)), -1, np.int32)
    off = np.abs((spots - low) / step - cell - 0.5).max(1)
    order = np.argsort(-off, kind="stable")  # of a cell's samples the one nearest its middle stays
    owner[flat[order]] = order
    owner = owner.reshape(tuple(shape))
    _, near = distance_transform_edt(owner < 0, return_indices=True)
    sample = owner[near[0], near[1], near[2]]
    used, order = np.unique(sample, return_inverse=True)
    numbered: NDArray[np.int32] = order.reshape(sample.shape).astype(np.int32)
    return _Grid(low, step, numbered, spots[used], normals[used])


def _samples(corners: Float, apart_m: float) -> tuple[Float, Float]:
    """Points (S, 3) about `apart_m` from each other on triangles (F, 3, 3), and their normals."""
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(one, other)
    area = np.linalg.norm(across, axis=1)
    kept = area > 1e-12
    corners, one, other = corners[kept], one[kept], other[kept]
    unit = across[kept] / area[kept, None]
    edges = np.stack([one, other, one - other], axis=1)
    longest = np.linalg.norm(edges, axis=2).max(1)
    parts = np.ceil(longest / apart_m).astype(int)
    spots, normals = [], []
    for n in np.unique(parts):
        rows = np.flatnonzero(parts == n)
        u, v = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
        inside = u + v < n
        shares = np.stack([u[inside], v[inside]]) / n + 1.0 / (3.0 * n)
        points = (
            corners[rows, 0][:, None]
            + shares[0][:, None] * one[rows][:, None]
            + shares[1][:, None] * other[rows][:, None]
        )
        spots.append(points.reshape(-1, 3))
        normals.append(np.repeat(unit[rows], points.shape[1], axis=0))
    return np.concatenate(spots), np.concatenate(normals)
