"""A picture: bodies that rest once, those that move every time, edges again with more samples."""

from __future__ import annotations

from typing import Any

from worldsim.render import bounds, raster, shading
from worldsim.render.compiled import digest, entry, kernel
from worldsim.render.pixels import TIE, TILE, choose, paint, smooth
from worldsim.render.solids import MESH

Array = Any  # of numba's; its types are the layout's


@kernel
def _copy(source: Array, target: Array) -> None:
    """From one flat array to another, in a loop that becomes a block move."""
    for i in range(len(source)):
        target[i] = source[i]


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
            if view.near < found and found < view.far and found < TIE * depth[y, x]:
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
def _meshes(bodies: Array, view: Array, meshes: Array, layers: Array, room: Array) -> None:
    """Draw all meshes into the first z-buffer and the light map."""
    points, faces, starts = meshes
    nearness, owner, triangle = layers
    heights, ways, corners, before, _, _, _ = room
    if len(starts) > 0:
        raster.place_light_map(bodies, starts, view, ways, heights)
    for m in range(len(starts)):
        raster.clear(before[m], nearness)
    for m in range(len(starts)):
        number, v0, v1 = starts[m, 0], starts[m, 1], starts[m, 2]
        f0, f1 = starts[m, 3], starts[m, 4]
        body = bodies[number]
        for k in range(4):
            before[m, k] = body.rect[k]
        raster.draw_mesh(
            bodies, number, view, points[v0:v1], faces[f0:f1], f0, v0, corners, nearness, owner,
            triangle,
        )  # fmt: skip
        if view.shadows > 0 and body.casts:
            raster.draw_light_map(
                body, view, points[v0:v1], faces[f0:f1], v0, corners, ways, heights
            )


@kernel
def _sample_meshes(bodies: Array, view: Array, meshes: Array, layers: Array, room: Array) -> None:
    """Draw all meshes into the z-buffers of further samples, where wanted."""
    points, faces, starts = meshes
    nearness, owner, triangle = layers
    _, _, corners, _, _, _, wanted = room
    for m in range(len(starts)):
        number, v0, v1 = starts[m, 0], starts[m, 1], starts[m, 2]
        f0, f1 = starts[m, 3], starts[m, 4]
        raster.draw_samples(
            bodies, number, view, points[v0:v1], faces[f0:f1], f0, v0, corners, nearness, owner,
            triangle, wanted,
        )  # fmt: skip


@kernel
def _rest(
    bodies: Array, view: Array, resting: Array, touched: Array, meshes: Array, layers: Array,
    room: Array,
) -> None:  # fmt: skip
    """Draw the bodies that rest."""
    ids, depth, keys, rgb = resting
    points, faces, _ = meshes
    heights, _, _, _, near, shaded, _ = room
    for y in range(len(ids)):
        ids[y, :] = 0
        depth[y, :] = view.far
        touched[y, :] = 1
    _list(bodies, False, shaded)
    for i in range(len(bodies)):
        if bodies[i].still == 1 and bodies[i].kind > 0:
            _see(bodies[i], i, view, ids, depth)
    images = (ids, depth, keys, rgb, touched)
    shapes, light = (points, faces), (shaded, heights)
    paint(bodies, view, True, images, ids, layers[2], shapes, light)
    if view.samples > 1:
        smooth(bodies, view, False, images, near, layers, shapes, light)


@kernel
def _move(
    bodies: Array, view: Array, ids0: Array, images: Array, meshes: Array, layers: Array,
    room: Array,
) -> None:  # fmt: skip
    """Draw the bodies that move over what rests."""
    ids, depth, _, _, touched = images
    points, faces, starts = meshes
    heights, _, _, _, near, shaded, wanted = room
    for y in range(len(ids)):
        touched[y, :] = 0
    _list(bodies, True, shaded)
    _meshes(bodies, view, meshes, layers, room)
    for i in range(len(bodies)):
        body = bodies[i]
        if body.kind == 0 or body.still == 1:
            continue
        _mark(body.rect, touched)
        if body.casts and view.shadows > 0:
            _mark(body.shade, touched)
        if body.kind == MESH:
            _see_mesh(body, i, ids, depth, layers[0], layers[1])
        else:
            _see(body, i, view, ids, depth)
    shapes, light = (points, faces), (shaded, heights)
    paint(bodies, view, False, images, ids0, layers[2], shapes, light)
    if view.samples > 1:
        if len(starts) > 0:
            choose(images, layers[0], wanted)
            _sample_meshes(bodies, view, meshes, layers, room)
        smooth(bodies, view, len(starts) > 0, images, near, layers, shapes, light)


def _entry(version: int) -> Any:
    @entry
    def draw(
        bodies: Array, views: Array, fresh: bool, resting: Array, images: Array, flat: Array,
        meshes: Array, layers: Array, room: Array,
    ) -> int:  # fmt: skip
        """Draw all bodies; `fresh`: what rests has to be drawn anew. See Renderer."""
        view = views[0]
        bounds.place(bodies, view)
        if fresh:
            _rest(bodies, view, resting, images[4], meshes, layers, room)
        _copy(flat[0], flat[1])
        _copy(flat[2], flat[3])
        _copy(flat[4], flat[5])
        _copy(flat[6], flat[7])
        _move(bodies, view, resting[0], images, meshes, layers, room)
        return version

    return draw


draw = _entry(digest())
"""The compiled function; numba compiles it at its first call, or takes it from disk."""
