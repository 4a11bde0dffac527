"""Numbers of a linkage from points seen on its parts: one kernel for hinges, arms and free bodies.

Gauss-Newton on the signed distances from each point to the nearest part, with Cauchy weights. How
a part moves with the numbers comes in as its poses for numbers a little changed.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from worldsim.render.compiled import digest

from .distance import distance, kept, njit, normal
from .pose import within
from .shells import MESH, Shells

Float = NDArray[np.float64]
Array = Any  # numba's

_FAR = 1e9
_STEPS = 12
_TRIES = 5
_ENOUGH = 0.03  # share of the numbers' units: a smaller step is the last


class Linkage(Protocol):
    """Bodies whose poses follow from a few numbers."""

    unit: Float  # (K,) a small change of each
    low: Float  # (K,)
    high: Float  # (K,)

    def poses(self, numbers: Float) -> tuple[Float, Float] | None:
        """Turns (Q, L, 3, 3) and places (Q, L, 3) m of the parts for Q rows of numbers (Q, K)."""


@njit
def _gap(
    shells: Shells, part: int, x: float, y: float, z: float
) -> tuple[float, float, float, float, float]:
    """How far away a point in a part's frame is, its signed distance there, and the normal."""
    if shells.kind[part] != MESH:
        kind, half = shells.kind[part], shells.half[part]
        gap = distance(kind, half, x, y, z)
        nx, ny, nz = normal(kind, half, x, y, z)
        return abs(gap), gap, nx, ny, nz
    step, low = shells.step_m[part], shells.low[part]
    a, b, c = int((x - low[0]) / step), int((y - low[1]) / step), int((z - low[2]) / step)
    na, nb, nc = shells.shape[part, 0], shells.shape[part, 1], shells.shape[part, 2]
    a, b, c = min(max(a, 0), na - 1), min(max(b, 0), nb - 1), min(max(c, 0), nc - 1)
    s = shells.sample[shells.first[part] + (a * nb + b) * nc + c]
    dx, dy, dz = x - shells.spot_m[s, 0], y - shells.spot_m[s, 1], z - shells.spot_m[s, 2]
    away = sqrt(dx * dx + dy * dy + dz * dz)
    nx, ny, nz = shells.normal[s, 0], shells.normal[s, 1], shells.normal[s, 2]
    gap = dx * nx + dy * ny + dz * nz
    # Beyond a face's edge the plane it lies in runs on: there the sample itself is what is near.
    if away > 2.0 * step and away > 2.0 * abs(gap):
        return away, away, dx / away, dy / away, dz / away
    return away, gap, nx, ny, nz


@njit
def _nearest(
    shells: Shells, turns: Array, places: Array, point: Array, owner: int
) -> tuple[int, float, float, float, float]:
    """The part that a point (3,) is nearest to, its signed distance, and the normal (part's)."""
    best, who, gap, nx, ny, nz = _FAR, -1, _FAR, 0.0, 0.0, 1.0
    for part in range(len(places)):
        if owner >= 0 and owner != part:
            continue
        x, y, z = within(
            turns[part], point[0] - places[part, 0], point[1] - places[part, 1],
            point[2] - places[part, 2],
        )  # fmt: skip
        u, v, w = x - shells.middle[part, 0], y - shells.middle[part, 1], z - shells.middle[part, 2]
        if sqrt(u * u + v * v + w * w) - shells.reach_m[part] > best:
            continue
        away, signed, a, b, c = _gap(shells, part, x, y, z)
        if away < best:
            best, who, gap, nx, ny, nz = away, part, signed, a, b, c
    return who, gap, nx, ny, nz


