"""A picture: bodies that rest once, those that move every time, edges again with more samples."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from worldsim.render import bounds, raster, shading
from worldsim.render.compiled import digest, entry, kernel
from worldsim.render.solids import MESH

Array = Any  # of numba's; its types are the layout's

TILE = 8  # px
CHANGED = 2  # a touched pixel (1) that shows something else than what rests there
_TIE = 1.0 + 2e-6  # surfaces that meet: the later body's, not now one's and now the other's
KEY_FREE = 32  # a key modulo this is how many directions to the light are free


@kernel
def _copy(source: Array, target: Array) -> None:
    """In one loop, which becomes a block move."""
    flat, into = source.ravel(), target.ravel()
    for i in range(flat.size):
        into[i] = flat[i]


@kernel
def _list(bodies: Array, moving: bool, shaded: Array) -> None:
    """Which bodies may throw a shadow in a tile: int32 (rows, columns, 1 + N), the count first."""
    shaded[:, :, 0] = 0
    for i in range(len(bodies)):
        body = bodies[i]
        if body.kind == 0 or body.casts == 0 or not (moving or body.still == 1):
            continue
        rect = body.shade
        if rect[0] >= rect[2] or rect[1] >= rect[3]:
            continue
        for row in range(rect[1] // TILE, (rect[3] - 1) // TILE + 1):
            for column in range(rect[0] // TILE, (rect[2] - 1) // TILE + 1):
                count = shaded[row, column, 0] + 1
                shaded[row, column, 0] = count
                shaded[row, column, count] = i


@kernel
def _mark(rect: Array, touched: Array) -> None:
    """Mark a rectangle and the pixels next to it."""
    height, width = touched.shape
    for y in range(max(rect[1] - 1, 0), min(rect[3] + 1, height)):
        for x in range(max(rect[0] - 1, 0), min(rect[2] + 1, width)):
            touched[y, x] = 1


@kernel
def _see(body: Array, number: int, view: Array, ids: Array, depth: Array) -> None:
    """Enter a body that is no mesh where it is nearest."""
    u, v = view.offsets[0, 0], view.offsets[0, 1]
    for y in range(body.rect1, body.rect3):
        for x in range(body.rect0, body.rect2):
            found = shading.reach(body, x + u, y + v)
            if view.near < found and found < view.far and found < _TIE * depth[y, x]:
                depth[y, x] = found
                ids[y, x] = number + 1


@kernel
def _see_mesh(
    body: Array, number: int, ids: Array, depth: Array, nearness: Array, owner: Array
) -> None:
    """Take over what the z-buffer holds of a mesh, at the first sample."""
    for y in range(body.rect1, body.rect3):
        for x in range(body.rect0, body.rect2):
            if owner[0, y, x] == number and nearness[0, y, x] * depth[y, x] > 1.0:
                depth[y, x] = 1.0 / nearness[0, y, x]
                ids[y, x] = number + 1


@kernel
def _point(
    bodies: Array, number: int, depth: float, x: float, y: float, view: Array, triangle: int,
    points: Array, faces: Array, shaded: Array, heights: Array, known: int,
) -> tuple[int, float, float, float]:  # fmt: skip
    """Key and RGB of what is seen at (x, y) px: body `number` (-1: nothing) at this depth.

    Points with the same key differ by shading only; where the key is `known`, RGB is left out.
    """
    scale = 1.0 / view.focal
    px, py = (x - 0.5 * view.width) * scale, (y - 0.5 * view.height) * scale
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
        mx, my, mz = shading.mesh_normal(bx, by, bz, points, faces, triangle)
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
            row, column = int(y) // TILE, int(x) // TILE
            wx, wy, wz = (view.eye0 + depth * dx, view.eye1 + depth * dy,
                          view.eye2 + depth * dz)  # fmt: skip
            if body.kind == MESH:  # off the surface, or it would shadow itself
                off = 2.0 / view.map_scale
                wx, wy, wz = wx + off * nx, wy + off * ny, wz + off * nz
            free = shading.lit(
                bodies, number, wx, wy, wz, view, shaded, row, column, heights
            )  # fmt: skip
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
    """How many bodies are seen in a pixel and the eight round it; `near` gets their numbers."""
    height, width = ids.shape
    count = 0
    for j in range(max(y - 1, 0), min(y + 2, height)):
        for i in range(max(x - 1, 0), min(x + 2, width)):
            number = int(ids[j, i]) - 1
            known = number < 0
            for c in range(count):
                known |= near[c] == number
            if not known:
                near[count] = number
                count += 1
    return count


@kernel
def _sampled(
    bodies: Array, x: int, y: int, view: Array, ids: Array, near: Array, meshes: bool,
    nearness: Array, owner: Array, triangle: Array, points: Array, faces: Array, shaded: Array,
    heights: Array,
) -> tuple[float, float, float]:  # fmt: skip
    """The mean RGB of a pixel's samples."""
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
                if view.near < found and found < nearest:
                    nearest, number = found, near[c]
        if meshes and nearness[k, y, x] * nearest > 1.0:
            nearest, number = 1.0 / nearness[k, y, x], int(owner[k, y, x])
            corner = triangle[k, y, x]
        key, red_k, green_k, blue_k = _point(
            bodies, number, nearest, u, v, view, corner, points, faces, shaded, heights, known
        )  # fmt: skip
        if key != known or key == 0:
            known, r, g, b = key, red_k, green_k, blue_k
        red, green, blue = red + r, green + g, blue + b
    return red / view.samples, green / view.samples, blue / view.samples


