"""Where bodies are: turned into the frames that the other kernels use, and their rectangles."""

from __future__ import annotations

from math import ceil, floor, sqrt
from typing import Any

from worldsim.render.compiled import kernel
from worldsim.render.solids import SPHERE, inverse

Array = Any  # of numba's; its types are the layout's

_FAR_PX = 1e6


@kernel
def place(bodies: Array, view: Array) -> None:
    """Fill in what follows from positions, quaternions and the view."""
    for i in range(len(bodies)):
        body = bodies[i]
        if body.kind == 0:
            continue
        _turn(body)
        _aim(body, view)
        body.rect[0], body.rect[1] = view.width, view.height
        body.rect[2], body.rect[3] = 0, 0
        _cover(body, view, 0.0, 0.0, body.rect)
        _clip(body.rect, view)
        if body.casts == 1 and view.shadows > 0:
            _shade(body, view)


@kernel
def _turn(body: Array) -> None:
    q, turn = body.quaternion, body.turn
    scale = 2.0 / (q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    x, y, z, w = q[0], q[1], q[2], q[3]
    turn[0, 0] = 1.0 - scale * (y * y + z * z)
    turn[0, 1] = scale * (x * y - z * w)
    turn[0, 2] = scale * (x * z + y * w)
    turn[1, 0] = scale * (x * y + z * w)
    turn[1, 1] = 1.0 - scale * (x * x + z * z)
    turn[1, 2] = scale * (y * z - x * w)
    turn[2, 0] = scale * (x * z - y * w)
    turn[2, 1] = scale * (y * z + x * w)
    turn[2, 2] = 1.0 - scale * (x * x + y * y)


@kernel
def _aim(body: Array, view: Array) -> None:
    """The eye, the rays and the ways to the light in the body's frame."""
    turn, axes = body.turn, view.axes
    mx, my = 0.5 * view.width, 0.5 * view.height
    for j in range(3):
        body.eye[j] = 0.0
        right, down, forward = 0.0, 0.0, 0.0
        for k in range(3):
            body.eye[j] += turn[k, j] * (view.eye[k] - body.position[k])
            right += turn[k, j] * axes[0, k]
            down += turn[k, j] * axes[1, k]
            forward += turn[k, j] * axes[2, k]
        body.aim[j, 0] = right / view.focal
        body.aim[j, 1] = down / view.focal
        body.aim[j, 2] = forward - (right * mx + down * my) / view.focal
        for n in range(view.shadows):
            along = 0.0
            for k in range(3):
                along += turn[k, j] * view.directions[n, k]
            body.beams[n, j], body.beams[n, j + 3] = along, inverse(along)


@kernel
def _cover(body: Array, view: Array, back: float, wider: float, rect: Array) -> None:
    """Extend `rect` by what a body covers that stands `back` further from the light.

    `wider`: how much larger it is on every side.
    """
    for corner in range(1 if body.kind == SPHERE else 8):
        x = body.position[0] - back * view.sun[0] - view.eye[0]
        y = body.position[1] - back * view.sun[1] - view.eye[1]
        z = body.position[2] - back * view.sun[2] - view.eye[2]
        around = wider
        if body.kind == SPHERE:
            around += body.half[0]
        else:
            turn = body.turn
            cx = body.half[0] if corner & 1 else -body.half[0]
            cy = body.half[1] if corner & 2 else -body.half[1]
            cz = body.half[2] if corner & 4 else -body.half[2]
            x += turn[0, 0] * cx + turn[0, 1] * cy + turn[0, 2] * cz
            y += turn[1, 0] * cx + turn[1, 1] * cy + turn[1, 2] * cz
            z += turn[2, 0] * cx + turn[2, 1] * cy + turn[2, 2] * cz
        _extend(x, y, z, around, view, rect)


@kernel
def _extend(x: float, y: float, z: float, radius: float, view: Array, rect: Array) -> None:
    """Extend `rect` by a ball about a point, which is relative to the eye."""
    axes = view.axes
    depth = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
    span = depth * depth - radius * radius
    if depth <= radius or depth <= view.near:  # it reaches the eye's plane: anywhere
        rect[0], rect[1], rect[2], rect[3] = 0, 0, view.width, view.height
        return
    for k in range(2):
        aside = axes[k, 0] * x + axes[k, 1] * y + axes[k, 2] * z
        root = radius * sqrt(max(aside * aside + span, 0.0))
        middle = 0.5 * (view.width if k == 0 else view.height)
        low = middle + view.focal * (aside * depth - root) / span
        high = middle + view.focal * (aside * depth + root) / span
        rect[k] = min(rect[k], int(floor(max(low, -_FAR_PX))))
        rect[k + 2] = max(rect[k + 2], int(ceil(min(high, _FAR_PX))))


@kernel
def _clip(rect: Array, view: Array) -> None:
    rect[0], rect[1] = max(rect[0], 0), max(rect[1], 0)
    rect[2], rect[3] = min(rect[2], view.width), min(rect[3], view.height)
    if rect[0] >= rect[2] or rect[1] >= rect[3]:
        rect[0], rect[1], rect[2], rect[3] = 0, 0, 0, 0


@kernel
def _shade(body: Array, view: Array) -> None:
    """Where in the image the shadow may fall: between the body and the lowest floor."""
    rect = body.shade
    rect[0], rect[1], rect[2], rect[3] = view.width, view.height, 0, 0
    above = body.position[2] + body.reach - view.floor
    if view.sun[2] < 0.02:  # from below or level: it may fall anywhere
        rect[0], rect[1], rect[2], rect[3] = 0, 0, view.width, view.height
        return
    back = max(above, 0.0) / view.sun[2]
    _cover(body, view, 0.0, 0.0, rect)
    _cover(body, view, back, back * view.spread, rect)
    _clip(rect, view)
