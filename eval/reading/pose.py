"""A known solid's pose from the pixels that show it: its rim, and its surface where depth is known.

Levenberg-Marquardt on two kinds of residuals. *Rim*: a pixel's coverage, observed 0..1, against
that of the pose, a soft step of the signed distance between the line of sight and the solid.
*Surface*: the signed distance of points seen on it, with Cauchy weights. Pixels in which something
in front may hide the solid say nothing.
"""

from __future__ import annotations

from math import cos, exp, sin, sqrt
from typing import Any

import numpy as np

from worldsim.eval.reading.distance import SPHERE, distance, njit, normal, rim_normal
from worldsim.eval.reading.nearest import nearest

Array = Any  # numba's

RIM_PX = 0.35  # width of the soft step
_RIM_SIGMA = 0.3  # of a pixel's coverage
_SURFACE = 0.005  # least scale of surface residuals, in reaches of the solid
_FREE = 7  # place, turn, size


@njit
def turned(turn: Array, wx: float, wy: float, wz: float) -> Array:
    """exp(w) @ turn: a further turn by the vector w (rad, world axes)."""
    angle = sqrt(wx * wx + wy * wy + wz * wz)
    if angle < 1e-12:
        return turn.copy()
    x, y, z = wx / angle, wy / angle, wz / angle
    c, s = cos(angle), sin(angle)
    k = 1.0 - c
    more = np.array(
        [
            [c + x * x * k, x * y * k - z * s, x * z * k + y * s],
            [y * x * k + z * s, c + y * y * k, y * z * k - x * s],
            [z * x * k - y * s, z * y * k + x * s, c + z * z * k],
        ]
    )
    return more @ turn


@njit
def within(turn: Array, x: float, y: float, z: float) -> tuple[float, float, float]:
    """A vector of the world in the axes of a body turned so."""
    return (
        turn[0, 0] * x + turn[1, 0] * y + turn[2, 0] * z,
        turn[0, 1] * x + turn[1, 1] * y + turn[2, 1] * z,
        turn[0, 2] * x + turn[1, 2] * y + turn[2, 2] * z,
    )


@njit
def _column(
    row: Array, place: Array, nx: float, ny: float, nz: float,
    px: float, py: float, pz: float, gap: float, scale: float,
) -> None:  # fmt: skip
    """Derivative of the signed distance `gap` of p (world), normal n, by place, turn, size."""
    ax, ay, az = px - place[0], py - place[1], pz - place[2]
    row[0], row[1], row[2] = -nx, -ny, -nz
    row[3] = -(ay * nz - az * ny)
    row[4] = -(az * nx - ax * nz)
    row[5] = -(ax * ny - ay * nx)
    row[6] = (gap - (ax * nx + ay * ny + az * nz)) / scale


@njit
def _surface(
    kind: int, size: Array, place: Array, turn: Array, scale: float, points: Array, sigma: float,
    matrix: Array, vector: Array, row: Array,
) -> float:  # fmt: skip
    """Add the residuals of points on the surface; their cost."""
    cost = 0.0
    for i in range(len(points)):
        x, y, z = within(
            turn, points[i, 0] - place[0], points[i, 1] - place[1], points[i, 2] - place[2]
        )
        gap = distance(kind, size, x, y, z)
        residual = gap / sigma
        weight = 1.0 / (1.0 + residual * residual)
        cost += np.log1p(residual * residual)
        nx, ny, nz = normal(kind, size, x, y, z)
        _add(
            matrix, vector, row, place, turn, nx, ny, nz, x, y, z, gap, scale, 1.0 / sigma,
            residual, weight,
        )  # fmt: skip
    return cost


