"""Triangle meshes by z-buffer: from the camera, once for a pixel's first sample and once for the
others where they are needed, and from the light, for the shadow that the mesh throws."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import numpy as np

from worldsim.render.compiled import kernel

Array = Any  # of numba's; its types are the layout's


@kernel
def clear(rect: Array, nearness: Array) -> None:
    """Empty the first of the z-buffers (S, H, W) within a body's rectangle."""
    for y in range(rect[1], rect[3]):
        for x in range(rect[0], rect[2]):
            nearness[0, y, x] = 0.0


@kernel
def draw_mesh(
    bodies: Array, number: int, view: Array, points: Array, faces: Array, first: int, base: int,
    corners: Array, nearness: Array, owner: Array, triangle: Array,
) -> None:  # fmt: skip
    """Enter a body's triangles into the first of the z-buffers (S, H, W) of 1 / depth.

    Both sides are drawn: meshes may have gaps, through which the far side is seen.

    `points` (V, 6: vertices, normals) and `faces` are those of this mesh, the first of them number
    `base` and `first` of all; `corners` (V, 3) is room for its vertices in the image.
    """
    body = bodies[number]
    _project(body, view, points, corners)
    u0, v0 = view.offsets[0, 0], view.offsets[0, 1]
    mine = np.int32(number)
    rect0, rect1, rect2, rect3 = body.rect0, body.rect1, body.rect2, body.rect3
    for f in range(len(faces)):
        a, b, c = faces[f, 0] - base, faces[f, 1] - base, faces[f, 2] - base
        xa, ya, wa = corners[a, 0], corners[a, 1], corners[a, 2]
        xb, yb, wb = corners[b, 0], corners[b, 1], corners[b, 2]
        xc, yc, wc = corners[c, 0], corners[c, 1], corners[c, 2]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area == 0.0 or wa <= 0.0 or wb <= 0.0 or wc <= 0.0:
            continue
        left, right = min(xa, xb, xc), max(xa, xb, xc)
        top, bottom = min(ya, yb, yc), max(ya, yb, yc)
        if left >= rect2 or top >= rect3 or right <= rect0 or bottom <= rect1:
            continue
        scale, this = 1.0 / area, np.int32(first + f)
        # Barycentric weights of b and c are planes over the image, and so is 1 / depth.
        bx, by = (yc - ya) * scale, (xa - xc) * scale
        cx, cy = (ya - yb) * scale, (xb - xa) * scale
        x0, x1 = max(int(ceil(left - u0)), rect0), min(int(floor(right - u0)) + 1, rect2)
        y0, y1 = max(int(ceil(top - v0)), rect1), min(int(floor(bottom - v0)) + 1, rect3)
        for y in range(y0, y1):
            v = y + v0 - ya
            row_b, row_c = v * by, v * cy
            for x in range(x0, x1):
                u = x + u0 - xa
                share_b = u * bx + row_b
                share_c = u * cx + row_c
                share_a = 1.0 - share_b - share_c
                near = share_a * wa + share_b * wb + share_c * wc
                inside = (share_a >= 0.0) & (share_b >= 0.0) & (share_c >= 0.0)
                # Selected without a branch, which would be guessed wrong half the time.
                known, whose, which = nearness[0, y, x], owner[0, y, x], triangle[0, y, x]
                closer = inside & (near > known)
                nearness[0, y, x] = near if closer else known
                owner[0, y, x] = mine if closer else whose
                triangle[0, y, x] = this if closer else which


@kernel
def draw_samples(
    bodies: Array, number: int, view: Array, points: Array, faces: Array, first: int, base: int,
    corners: Array, nearness: Array, owner: Array, triangle: Array, wanted: Array,
) -> None:  # fmt: skip
    """As `draw_mesh`, into the other z-buffers, in the pixels that are `wanted` (H, W)."""
    body = bodies[number]
    if not _any(body.rect, wanted):
        return
    _project(body, view, points, corners)
    rect0, rect1, rect2, rect3 = body.rect0, body.rect1, body.rect2, body.rect3
    for f in range(len(faces)):
        a, b, c = faces[f, 0] - base, faces[f, 1] - base, faces[f, 2] - base
        xa, ya, wa = corners[a, 0], corners[a, 1], corners[a, 2]
        xb, yb, wb = corners[b, 0], corners[b, 1], corners[b, 2]
        xc, yc, wc = corners[c, 0], corners[c, 1], corners[c, 2]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area == 0.0 or wa <= 0.0 or wb <= 0.0 or wc <= 0.0:
            continue
        left, right = min(xa, xb, xc), max(xa, xb, xc)
        top, bottom = min(ya, yb, yc), max(ya, yb, yc)
        if left >= rect2 or top >= rect3 or right <= rect0 or bottom <= rect1:
            continue
        scale = 1.0 / area
        bx, by = (yc - ya) * scale, (xa - xc) * scale
        cx, cy = (ya - yb) * scale, (xb - xa) * scale
        for y in range(max(int(floor(top)), rect1), min(int(floor(bottom)) + 1, rect3)):
            for x in range(max(int(floor(left)), rect0), min(int(floor(right)) + 1, rect2)):
                if wanted[y, x] == 0:
                    continue
                for k in range(1, 1 + view.samples):
                    u0, v0 = view.offsets[k, 0], view.offsets[k, 1]
                    if left - u0 > x or x > right - u0 or top - v0 > y or y > bottom - v0:
                        continue
                    u, v = x + u0 - xa, y + v0 - ya
                    share_b = u * bx + v * by
                    share_c = u * cx + v * cy
                    share_a = 1.0 - share_b - share_c
                    near = share_a * wa + share_b * wb + share_c * wc
                    inside = (share_a >= 0.0) & (share_b >= 0.0) & (share_c >= 0.0)
                    if inside & (near > nearness[k, y, x]):
                        nearness[k, y, x] = near
                        owner[k, y, x] = number
                        triangle[k, y, x] = first + f


