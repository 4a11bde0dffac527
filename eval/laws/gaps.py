"""Gaps between bodies at poses that were read: how far apart, or how deep in each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from worldsim.eval.reading.reading import Reading
from worldsim.render.surfaces import surface
from worldsim.sim.scene import Body, Scene

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

_ALONG = np.linspace(-1.0, 1.0, 5)
_ROUND = np.arange(16) * np.pi / 8.0
MOST_POINTS = 200


@dataclass(frozen=True)
class Gap:
    """Signed distance of two bodies' surfaces by frame; below 0 they are that deep in each other.

    `point_m` is where they are nearest, `normal` points from the second body to the first.
    """

    gap_m: Float  # (S+1,), NaN where either was not found
    point_m: Float  # (S+1, 3)
    normal: Float  # (S+1, 3)


def gap(reading: Reading, scene: Scene, first: int, second: int) -> Gap:
    """The gap between two bodies of the scene, by index, at the poses of a reading."""
    places = [_pose(reading, scene, index) for index in (first, second)]
    depths = [
        _deepest(scene.bodies[a], places[i], scene.bodies[b], places[1 - i])
        for i, (a, b) in enumerate(((first, second), (second, first)))
    ]
    (gap_a, point_a, normal_a), (gap_b, point_b, normal_b) = depths
    nearer = gap_a <= gap_b
    return Gap(
        np.where(nearer, gap_a, gap_b),
        np.where(nearer[:, None], point_a, point_b),
        np.where(nearer[:, None], normal_a, -normal_b),
    )


def inside_m(body: Body, local_m: Float) -> Float:
    """How deep points (..., 3) in a body's axes are in it, below 0 outside; (...)."""
    return -_distance(body, local_m)


def _pose(reading: Reading, scene: Scene, index: int) -> tuple[Float, Float]:
    """Places (S+1, 3) and turns (S+1, 3, 3); a body whose turn does not show is as it started."""
    place = reading.position_m[:, index]
    quaternion = reading.orientation_xyzw[:, index].copy()
    unknown = np.isnan(quaternion).any(1)
    quaternion[unknown] = scene.bodies[index].orientation_xyzw
    return place, Rotation.from_quat(quaternion).as_matrix()


def _deepest(
    probe: Body, at: tuple[Float, Float], solid: Body, there: tuple[Float, Float]
) -> tuple[Float, Float, Float]:
    """Of the points on `probe` the one deepest in `solid`: gap (S+1,), point, outward normal."""
    points, radius_m = _points(probe)
    world = at[0][:, None] + np.einsum("tij,kj->tki", at[1], points)
    local = np.einsum("tji,tkj->tki", there[1], world - there[0][:, None])
    distance_m = _distance(solid, local)
    known = np.logical_not(np.isnan(distance_m).any(axis=1))
    worst = np.where(known[:, None], distance_m, 0.0).argmin(1)
    rows = np.arange(len(world))
    outward = np.einsum("tij,tj->ti", there[1], _normal(solid, local[rows, worst]))
    gap_m = np.where(known, distance_m[rows, worst] - radius_m, np.nan)
    return gap_m, world[rows, worst] - radius_m * outward, outward