@kernel
def _stays(
    bodies: Array, x: int, y: int, depth: float, view: Array, key: int, shaded: Array,
    heights: Array,
) -> bool:  # fmt: skip
    """True where no moving body throws its shadow on what rests and is seen in pixel (x, y)."""
    if view.shadows == 0 or key == 0 or (key - 1) % KEY_FREE == 0:
        return True
    row, column = y // TILE, x // TILE
    u = (x + view.offsets[0, 0] - 0.5 * view.width) / view.focal
    v = (y + view.offsets[0, 1] - 0.5 * view.height) / view.focal
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
def _paint(
    bodies: Array, view: Array, fresh: bool, meshes: bool, touched: Array, ids: Array,
    depth: Array, keys: Array, rgb: Array, ids0: Array, nearness: Array, owner: Array,
    triangle: Array, points: Array, faces: Array, shaded: Array,
    heights: Array,
) -> None:  # fmt: skip
    """Colour the touched pixels at their first sample; those that change are CHANGED then."""
    height, width = ids.shape
    u, v = view.offsets[0, 0], view.offsets[0, 1]
    for y in range(height):
        for x in range(width):
            if touched[y, x] == 0:
                continue
            if not fresh and ids[y, x] == ids0[y, x]:
                if _stays(
                    bodies, x, y, depth[y, x], view, keys[y, x], shaded, heights
                ):  # fmt: skip
                    continue
            touched[y, x] = CHANGED
            keys[y, x], red, green, blue = _point(
                bodies, int(ids[y, x]) - 1, depth[y, x], x + u, y + v, view, triangle[0, y, x],
                points, faces, shaded, heights, -1,
            )  # fmt: skip
            _put(rgb, y, x, red, green, blue)


@kernel
def _smooth(
    bodies: Array, view: Array, meshes: bool, touched: Array, ids: Array, depth: Array,
    keys: Array, rgb: Array, near: Array, nearness: Array, owner: Array, triangle: Array,
    points: Array, faces: Array, shaded: Array, heights: Array,
) -> None:  # fmt: skip
    """Colour edges that have changed, or run beside what has, by several samples."""
    height, width = ids.shape
    u, v = view.offsets[0, 0], view.offsets[0, 1]
    for y in range(height):
        for x in range(width):
            if touched[y, x] == 0:
                continue
            key, edge, changed = keys[y, x], False, touched[y, x] == CHANGED
            for n in range(4):
                i = min(max(y + (n == 0) - (n == 1), 0), height - 1)
                j = min(max(x + (n == 2) - (n == 3), 0), width - 1)
                edge |= keys[i, j] != key
                changed |= touched[i, j] == CHANGED
            if not changed:
                continue
            if edge:
                red, green, blue = _sampled(
                    bodies, x, y, view, ids, near, meshes, nearness, owner, triangle, points,
                    faces, shaded, heights,
                )  # fmt: skip
            elif touched[y, x] != CHANGED:  # an edge was here before
                _, red, green, blue = _point(
                    bodies, int(ids[y, x]) - 1, depth[y, x], x + u, y + v, view, triangle[0, y, x],
                    points, faces, shaded, heights, -1,
                )  # fmt: skip
            else:
                continue
            _put(rgb, y, x, red, green, blue)


