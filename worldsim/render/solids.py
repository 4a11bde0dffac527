"""Rays against spheres, boxes and cylinders, each about its own origin along its own axes.

A ray is a start (ox, oy, oz) and a step (dx, dy, dz); `enter` and `leave` are numbers of steps,
enter > leave where it misses.
"""

from __future__ import annotations

from math import sqrt

from worldsim.render.compiled import kernel

SPHERE, BOX, CYLINDER, DISC, MESH = 1, 2, 3, 4, 5
_MISS = (1.0, -1.0)
_FLAT = 1e-12


@kernel
def sphere(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, radius: float
) -> tuple[float, float]:
    """Where a ray is within a sphere."""
    a = dx * dx + dy * dy + dz * dz
    b = ox * dx + oy * dy + oz * dz
    inside = b * b - a * (ox * ox + oy * oy + oz * oz - radius * radius)
    if inside < 0.0:
        return _MISS
    root = sqrt(inside)
    return (-b - root) / a, (root - b) / a


@kernel
def inverse(d: float) -> float:
    """One over a component of a step, finite also where that is 0."""
    if abs(d) < _FLAT:
        d = _FLAT if d >= 0.0 else -_FLAT
    return 1.0 / d


@kernel
def box(
    ox: float, oy: float, oz: float, ix: float, iy: float, iz: float,
    hx: float, hy: float, hz: float,
) -> tuple[float, float]:  # fmt: skip
    """Where a ray is within a box of these half edges; (ix, iy, iz) is one over its step."""
    x, y, z = -ox * ix, -oy * iy, -oz * iz
    wx, wy, wz = hx * abs(ix), hy * abs(iy), hz * abs(iz)
    return max(x - wx, y - wy, z - wz), min(x + wx, y + wy, z + wz)


@kernel
def cylinder(
    ox: float, oy: float, oz: float, dx: float, dy: float, iz: float, radius: float, half: float
) -> tuple[float, float]:
    """Where a ray is within a cylinder along z; `iz` is one over the step along z."""
    a = dx * dx + dy * dy
    b = ox * dx + oy * dy
    c = ox * ox + oy * oy - radius * radius
    inside = b * b - a * c
    if inside < 0.0:
        return _MISS
    z, wz = -oz * iz, half * abs(iz)
    enter, leave = z - wz, z + wz
    if a < _FLAT * _FLAT:
        return (enter, leave) if c <= 0.0 else _MISS
    root, scale = sqrt(inside), 1.0 / a
    return max(enter, (-b - root) * scale), min(leave, (root - b) * scale)


@kernel
def disc(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, radius: float, height: float
) -> tuple[float, float]:
    """Where a ray meets a level disc from above, at z = `height`."""
    if dz >= 0.0:
        return _MISS
    at = (height - oz) / dz
    x, y = ox + at * dx, oy + at * dy
    if x * x + y * y > radius * radius:
        return _MISS
    return at, at