@njit
def normal_equations(
    kind: int, half: Array, place: Array, turn: Array, scale: float,
    eye: Array, lines: Array, cover: Array, points: Array, width_px: float, footprint: float,
    sigma: float, matrix: Array, vector: Array,
) -> float:  # fmt: skip
    """Sum J'J (7, 7) and J'r (7,) of rim and surface; the cost.

    `lines` (L, 3) are unit directions from `eye` with the observed `cover` (L,); `points` (P, 3)
    lie on the surface. `footprint` is a pixel's width at the solid in m, `sigma` the scale of the
    surface residuals in m.
    """
    matrix[:], vector[:] = 0.0, 0.0
    size = half * scale
    row = np.empty(_FREE)
    cost = 0.0
    width = width_px * footprint
    reach = sqrt(size[0] ** 2 + size[1] ** 2 + size[2] ** 2) if kind != SPHERE else size[0]
    inner = min(size[0], min(size[1], size[2]))
    ox, oy, oz = within(turn, eye[0] - place[0], eye[1] - place[1], eye[2] - place[2])
    for i in range(len(lines)):
        dx, dy, dz = within(turn, lines[i, 0], lines[i, 1], lines[i, 2])
        along = -(ox * dx + oy * dy + oz * dz)
        away = sqrt(max(ox * ox + oy * oy + oz * oz - along * along, 0.0))
        if away > reach + 6.0 * width:
            cost += cover[i] * cover[i] / _RIM_SIGMA**2
            continue
        if away < inner - 6.0 * width:
            cost += (1.0 - cover[i]) ** 2 / _RIM_SIGMA**2
            continue
        at = nearest(kind, size, ox, oy, oz, dx, dy, dz)
        x, y, z = ox + at * dx, oy + at * dy, oz + at * dz
        gap = distance(kind, size, x, y, z)
        ratio = gap / width
        if ratio > 30.0:
            seen = 0.0
        elif ratio < -30.0:
            seen = 1.0
        else:
            seen = 1.0 / (1.0 + exp(ratio))
        residual = (seen - cover[i]) / _RIM_SIGMA
        cost += residual * residual
        slope = -seen * (1.0 - seen) / (width * _RIM_SIGMA)
        if slope > -1e-9:
            continue
        nx, ny, nz = rim_normal(kind, size, x, y, z, dx, dy, dz)
        _add(
            matrix, vector, row, place, turn, nx, ny, nz, x, y, z, gap, scale, slope, residual, 1.0
        )
    return cost + _surface(kind, size, place, turn, scale, points, sigma, matrix, vector, row)


@njit
def _add(
    matrix: Array, vector: Array, row: Array, place: Array, turn: Array, nx: float, ny: float,
    nz: float, x: float, y: float, z: float, gap: float, scale: float, slope: float,
    residual: float, weight: float,
) -> None:  # fmt: skip
    """Add one residual; `slope`: its derivative by the signed distance; n, x in solid axes."""
    wx = turn[0, 0] * nx + turn[0, 1] * ny + turn[0, 2] * nz
    wy = turn[1, 0] * nx + turn[1, 1] * ny + turn[1, 2] * nz
    wz = turn[2, 0] * nx + turn[2, 1] * ny + turn[2, 2] * nz
    px = place[0] + turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z
    py = place[1] + turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z
    pz = place[2] + turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z
    _column(row, place, wx, wy, wz, px, py, pz, gap, scale)
    for a in range(_FREE):
        left = weight * slope * row[a]
        vector[a] += left * residual
        for b in range(a + 1):
            matrix[a, b] += left * slope * row[b]
            if a != b:
                matrix[b, a] = matrix[a, b]


@njit
def surface_scale(kind: int, half: Array, place: Array, turn: Array, points: Array) -> float:
    """1.5 medians of the points' distances to the surface, or a hundredth of the solid's reach."""
    reach = sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2)
    least = _SURFACE * reach
    if len(points) == 0:
        return least
    gaps = np.empty(len(points))
    for i in range(len(points)):
        x, y, z = within(
            turn, points[i, 0] - place[0], points[i, 1] - place[1], points[i, 2] - place[2]
        )
        gaps[i] = abs(distance(kind, half, x, y, z))
    return max(1.5 * np.median(gaps), least)