@kernel
def _any(rect: Array, wanted: Array) -> bool:
    for y in range(rect[1], rect[3]):
        for x in range(rect[0], rect[2]):
            if wanted[y, x] != 0:
                return True
    return False


@kernel
def _project(body: Array, view: Array, points: Array, corners: Array) -> None:
    """Vertices in the image, px, and 1 / depth (0 behind the near plane)."""
    t00, t01, t02 = body.turn00, body.turn01, body.turn02
    t10, t11, t12 = body.turn10, body.turn11, body.turn12
    t20, t21, t22 = body.turn20, body.turn21, body.turn22
    a00, a01, a02 = view.axes00, view.axes01, view.axes02
    a10, a11, a12 = view.axes10, view.axes11, view.axes12
    a20, a21, a22 = view.axes20, view.axes21, view.axes22
    mx, my = 0.5 * view.width, 0.5 * view.height
    focal, nearest = view.focal, view.near
    gx = body.position[0] - view.eye[0]
    gy = body.position[1] - view.eye[1]
    gz = body.position[2] - view.eye[2]
    for i in range(len(points)):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        x = gx + t00 * px + t01 * py + t02 * pz
        y = gy + t10 * px + t11 * py + t12 * pz
        z = gz + t20 * px + t21 * py + t22 * pz
        depth = a20 * x + a21 * y + a22 * z
        if depth <= nearest:
            corners[i, 2] = 0.0
            continue
        near = 1.0 / depth
        corners[i, 0] = (a00 * x + a01 * y + a02 * z) * near * focal + mx
        corners[i, 1] = (a10 * x + a11 * y + a12 * z) * near * focal + my
        corners[i, 2] = near


@kernel
def place_light_map(bodies: Array, starts: Array, view: Array, ways: Array, heights: Array) -> None:
    """Lay the light map (M, M) over all meshes, and empty it.

    `ways` (6, 4) is room: rows 0 to 2 lead along `across` and to the sun.
    """
    for i in range(heights.shape[0]):
        heights[i, :] = -np.inf
    for j in range(3):
        ways[0, j], ways[1, j], ways[2, j] = view.across[0, j], view.across[1, j], view.sun[j]
    for k in range(3):
        low, high = np.inf, -np.inf
        for m in range(len(starts)):
            body = bodies[starts[m, 0]]
            along = 0.0
            for j in range(3):
                along += ways[k, j] * body.position[j]
            low, high = min(low, along - body.reach), max(high, along + body.reach)
        ways[k, 3], ways[k + 3, 3] = low, high
    span = max(ways[3, 3] - ways[0, 3], ways[4, 3] - ways[1, 3])
    view.map_scale = heights.shape[0] / span
    view.map_u = 0.5 * (ways[0, 3] + ways[3, 3] - span)
    view.map_v = 0.5 * (ways[1, 3] + ways[4, 3] - span)
    view.map_middle = 0.5 * (ways[2, 3] + ways[5, 3])


@kernel
def draw_light_map(
    body: Array, view: Array, points: Array, faces: Array, base: int, corners: Array,
    ways: Array, heights: Array,
) -> None:  # fmt: skip
    """Enter how high a mesh reaches towards the light."""
    _lay(body, view, points, ways, corners)
    size = heights.shape[0]
    for f in range(len(faces)):
        a, b, c = faces[f, 0] - base, faces[f, 1] - base, faces[f, 2] - base
        xa, ya, ha = corners[a, 0], corners[a, 1], corners[a, 2]
        xb, yb, hb = corners[b, 0], corners[b, 1], corners[b, 2]
        xc, yc, hc = corners[c, 0], corners[c, 1], corners[c, 2]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area == 0.0:
            continue
        left, right = max(int(ceil(min(xa, xb, xc) - 0.5)), 0), int(floor(max(xa, xb, xc) + 0.5))
        top, bottom = max(int(ceil(min(ya, yb, yc) - 0.5)), 0), int(floor(max(ya, yb, yc) + 0.5))
        scale = 1.0 / area
        for y in range(top, min(bottom, size)):
            v = y + 0.5 - ya
            row_b, row_c = v * (xc - xa), v * (xb - xa)
            for x in range(left, min(right, size)):
                u = x + 0.5 - xa
                share_b = (u * (yc - ya) - row_b) * scale
                share_c = (row_c - u * (yb - ya)) * scale
                height = ha + share_b * (hb - ha) + share_c * (hc - ha)
                inside = (share_b >= 0.0) & (share_c >= 0.0) & (share_b + share_c <= 1.0)
                known = heights[y, x]
                heights[y, x] = height if inside & (height > known) else known


@kernel
def _lay(body: Array, view: Array, points: Array, ways: Array, corners: Array) -> None:
    """Vertices in the light map, px, and their height towards the light, m."""
    for k in range(3):
        scale = view.map_scale if k < 2 else 1.0
        for j in range(3):
            ways[k + 3, j] = 0.0
            for i in range(3):
                ways[k + 3, j] += scale * ways[k, i] * body.turn[i, j]
        shift = 0.0 if k == 2 else -view.map_u if k == 0 else -view.map_v
        for i in range(3):
            shift += ways[k, i] * body.position[i]
        ways[k + 3, 3] = scale * shift
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for k in range(3):
            way = k + 3
            corners[i, k] = ways[way, 0] * x + ways[way, 1] * y + ways[way, 2] * z + ways[way, 3]
