"""Turns of solids: which look alike, and from which to start a fit."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.sim.scene import Body

Float = NDArray[np.float64]

_ALIKE = 0.02
"""Edges of a box that differ by less than this share are the same."""


@lru_cache(maxsize=64)
def _quarter_turns(size: tuple[float, ...]) -> Float:
    """The turns (K, 3, 3) that map a box of these edges to itself."""
    found = []
    for order in permutations(range(3)):
        if any(
            abs(size[i] - size[j]) > _ALIKE * max(size[i], size[j]) for i, j in enumerate(order)
        ):
            continue
        for signs in product((1.0, -1.0), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[range(3), order] = signs
            if np.linalg.det(matrix) > 0.0:
                found.append(matrix)
    return np.array(found)


def nearest_alike(body: Body, turn: Float, last: Float) -> Float:
    """Of the turns (3, 3) of a body that look like `turn` the nearest to `last`."""
    if body.shape == "box":
        alike = turn @ _quarter_turns(body.size_m)
        best: Float = alike[np.einsum("kij,ij->k", alike, last).argmax()]
        return best
    if body.shape == "cylinder":
        axis = turn[:, 2] if turn[:, 2] @ last[:, 2] >= 0.0 else -turn[:, 2]
        return _smallest_turn(last[:, 2], axis) @ last
    return turn


def starts(body: Body, last: Float, points_m: Float) -> Float:
    """Turns (K, 3, 3) from one of which a fit finds the body's, points (P, 3) on it seen or not."""
    facing = _facing(points_m) if len(points_m) >= 6 else []
    return np.array([last, *_usual(body), *facing])


@lru_cache(maxsize=64)
def _usual(body: Body) -> tuple[Float, ...]:
    """Turns of a body that stands or lies."""
    upright = [Rotation.from_euler("z", a).as_matrix() for a in np.arange(6) * np.pi / 6.0]
    if body.shape == "cylinder":
        lying = [Rotation.from_euler("zy", (a, np.pi / 2)) for a in np.arange(4) * np.pi / 4.0]
        return (np.eye(3), *(one.as_matrix() for one in lying))
    if len(set(body.size_m)) > 1:
        tips = [(np.pi / 2, 0.0), (0.0, np.pi / 2)]
    else:
        tips = [(0.7, 0.5)]
    over = [Rotation.from_euler("xy", tip).as_matrix() for tip in tips]
    return (*upright, *(turn @ more for more in over for turn in upright[::2]))


def _facing(points_m: Float) -> list[Float]:
    """Turns of a box of which one face is the plane of the points, its edges along their spread."""
    offset = points_m - points_m.mean(0)
    _, axes = np.linalg.eigh(offset.T @ offset)
    turns = [axes[:, list(order)] for order in permutations(range(3))]
    return [turn * np.sign(np.linalg.det(turn)) for turn in turns]


def _smallest_turn(source: Float, target: Float) -> Float:
    """The smallest turn (3, 3) that takes one unit vector to another."""
    axis = np.cross(source, target)
    sine, cosine = float(np.linalg.norm(axis)), float(source @ target)
    if sine < 1e-12:
        return np.eye(3)
    matrix: Float = Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine)).as_matrix()
    return matrix


def quaternion_of(turn: Float) -> Float:
    """Unit quaternion xyzw (4,) of a rotation matrix (3, 3), w not negative."""
    # Shepperd 1978: divide by the largest of the four.
    m, trace = turn, float(np.trace(turn))
    squares = [m[0, 0], m[1, 1], m[2, 2], trace]
    k = int(np.argmax(squares))
    if k == 3:
        q = np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1.0 + trace])
    else:
        i, j, n = k, (k + 1) % 3, (k + 2) % 3
        q = np.empty(4)
        q[i] = 1.0 + 2.0 * m[i, i] - trace
        q[j], q[n], q[3] = m[i, j] + m[j, i], m[i, n] + m[n, i], m[n, j] - m[j, n]
    unit: Float = q / (np.linalg.norm(q) * (1.0 if q[3] >= 0.0 else -1.0))
    return unit
