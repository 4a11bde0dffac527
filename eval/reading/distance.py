"""Signed distance from a solid's surface in its own frame, below 0 inside, and its gradient."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numba

SPHERE, BOX, CYLINDER = 1, 2, 3

Array = Any  # numba's

njit = numba.njit(error_model="numpy", nogil=True)
kept = numba.njit(error_model="numpy", nogil=True, cache=True)
"""For functions that Python calls: their machine code is kept on disk."""


@njit
def distance(kind: int, half: Array, x: float, y: float, z: float) -> float:
    """Signed distance in m; `half`: half edges, or radius, radius, half height."""
    if kind == SPHERE:
        return float(sqrt(x * x + y * y + z * z) - half[0])
    if kind == BOX:
        a, b, c = abs(x) - half[0], abs(y) - half[1], abs(z) - half[2]
    else:
        a, b, c = sqrt(x * x + y * y) - half[0], abs(z) - half[2], -1e9
    inside = max(a, max(b, c))
    if inside <= 0.0:
        return float(inside)
    a, b, c = max(a, 0.0), max(b, 0.0), max(c, 0.0)
    return sqrt(a * a + b * b + c * c)


@njit
def normal(kind: int, half: Array, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Gradient of `distance`, of length 1."""
    if kind == SPHERE:
        length = max(sqrt(x * x + y * y + z * z), 1e-12)
        return x / length, y / length, z / length
    if kind == BOX:
        a, b, c = abs(x) - half[0], abs(y) - half[1], abs(z) - half[2]
        sx = 1.0 if x >= 0.0 else -1.0
        sy = 1.0 if y >= 0.0 else -1.0
        ux, uy = sx, sy
        vx, vy = 0.0, 0.0
    else:
        radius = max(sqrt(x * x + y * y), 1e-12)
        a, b, c = radius - half[0], -1e9, abs(z) - half[2]
        ux, vx = x / radius, y / radius
        uy, vy = 0.0, 0.0
    sz = 1.0 if z >= 0.0 else -1.0
    if a <= 0.0 and b <= 0.0 and c <= 0.0:
        if a >= b and a >= c:
            return ux, vx, 0.0
        if b >= c:
            return vy, uy, 0.0
        return 0.0, 0.0, sz
    a, b, c = max(a, 0.0), max(b, 0.0), max(c, 0.0)
    length = sqrt(a * a + b * b + c * c)
    return (a * ux + b * vy) / length, (a * vx + b * uy) / length, c * sz / length


@njit
def rim_normal(
    kind: int, half: Array, x: float, y: float, z: float, dx: float, dy: float, dz: float
) -> tuple[float, float, float]:
    """Gradient of a line's least distance by moving the line, at the point where it has it.

    Within a solid that is where two faces are equally near, one left behind and one ahead: the
    mean of their normals, so weighted that it is square to the line (envelope theorem).
    """
    nx, ny, nz = normal(kind, half, x, y, z)
    ahead = nx * dx + ny * dy + nz * dz
    if kind == SPHERE or abs(ahead) < 1e-6 or distance(kind, half, x, y, z) >= 0.0:
        return nx, ny, nz
    best, mx, my, mz = -1e18, 0.0, 0.0, 0.0
    sx, sy, sz = (
        1.0 if x >= 0.0 else -1.0,
        1.0 if y >= 0.0 else -1.0,
        1.0 if z >= 0.0 else -1.0,
    )
    if kind == BOX:
        if sx * dx * ahead < 0.0 and abs(x) - half[0] > best:
            best, mx, my, mz = abs(x) - half[0], sx, 0.0, 0.0
        if sy * dy * ahead < 0.0 and abs(y) - half[1] > best:
            best, mx, my, mz = abs(y) - half[1], 0.0, sy, 0.0
    else:
        radius = max(sqrt(x * x + y * y), 1e-12)
        if (x * dx + y * dy) * ahead < 0.0:
            best, mx, my, mz = radius - half[0], x / radius, y / radius, 0.0
    if sz * dz * ahead < 0.0 and abs(z) - half[2] > best:
        best, mx, my, mz = abs(z) - half[2], 0.0, 0.0, sz
    behind = mx * dx + my * dy + mz * dz
    if best < -1e17 or abs(behind) < 1e-9:
        return nx - ahead * dx, ny - ahead * dy, nz - ahead * dz
    share = behind / (behind - ahead)
    return (
        share * nx + (1.0 - share) * mx,
        share * ny + (1.0 - share) * my,
        share * nz + (1.0 - share) * mz,
    )