def _equations(version: int) -> Any:
    """The function for Python; `version` changes with any file that it is made of."""

    @kept
    def equations(
        shells: Shells, turns: Array, places: Array, unit: Array, points: Array, owner: Array,
        sigma_m: float, matrix: Array, vector: Array,
    ) -> float:  # fmt: skip
        """J'J (K, K) and J'r (K,) of points (P, 3) for poses (1 + K, L, ...); mean cost a point.

        Row 0 has the poses at the numbers, row 1 + k those with number k larger by unit[k]. `owner`
        (P,) is the part that a point lies on, -1 where that is not known.
        """
        _ = version
        free = len(unit)
        matrix[:], vector[:] = 0.0, 0.0
        row = np.empty(free)
        cost = 0.0
        for i in range(len(points)):
            point = points[i]
            part, gap, nx, ny, nz = _nearest(shells, turns[0], places[0], point, owner[i])
            residual = gap / sigma_m
            weight = 1.0 / (1.0 + residual * residual)
            cost += np.log1p(residual * residual)
            x, y, z = within(
                turns[0, part], point[0] - places[0, part, 0], point[1] - places[0, part, 1],
                point[2] - places[0, part, 2],
            )  # fmt: skip
            for k in range(free):
                u, v, w = within(
                    turns[1 + k, part], point[0] - places[1 + k, part, 0],
                    point[1] - places[1 + k, part, 1], point[2] - places[1 + k, part, 2],
                )  # fmt: skip
                moved = nx * (u - x) + ny * (v - y) + nz * (w - z)
                row[k] = moved / (unit[k] * sigma_m)
            for a in range(free):
                vector[a] += weight * row[a] * residual
                for b in range(free):
                    matrix[a, b] += weight * row[a] * row[b]
        return cost / max(len(points), 1)

    return equations


def _search(version: int) -> Any:
    """The function for Python; `version` changes with any file that it is made of."""

    @kept
    def search(
        shells: Shells, turns: Array, places: Array, points: Array, owner: Array, sigma_m: float
    ) -> Array:
        """Mean cost (Q,) of every one of Q rows of poses (Q, L, ...)."""
        _ = version
        costs = np.zeros(len(turns))
        for q in range(len(turns)):
            total = 0.0
            for i in range(len(points)):
                _, gap, _, _, _ = _nearest(shells, turns[q], places[q], points[i], owner[i])
                total += np.log1p((gap / sigma_m) ** 2)
            costs[q] = total / max(len(points), 1)
        return costs

    return search


_VERSION = digest(Path(__file__).parent)
equations, search = _equations(_VERSION), _search(_VERSION)
"""See the functions within `_equations` and `_search`."""


def solve(
    linkage: Linkage, shells: Shells, points: Float, owner: NDArray[np.int64], start: Float,
    sigma_m: float, steps: int = _STEPS,
) -> tuple[Float, Float, float] | None:  # fmt: skip
    """The numbers (K,) for points (P, 3), their covariance (K, K) and the mean cost of a point.

    None where the linkage does not reach the start.
    """
    free = len(linkage.unit)
    changes = np.concatenate([np.zeros((1, free)), np.diag(linkage.unit)])

    def at(numbers: Float) -> tuple[float, Float, Float]:
        matrix, vector = np.empty((free, free)), np.empty(free)
        poses = linkage.poses(numbers + changes)
        if poses is None:
            return np.inf, matrix, vector
        cost = equations(shells, *poses, linkage.unit, points, owner, sigma_m, matrix, vector)
        return float(cost), matrix, vector

    numbers, damping = np.clip(start, linkage.low, linkage.high), 1e-3
    cost, matrix, vector = at(numbers)
    if not np.isfinite(cost):
        return None
    for _ in range(steps):
        for _ in range(_TRIES):
            system = matrix + np.diag(damping * np.diag(matrix) + 1e-9 * np.trace(matrix) + 1e-12)
            step = np.linalg.solve(system, -vector)
            trial = np.clip(numbers + step, linkage.low, linkage.high)
            new = at(trial)
            if new[0] <= cost:
                break
            damping *= 6.0
        else:
            break
        taken = trial - numbers
        numbers, damping = trial, 0.2 * damping
        cost, matrix, vector = new
        if (np.abs(taken) < _ENOUGH * linkage.unit).all():
            break
    inverse = np.linalg.inv(matrix + 1e-9 * np.trace(matrix) * np.eye(free) + 1e-12 * np.eye(free))
    return numbers, inverse * max(cost, 1e-6), cost
