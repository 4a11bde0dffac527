"""The colour of pixels: at one point each, and again at edges by several samples.

Arguments that go together: `images` (ids, depth, keys, rgb, touched), `layers` of the meshes
(nearness, owner, triangle), `shapes` (points, faces), `light` (shaded, heights).
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from worldsim.render import shading
from worldsim.render.compiled import kernel
from worldsim.render.solids import MESH

Array = Any  # of numba's; its types are the layout's

TILE = 8  # px
CHANGED = 2  # a touched pixel (1) that shows something else than what rests there
TIE = 1.0 + 2e-6  # surfaces that meet are the later body's, not now one's and now the other's
KEY_FREE = 32  # a key modulo this is how many directions to the light are free


@kernel
def point(
    bodies: Array, number: int, depth: float, x: float, y: float, view: Array, triangle: int,
    shapes: Array, light: Array, known: int,
) -> tuple[int, float, float, float]:  # fmt: skip
    """Key and RGB of what is seen at (x, y) px: body `number` (-1: nothing) at this depth.

    Points with the same key differ by shading only; where the key is `known`, RGB is left out.
    """
    px, py = (x - 0.5 * view.width) * view.pixel, (y - 0.5 * view.height) * view.pixel
    dx = view.axes00 * px + view.axes10 * py + view.axes20
    dy = view.axes01 * px + view.axes11 * py + view.axes21
    dz = view.axes02 * px + view.axes12 * py + view.axes22
    if number < 0:
        return (0, shading.sky(view, dx, dy, dz, 0), shading.sky(view, dx, dy, dz, 1),
                shading.sky(view, dx, dy, dz, 2))  # fmt: skip
    body = bodies[number]
    bx = body.eye0 + depth * (body.aim00 * x + body.aim01 * y + body.aim02)
    by = body.eye1 + depth * (body.aim10 * x + body.aim11 * y + body.aim12)
    bz = body.eye2 + depth * (body.aim20 * x + body.aim21 * y + body.aim22)
    if body.kind == MESH:
        face = 0
        mx, my, mz = shading.mesh_normal(bx, by, bz, shapes[0], shapes[1], triangle)
        length = 1.0 / sqrt(max(mx * mx + my * my + mz * mz, 1e-30))
        mx, my, mz = mx * length, my * length, mz * length
    else:
        face, mx, my, mz = shading.face_of(body, bx, by, bz)
    dark = shading.pattern(body, face, bx, by, bz)
    nx = body.turn00 * mx + body.turn01 * my + body.turn02 * mz
    ny = body.turn10 * mx + body.turn11 * my + body.turn12 * mz
    nz = body.turn20 * mx + body.turn21 * my + body.turn22 * mz
    if body.kind == MESH and nx * dx + ny * dy + nz * dz > 0.0:  # seen from inside
        nx, ny, nz = -nx, -ny, -nz
    free, sun = 0, 1.0
    if view.shadows > 0:
        if nx * view.sun0 + ny * view.sun1 + nz * view.sun2 > 0.0:
            # A sample on a pixel's lower or right edge may be one beyond the last tile.
            row = min(int(y) // TILE, light[0].shape[0] - 1)
            column = min(int(x) // TILE, light[0].shape[1] - 1)
            wx, wy, wz = (view.eye0 + depth * dx, view.eye1 + depth * dy,
                          view.eye2 + depth * dz)  # fmt: skip
            if body.kind == MESH:  # off the surface, or it would shadow itself
                off = 2.0 / view.map_scale
                wx, wy, wz = wx + off * nx, wy + off * ny, wz + off * nz
            free = shading.lit(bodies, number, wx, wy, wz, view, light[0], row, column, light[1])
        sun = free / view.shadows
    key = 1 + (((number * 8 + face) * 2 + dark) * KEY_FREE + free)
    if key == known:
        return key, 0.0, 0.0, 0.0
    red, green, blue = shading.color(body, view, dark, sun, nx, ny, nz, dx, dy, dz)
    return key, red, green, blue


@kernel
def _put(rgb: Array, y: int, x: int, red: float, green: float, blue: float) -> None:
    rgb[y, x, 0] = np.uint8(255.0 * min(red, 1.0) + 0.5)
    rgb[y, x, 1] = np.uint8(255.0 * min(green, 1.0) + 0.5)
    rgb[y, x, 2] = np.uint8(255.0 * min(blue, 1.0) + 0.5)


@kernel
def _around(ids: Array, x: int, y: int, near: Array) -> int:
    """How many bodies are seen in a pixel and the eight round it; `near` gets them, in order."""
    height, width = ids.shape
    count = 0
    for j in range(max(y - 1, 0), min(y + 2, height)):
        for i in range(max(x - 1, 0), min(x + 2, width)):
            number = int(ids[j, i]) - 1
            at = count
            while at > 0 and near[at - 1] > number:
                at -= 1
            if number < 0 or (at > 0 and near[at - 1] == number):
                continue
            for k in range(count, at, -1):
                near[k] = near[k - 1]
            near[at] = number
            count += 1
    return count


@kernel
def sampled(
    bodies: Array, x: int, y: int, view: Array, ids: Array, near: Array, meshes: bool,
    layers: Array, shapes: Array, light: Array,
) -> tuple[float, float, float]:  # fmt: skip
    """The mean RGB of a pixel's samples."""
    nearness, owner, triangle = layers
    red, green, blue = 0.0, 0.0, 0.0
    known, r, g, b = -1, 0.0, 0.0, 0.0
    count = _around(ids, x, y, near)
    for k in range(1, 1 + view.samples):
        u, v = x + view.offsets[k, 0], y + view.offsets[k, 1]
        nearest, number, corner = view.far, -1, 0
        for c in range(count):
            other = bodies[near[c]]
            if other.kind != MESH:
                found = shading.reach(other, u, v)
                if view.near < found and found < view.far and found < TIE * nearest:
                    nearest, number = found, near[c]
        if meshes and nearness[k, y, x] * nearest > 1.0:
            nearest, number = 1.0 / nearness[k, y, x], int(owner[k, y, x])
            corner = triangle[k, y, x]
        key, red_k, green_k, blue_k = point(
            bodies, number, nearest, u, v, view, corner, shapes, light, known
        )
        if key != known or key == 0:
            known, r, g, b = key, red_k, green_k, blue_k
        red, green, blue = red + r, green + g, blue + b
    return red / view.samples, green / view.samples, blue / view.samples


