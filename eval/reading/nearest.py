"""Where along a line of sight it is deepest in a solid, or nearest to it, in the solid's own frame.

Box, sphere and cylinder are convex, so the distance along a line is a convex function, and its
least value says by how much the line misses the solid or runs into it.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from .distance import BOX, CYLINDER, SPHERE, njit

_CUTS = 40  # at most, to where a line is nearest to a cylinder; four do as a rule

Array = Any  # numba's


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
def _pierced(
    half: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float
) -> float:  # fmt: skip
    """Where a line through a cylinder is deepest in it.

    That is nearest to the axis, or midway between the ends, or in between, where side and end are
    equally near.
    """
    a, b = dx * dx + dy * dy, ox * dx + oy * dy
    if abs(dz) < 1e-12:
        return -b / a
    middle = -oz / dz
    if a < 1e-12:
        return middle
    axis = -b / a
    level = oz + axis * dz
    if sqrt(max(ox * ox + oy * oy + b * axis, 0.0)) - half[0] >= abs(level) - half[2]:
        return axis
    mx, my = ox + middle * dx, oy + middle * dy
    if sqrt(mx * mx + my * my) - half[0] <= -half[2]:
        return middle
    up = dz if level >= 0.0 else -dz
    over = (oz if level >= 0.0 else -oz) + half[0] - half[2]
    p, q, r = a - up * up, b - up * over, ox * ox + oy * oy - over * over
    # Side and end are equally near where p t^2 + 2 q t + r = 0; squaring has added a root at which
    # the line is farther within the ends than the radius.
    root = sqrt(max(q * q - p * r, 0.0))
    stable = -q - root if q > 0.0 else root - q
    low, high = min(axis, middle), max(axis, middle)
    best, at = 1e18, axis
    for t in (
        r / stable if abs(stable) > 1e-18 else axis,
        stable / p if abs(p) > 1e-12 else axis,
    ):
        out = max(low - t, t - high, 0.0) + (high - low if over + up * t < 0.0 else 0.0)
        if out < best:
            best, at = out, t
    return min(max(at, low), high)


@njit
def _round(
    half: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float,
    low: float, high: float,
) -> float:  # fmt: skip
    """Where a line that misses a cylinder is nearest to it, between low and high.

    Newton's steps to where the slope of half the squared distance is 0; the slope grows, so a step
    that leaves what holds that place is a cut in half instead.
    """
    a, b = dx * dx + dy * dy, ox * dx + oy * dy
    at = 0.5 * (low + high)
    if a > 1e-12:
        at = min(max(-b / a, low), high)
        if abs(oz + at * dz) <= half[2]:
            return at
    for _ in range(_CUTS):
        x, y, z = ox + at * dx, oy + at * dy, oz + at * dz
        radius = max(sqrt(x * x + y * y), 1e-12)
        beyond, above = radius - half[0], abs(z) - half[2]
        slope, bend = 0.0, 0.0
        if beyond > 0.0:
            out = (b + a * at) / radius
            slope, bend = beyond * out, out * out + beyond * (a - out * out) / radius
        if above > 0.0:
            slope, bend = slope + above * (dz if z >= 0.0 else -dz), bend + dz * dz
        if slope > 0.0:
            high = at
        elif slope < 0.0:
            low = at
        else:
            break
        step = slope / max(bend, 1e-18)
        if abs(step) < 1e-9 * half[0]:
            break
        at -= step
        if at <= low or at >= high:
            at = 0.5 * (low + high)
    return at


@njit
def nearest(
    kind: int, half: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float
) -> float:
    """How far along the line o + t d (d of length 1) it is deepest in the solid, or nearest."""
    middle = -(ox * dx + oy * dy + oz * dz)
    if kind == SPHERE:
        return middle
    low, high = chord(kind, half, ox, oy, oz, dx, dy, dz)
    if low <= high:
        if kind == BOX:
            return _deepest(half, ox, oy, oz, dx, dy, dz, low, high)
        return _pierced(half, ox, oy, oz, dx, dy, dz)
    reach = sqrt(half[0] * half[0] + half[1] * half[1] + half[2] * half[2])
    low, high = middle - reach, middle + reach
    if kind == BOX:
        return _passing(half, ox, oy, oz, dx, dy, dz, low, high)
    return _round(half, ox, oy, oz, dx, dy, dz, low, high)
