"""Signed distance from a solid's surface, at points and along lines of sight, in its own frame.

Below 0 is inside. Box, sphere and cylinder are convex, so the distance along a line is a convex
function, and its least value says by how much the line misses the solid or runs into it.
"""

from __future__ import annotations

from math import hypot, sqrt
from typing import Any

import numba

SPHERE, BOX, CYLINDER = 1, 2, 3
_GOLDEN = 0.6180339887498949
_CUTS = 20  # of the stretch that holds the least value, which is then 1/15000 as long

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
        a, b, c = hypot(x, y) - half[0], abs(z) - half[2], -1e9
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
        radius = max(hypot(x, y), 1e-12)
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
def chord(
    kind: int, half: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float
) -> tuple[float, float]:
    """From where to where the line o + t d is in the solid, the first above the second: never."""
    enter, leave = -1e18, 1e18
    if kind == BOX or kind == CYLINDER:
        ez = dz if abs(dz) > 1e-12 else 1e-12
        enter, leave = (-half[2] - oz) / ez, (half[2] - oz) / ez
        if enter > leave:
            enter, leave = leave, enter
    if kind == BOX:
        for o, d, h in ((ox, dx, half[0]), (oy, dy, half[1])):
            e = d if abs(d) > 1e-12 else 1e-12
            one, two = (-h - o) / e, (h - o) / e
            enter, leave = max(enter, min(one, two)), min(leave, max(one, two))
        return enter, leave
    a, b, c = dx * dx + dy * dy, ox * dx + oy * dy, ox * ox + oy * oy - half[0] * half[0]
    if kind == SPHERE:
        a, b, c = a + dz * dz, b + oz * dz, c + oz * oz
    inside = b * b - a * c
    if inside < 0.0:
        return 1.0, -1.0
    if a < 1e-18:
        return (enter, leave) if c <= 0.0 else (1.0, -1.0)
    root = sqrt(inside)
    return max(enter, (-b - root) / a), min(leave, (root - b) / a)


@njit
def _face(
    half: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, t: float
) -> tuple[float, float]:
    """How far within a box the line is at t (below 0), by its nearest face, and how that grows."""
    x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
    a, b, c = abs(x) - half[0], abs(y) - half[1], abs(z) - half[2]
    if a >= b and a >= c:
        return a, dx if x >= 0.0 else -dx
    if b >= c:
        return b, dy if y >= 0.0 else -dy
    return c, dz if z >= 0.0 else -dz


@njit
def _deepest(
    half: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
    low: float, high: float,
) -> float:  # fmt: skip
    """Where a line is deepest in a box, between where it enters and where it leaves.

    The depth is convex and made of straight pieces: where the pieces on either side of the least
    value meet (Kelley 1960) is either that or shows a further piece.
    """
    falls, fall = _face(half, ox, oy, oz, dx, dy, dz, low + 1e-9)
    grows, rise = _face(half, ox, oy, oz, dx, dy, dz, high - 1e-9)
    at, left, right = 0.5 * (low + high), low, high
    for _ in range(8):
        if fall > -1e-12 or rise < 1e-12:
            break
        at = (falls - grows + rise * right - fall * left) / (rise - fall)
        at = min(max(at, low), high)
        value, slope = _face(half, ox, oy, oz, dx, dy, dz, at)
        if value <= falls + fall * (at - left) + 1e-12:
            break
        if slope < 0.0:
            falls, fall, left = value, slope, at
        else:
            grows, rise, right = value, slope, at
    return at


@njit
def _slope(
    half: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, t: float
) -> float:
    """Derivative of half the squared distance from a box along the line, at t."""
    total = 0.0
    for o, d, h in ((ox, dx, half[0]), (oy, dy, half[1]), (oz, dz, half[2])):
        at = o + t * d
        if at > h:
            total += (at - h) * d
        elif at < -h:
            total += (at + h) * d
    return total


@njit
def _passing(
    half: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
    low: float, high: float,
) -> float:  # fmt: skip
    """Where a line that misses a box is nearest to it, between low and high.

    The slope of the squared distance grows, straight between crossings of planes of faces.
    """
    falls = _slope(half, ox, oy, oz, dx, dy, dz, low)
    grows = _slope(half, ox, oy, oz, dx, dy, dz, high)
    for o, d, h in ((ox, dx, half[0]), (oy, dy, half[1]), (oz, dz, half[2])):
        if abs(d) < 1e-12:
            continue
        for side in (-h, h):
            t = (side - o) / d
            if low < t < high:
                slope = _slope(half, ox, oy, oz, dx, dy, dz, t)
                if slope < 0.0:
                    low, falls = t, slope
                else:
                    high, grows = t, slope
    if falls >= 0.0 or grows - falls < 1e-18:
        return low
    return high if grows <= 0.0 else low - falls * (high - low) / (grows - falls)


@njit
def nearest(
    kind: int, half: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float
) -> float:
    """How far along the line o + t d (d of length 1) it is deepest in the solid, or nearest."""
    middle = -(ox * dx + oy * dy + oz * dz)
    if kind == SPHERE:
        return middle
    low, high = chord(kind, half, ox, oy, oz, dx, dy, dz)
    if low <= high and kind == BOX:
        return _deepest(half, ox, oy, oz, dx, dy, dz, low, high)
    if low > high:
        reach = sqrt(half[0] * half[0] + half[1] * half[1] + half[2] * half[2])
        low, high = middle - reach, middle + reach
        if kind == BOX:
            return _passing(half, ox, oy, oz, dx, dy, dz, low, high)
    one, two = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_one = distance(kind, half, ox + one * dx, oy + one * dy, oz + one * dz)
    at_two = distance(kind, half, ox + two * dx, oy + two * dy, oz + two * dz)
    for _ in range(_CUTS):
        if at_one < at_two:
            high, two, at_two = two, one, at_one
            one = high - _GOLDEN * (high - low)
            at_one = distance(kind, half, ox + one * dx, oy + one * dy, oz + one * dz)
        else:
            low, one, at_one = one, two, at_two
            two = low + _GOLDEN * (high - low)
            at_two = distance(kind, half, ox + two * dx, oy + two * dy, oz + two * dz)
    return 0.5 * (low + high)


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
        radius = max(hypot(x, y), 1e-12)
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