@kernel
def stays(bodies: Array, x: int, y: int, depth: float, view: Array, key: int, light: Array) -> bool:
    """True where no moving body throws its shadow on what rests and is seen in pixel (x, y)."""
    if view.shadows == 0 or key == 0 or (key - 1) % KEY_FREE == 0:
        return True
    shaded, heights = light
    row, column = y // TILE, x // TILE
    u = (x + view.offsets[0, 0] - 0.5 * view.width) * view.pixel
    v = (y + view.offsets[0, 1] - 0.5 * view.height) * view.pixel
    wx = view.eye0 + depth * (view.axes00 * u + view.axes10 * v + view.axes20)
    wy = view.eye1 + depth * (view.axes01 * u + view.axes11 * v + view.axes21)
    wz = view.eye2 + depth * (view.axes02 * u + view.axes12 * v + view.axes22)
    mapped = False
    for c in range(1, 1 + shaded[row, column, 0]):
        other = bodies[shaded[row, column, c]]
        if other.kind == MESH:
            mapped = True
        elif other.still == 0:
            for k in range(view.shadows):
                if shading.blocked(other, wx, wy, wz, view, k):
                    return False
    if mapped:
        for k in range(view.shadows):
            if shading.behind(wx, wy, wz, view, k, heights):
                return False
    return True


@kernel
def paint(
    bodies: Array, view: Array, fresh: bool, images: Array, ids0: Array, triangle: Array,
    shapes: Array, light: Array,
) -> None:  # fmt: skip
    """Colour the touched pixels at their first sample; those that change are CHANGED then."""
    ids, depth, keys, rgb, touched = images
    height, width = ids.shape
    u, v = view.offsets[0, 0], view.offsets[0, 1]
    for y in range(height):
        for x in range(width):
            if touched[y, x] == 0:
                continue
            if not fresh and ids[y, x] == ids0[y, x]:
                if stays(bodies, x, y, depth[y, x], view, keys[y, x], light):
                    continue
            touched[y, x] = CHANGED
            keys[y, x], red, green, blue = point(
                bodies, int(ids[y, x]) - 1, depth[y, x], x + u, y + v, view, triangle[0, y, x],
                shapes, light, -1,
            )  # fmt: skip
            _put(rgb, y, x, red, green, blue)


@kernel
def _borders(keys: Array, touched: Array, x: int, y: int) -> tuple[bool, bool]:
    """Whether a pixel is an edge's, and whether it or one of the four beside it has changed."""
    height, width = keys.shape
    key, edge, changed = keys[y, x], False, touched[y, x] == CHANGED
    for n in range(4):
        i = min(max(y + (n == 0) - (n == 1), 0), height - 1)
        j = min(max(x + (n == 2) - (n == 3), 0), width - 1)
        edge |= keys[i, j] != key
        changed |= touched[i, j] == CHANGED
    return edge, changed


@kernel
def choose(images: Array, nearness: Array, wanted: Array) -> None:
    """Mark in `wanted` (H, W) what `smooth` will sample, and empty the z-buffers there."""
    _, _, keys, _, touched = images
    height, width = keys.shape
    for y in range(height):
        for x in range(width):
            wanted[y, x] = 0
            if touched[y, x] == 0:
                continue
            edge, changed = _borders(keys, touched, x, y)
            if edge and changed:
                wanted[y, x] = 1
                for k in range(1, nearness.shape[0]):
                    nearness[k, y, x] = 0.0


@kernel
def smooth(
    bodies: Array, view: Array, meshes: bool, images: Array, near: Array, layers: Array,
    shapes: Array, light: Array,
) -> None:  # fmt: skip
    """Colour edges that have changed, or run beside what has, by several samples."""
    ids, depth, keys, rgb, touched = images
    triangle = layers[2]
    height, width = ids.shape
    u, v = view.offsets[0, 0], view.offsets[0, 1]
    for y in range(height):
        for x in range(width):
            if touched[y, x] == 0:
                continue
            edge, changed = _borders(keys, touched, x, y)
            if not changed:
                continue
            if edge:
                red, green, blue = sampled(
                    bodies, x, y, view, ids, near, meshes, layers, shapes, light
                )
            elif touched[y, x] != CHANGED:  # an edge was here before
                _, red, green, blue = point(
                    bodies, int(ids[y, x]) - 1, depth[y, x], x + u, y + v, view, triangle[0, y, x],
                    shapes, light, -1,
                )  # fmt: skip
            else:
                continue
            _put(rgb, y, x, red, green, blue)