@lru_cache(maxsize=256)
def _points(body: Body) -> tuple[Float, float]:
    """Points (K, 3) on a body's surface, or a ball's middle; and the radius to add to them."""
    if body.shape == "sphere":
        return np.zeros((1, 3)), body.size_m[0]
    if body.shape == "box":
        grid = np.array([p for p in product(_ALONG, repeat=3) if max(map(abs, p)) == 1.0])
        return grid * np.array(body.size_m) / 2.0, 0.0
    if body.shape == "cylinder":
        radius_m, height_m = body.size_m
        rings = [
            (r * radius_m * np.cos(a), r * radius_m * np.sin(a), z * height_m / 2.0)
            for z in _ALONG
            for r in ((1.0,) if abs(z) < 1.0 else (0.5, 1.0))
            for a in _ROUND
        ]
        return np.array([*rings, (0.0, 0.0, height_m / 2.0), (0.0, 0.0, -height_m / 2.0)]), 0.0
    corners = np.unique(np.concatenate(_pieces(body)), axis=0)
    return corners[:: max(len(corners) // MOST_POINTS, 1)], 0.0


def _distance(body: Body, local: Float) -> Float:
    """Signed distances (...) of points (..., 3) in a body's axes from its surface.

    A mesh counts as its convex pieces, and beside an edge of one as the nearer plane; the Panda's
    links count as their convex hulls.
    """
    if body.shape == "sphere":
        return np.asarray(np.linalg.norm(local, axis=-1) - body.size_m[0])
    if body.shape == "mesh":
        gaps = [(local @ planes[:, :3].T + planes[:, 3]).max(-1) for planes in _planes(body)]
        return np.asarray(np.min(gaps, axis=0))
    over = _over(body, local)
    inside = over.max(-1)
    outside = np.linalg.norm(np.maximum(over, 0.0), axis=-1)
    return np.asarray(np.where(inside > 0.0, outside, inside))


def _normal(body: Body, local: Float) -> Float:
    """Outward normals (K, 3) of a body's surface where points (K, 3) in its axes are nearest."""
    if body.shape == "sphere":
        return np.asarray(local / np.maximum(np.linalg.norm(local, axis=-1), 1e-12)[:, None])
    if body.shape == "mesh":
        found = [_to_plane(planes, local) for planes in _planes(body)]
        piece = np.argmin([gap_m for gap_m, _ in found], axis=0)
        normals: Float = np.stack([normal for _, normal in found])[piece, np.arange(len(local))]
        return normals
    over = _over(body, local)
    if body.shape == "box":
        axes = np.where(local < 0.0, -1.0, 1.0)[..., None] * np.eye(3)
    else:
        radial = np.linalg.norm(local[:, :2], axis=-1)
        axes = np.zeros((*over.shape, 3))
        axes[:, 0, :2] = local[:, :2] / np.maximum(radial, 1e-12)[:, None]
        axes[:, 1, 2] = np.where(local[:, 2] < 0.0, -1.0, 1.0)
    out = np.maximum(over, 0.0)
    face = axes[np.arange(len(local)), over.argmax(-1)]
    slant = (out[..., None] * axes).sum(-2)
    slant /= np.maximum(np.linalg.norm(out, axis=-1), 1e-12)[:, None]
    return np.asarray(np.where((over.max(-1) > 0.0)[:, None], slant, face))


def _over(body: Body, local: Float) -> Float:
    """How far points (..., 3) lie beyond each pair of a box's faces, or a cylinder's side and ends.

    (..., 3) of a box, (..., 2) of a cylinder; below 0 within.
    """
    if body.shape == "box":
        return np.asarray(np.abs(local) - np.array(body.size_m) / 2.0)
    radius_m, height_m = body.size_m
    radial = np.linalg.norm(local[..., :2], axis=-1)
    return np.stack([radial - radius_m, np.abs(local[..., 2]) - height_m / 2.0], -1)


def _to_plane(planes: Float, local: Float) -> tuple[Float, Float]:
    """Of a convex piece: the distances (K,) to the plane nearest from outside, and its normal."""
    away = local @ planes[:, :3].T + planes[:, 3]
    return away.max(-1), planes[away.argmax(-1), :3]


@lru_cache(maxsize=64)
def _planes(body: Body) -> tuple[Float, ...]:
    """Planes (K, 4) of each of a mesh's convex pieces: n . x + d <= 0 inside."""
    return tuple(
        np.unique(np.round(ConvexHull(piece).equations, 9), axis=0) for piece in _pieces(body)
    )


@lru_cache(maxsize=64)
def _pieces(body: Body) -> tuple[Float, ...]:
    """Corners (K, 3) of a mesh's convex pieces in m, in its axes."""
    if body.mesh is not None and body.mesh.pieces:
        return tuple(max(body.size_m) * np.array(piece) for piece in body.mesh.pieces)
    vertices, _, _ = surface(body, fine=False)
    return (vertices[ConvexHull(vertices).vertices],)