@kernel
def _meshes(
    bodies: Array, view: Array, points: Array, faces: Array, starts: Array,
    corners: Array, nearness: Array, owner: Array, triangle: Array, heights: Array, touched: Array,
    before: Array,
) -> None:  # fmt: skip
    """Draw all meshes into z-buffers and light maps; `before`: the rectangles of the last time."""
    if len(starts) > 0:
        raster.place_light_map(bodies, starts, view, heights)
    for m in range(len(starts)):
        raster.clear(before[m], nearness)
    for m in range(len(starts)):
        number, v0, v1, f0, f1 = (starts[m, 0], starts[m, 1], starts[m, 2], starts[m, 3],
                                  starts[m, 4])  # fmt: skip
        body = bodies[number]
        before[m] = body.rect
        raster.draw_mesh(
            bodies, number, view, points[v0:v1], faces[f0:f1], f0, v0, corners, nearness, owner,
            triangle,
        )  # fmt: skip
        if view.shadows > 0 and body.casts:
            raster.draw_light_map(body, view, points[v0:v1], faces[f0:f1], v0, corners, heights)


def _entry(version: int) -> Any:
    @entry
    def draw(
        bodies: Array, views: Array, fresh: bool, resting: Any, drawn: Any, meshes: Any,
        lists: Any,
    ) -> int:  # fmt: skip
        """Draw all bodies; `fresh`: what rests has to be drawn anew. See Renderer."""
        ids0, depth0, keys0, rgb0 = resting
        ids, depth, keys, rgb, touched = drawn
        (points, faces, starts, corners, nearness, owner, triangle, heights,
         before) = meshes  # fmt: skip
        near, shaded = lists
        view = views[0]
        bounds.place(bodies, view)
        height, width = ids.shape
        if fresh:
            _list(bodies, False, shaded)
            ids0[:, :] = 0
            depth0[:, :] = view.far
            touched[:, :] = 1
            for i in range(len(bodies)):
                if bodies[i].still == 1 and bodies[i].kind > 0:
                    _see(bodies[i], i, view, ids0, depth0)
            _paint(
                bodies, view, True, False, touched, ids0, depth0, keys0, rgb0, ids0, nearness,
                owner, triangle, points, faces, shaded, heights,
            )  # fmt: skip
            if view.samples > 1:
                _smooth(
                    bodies, view, False, touched, ids0, depth0, keys0, rgb0, near, nearness, owner,
                    triangle, points, faces, shaded, heights,
                )  # fmt: skip
        _copy(ids0, ids)
        _copy(depth0, depth)
        _copy(keys0, keys)
        _copy(rgb0, rgb)
        touched.ravel()[:] = 0
        _list(bodies, True, shaded)
        _meshes(
            bodies, view, points, faces, starts, corners, nearness, owner, triangle,
            heights, touched, before,
        )  # fmt: skip
        for i in range(len(bodies)):
            body = bodies[i]
            if body.kind == 0 or body.still == 1:
                continue
            _mark(body.rect, touched)
            if body.casts and view.shadows > 0:
                _mark(body.shade, touched)
            if body.kind == MESH:
                _see_mesh(body, i, ids, depth, nearness, owner)
            else:
                _see(body, i, view, ids, depth)
        _paint(
            bodies, view, False, len(starts) > 0, touched, ids, depth, keys, rgb, ids0, nearness,
            owner, triangle, points, faces, shaded, heights,
        )  # fmt: skip
        if view.samples > 1:
            _smooth(
                bodies, view, len(starts) > 0, touched, ids, depth, keys, rgb, near, nearness,
                owner, triangle, points, faces, shaded, heights,
            )  # fmt: skip
        return version

    return draw


draw = _entry(digest())
"""The compiled function; numba compiles it at its first call, or takes it from disk."""
