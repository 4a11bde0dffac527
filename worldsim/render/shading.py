"""What a ray meets, and the colour of that point: pattern, light, shadows, reflections."""

from __future__ import annotations

from math import floor, inf, sqrt
from typing import Any

from worldsim.render import solids
from worldsim.render.compiled import kernel
from worldsim.render.solids import BOX, CYLINDER, DISC, MESH, SPHERE

Array = Any  # of numba's; its types are the layout's
Point = tuple[float, float, float]

_CLOSE_M = 1e-5  # nearer than this a body does not shadow what it touches
_BIAS_TEXELS = 1.5  # of the light map, by which a mesh must be higher than what it shadows
_GROUND = 0.45  # how much of the pattern's contrast a chequered ground has
_UNDER = 0.68  # ambient light from below, as a share of that from above


@kernel
def reach(body: Array, x: float, y: float) -> float:
    """Depth at which the ray through (x, y) px meets a body that is no mesh; infinity: never."""
    dx = body.aim00 * x + body.aim01 * y + body.aim02
    dy = body.aim10 * x + body.aim11 * y + body.aim12
    dz = body.aim20 * x + body.aim21 * y + body.aim22
    kind = body.kind
    ex, ey, ez = body.eye0, body.eye1, body.eye2
    if kind == SPHERE:
        enter, leave = solids.sphere(ex, ey, ez, dx, dy, dz, body.half0)
    elif kind == BOX:
        ix, iy, iz = solids.inverse(dx), solids.inverse(dy), solids.inverse(dz)
        enter, leave = solids.box(
            ex, ey, ez, ix, iy, iz, body.half0, body.half1, body.half2
        )  # fmt: skip
    elif kind == CYLINDER:
        iz = solids.inverse(dz)
        enter, leave = solids.cylinder(ex, ey, ez, dx, dy, iz, body.half0, body.half2)
    else:
        enter, leave = solids.disc(ex, ey, ez, dx, dy, dz, body.half0, body.half2)
    return enter if enter <= leave else inf


@kernel
def blocked(body: Array, x: float, y: float, z: float, view: Array, k: int) -> bool:
    """True where a body that is no mesh is between a point and point `k` of the light."""
    gx, gy, gz = x - body.position0, y - body.position1, z - body.position2
    tx, ty, tz = view.directions[k, 0], view.directions[k, 1], view.directions[k, 2]
    ahead = -(gx * tx + gy * ty + gz * tz)
    size = body.reach
    if ahead < -size or gx * gx + gy * gy + gz * gz - ahead * ahead > size * size:
        return False
    if body.kind == SPHERE:
        return bool(ahead > 0.0)
    ox = body.turn00 * gx + body.turn10 * gy + body.turn20 * gz
    oy = body.turn01 * gx + body.turn11 * gy + body.turn21 * gz
    oz = body.turn02 * gx + body.turn12 * gy + body.turn22 * gz
    beams = body.beams
    if body.kind == BOX:
        enter, leave = solids.box(
            ox, oy, oz, beams[k, 3], beams[k, 4], beams[k, 5], body.half0, body.half1, body.half2
        )
    else:
        enter, leave = solids.cylinder(
            ox, oy, oz, beams[k, 0], beams[k, 1], beams[k, 5], body.half0, body.half2
        )
    return bool(enter <= leave and leave > _CLOSE_M)


@kernel
def behind(x: float, y: float, z: float, view: Array, k: int, heights: Array) -> bool:
    """True where a mesh is between a point and point `k` of the light: the light map is higher."""
    height = x * view.sun0 + y * view.sun1 + z * view.sun2
    if view.shadows > 1:
        # A slanted way enters the map where it crosses the middle of the meshes.
        tx, ty, tz = view.directions[k, 0], view.directions[k, 1], view.directions[k, 2]
        way = view.map_middle - height
        way = max(way, 0.0) / (tx * view.sun0 + ty * view.sun1 + tz * view.sun2)
        x, y, z = x + way * tx, y + way * ty, z + way * tz
    u = x * view.across00 + y * view.across01 + z * view.across02
    v = x * view.across10 + y * view.across11 + z * view.across12
    u, v = (u - view.map_u) * view.map_scale, (v - view.map_v) * view.map_scale
    size = heights.shape[0]
    if u < 0.0 or v < 0.0 or u >= size or v >= size:
        return False
    return bool(heights[int(v), int(u)] > height + _BIAS_TEXELS / view.map_scale)


@kernel
def lit(
    bodies: Array, number: int, x: float, y: float, z: float, view: Array, shaded: Array,
    row: int, column: int, heights: Array,
) -> int:  # fmt: skip
    """How many of the `view.shadows` directions to the light are free for a point of a body."""
    free = 0
    for k in range(view.shadows):
        clear, mapped = True, False
        for c in range(1, 1 + shaded[row, column, 0]):
            other = shaded[row, column, c]
            if bodies[other].kind == MESH:
                mapped = True
            elif other != number and blocked(bodies[other], x, y, z, view, k):
                clear = False
                break
        if clear and mapped:
            clear = not behind(x, y, z, view, k, heights)
        free += 1 if clear else 0
    return free


@kernel
def mesh_normal(
    px: float, py: float, pz: float, points: Array, faces: Array, triangle: int
) -> Point:
    """The normal, not of length 1, at a point of a triangle; `points` (V, 6) with their normals."""
    a, b, c = faces[triangle, 0], faces[triangle, 1], faces[triangle, 2]
    x, y, z = points[a, 0], points[a, 1], points[a, 2]
    ux, uy, uz = points[b, 0] - x, points[b, 1] - y, points[b, 2] - z
    vx, vy, vz = points[c, 0] - x, points[c, 1] - y, points[c, 2] - z
    wx, wy, wz = px - x, py - y, pz - z
    uu, uv = ux * ux + uy * uy + uz * uz, ux * vx + uy * vy + uz * vz
    vv = vx * vx + vy * vy + vz * vz
    wu, wv = wx * ux + wy * uy + wz * uz, wx * vx + wy * vy + wz * vz
    area = max(uu * vv - uv * uv, 1e-30)
    share_b = min(max((vv * wu - uv * wv) / area, 0.0), 1.0)
    share_c = min(max((uu * wv - uv * wu) / area, 0.0), 1.0)
    share_a = max(1.0 - share_b - share_c, 0.0)
    return (
        share_a * points[a, 3] + share_b * points[b, 3] + share_c * points[c, 3],
        share_a * points[a, 4] + share_b * points[b, 4] + share_c * points[c, 4],
        share_a * points[a, 5] + share_b * points[b, 5] + share_c * points[c, 5],
    )


@kernel
def face_of(body: Array, x: float, y: float, z: float) -> tuple[int, float, float, float]:
    """Number and normal of the face of a solid that a point (in its frame) lies on."""
    if body.kind == SPHERE:
        return 0, x * body.over0, y * body.over0, z * body.over0
    if body.kind == DISC:
        return 0, 0.0, 0.0, 1.0
    up = abs(z) * body.over2
    sign = 1.0 if z > 0.0 else -1.0
    if body.kind == CYLINDER:
        if up * up * body.half0 * body.half0 >= x * x + y * y:
            return (1 if z > 0.0 else 2), 0.0, 0.0, sign
        return 0, x * body.over0, y * body.over0, 0.0
    along, aside = abs(x) * body.over0, abs(y) * body.over1
    if up >= along and up >= aside:
        return (1 if z > 0.0 else 2), 0.0, 0.0, sign
    if along >= aside:
        return (3 if x > 0.0 else 4), (1.0 if x > 0.0 else -1.0), 0.0, 0.0
    return (5 if y > 0.0 else 6), 0.0, (1.0 if y > 0.0 else -1.0), 0.0


@kernel
def pattern(body: Array, face: int, x: float, y: float, z: float) -> int:
    """1 in the dark parts of a body's pattern, else 0."""
    if body.cells > 0.0:
        if face != 1:
            return 0
        return int((int(floor(x * body.cells)) + int(floor(y * body.cells))) & 1)
    if body.octants == 0:
        return 0
    return int((x > 0.0) ^ (y > 0.0) ^ (z > 0.0))


@kernel
def sky(view: Array, x: float, y: float, z: float, channel: int) -> float:
    """What is seen in a direction (of any length) where nothing stands."""
    up = z / sqrt(x * x + y * y + z * z)
    if up >= 0.0:
        return float(view.horizon[channel] + up * (view.zenith[channel] - view.horizon[channel]))
    down = min(1.0, -4.0 * up)
    return float(view.horizon[channel] + down * (view.nadir[channel] - view.horizon[channel]))


@kernel
def color(
    body: Array, view: Array, dark: int, sun: float, nx: float, ny: float, nz: float,
    dx: float, dy: float, dz: float,
) -> Point:  # fmt: skip
    """RGB in 0..1 of a surface with normal n (of length 1) seen along d; `sun`: share of it."""
    contrast = view.texture * (_GROUND if body.cells > 0.0 else 1.0)
    tone = 1.0 - contrast * dark
    facing = nx * view.sun0 + ny * view.sun1 + nz * view.sun2
    direct = sun * max(facing, 0.0)
    around = 0.5 * (1.0 + _UNDER) + 0.5 * (1.0 - _UNDER) * nz
    glint, mirror = 0.0, view.mirror
    along = nx * dx + ny * dy + nz * dz
    rx, ry, rz = dx - 2.0 * along * nx, dy - 2.0 * along * ny, dz - 2.0 * along * nz
    if view.gloss > 0.0 and direct > 0.0 and body.cells == 0.0:
        # Blinn's model: the half vector's cosine to the 32nd, which needs no pow.
        length = 1.0 / sqrt(dx * dx + dy * dy + dz * dz)
        hx, hy, hz = (view.sun0 - dx * length, view.sun1 - dy * length,
                      view.sun2 - dz * length)  # fmt: skip
        cosine = (nx * hx + ny * hy + nz * hz) / sqrt(hx * hx + hy * hy + hz * hz)
        glint = max(cosine, 0.0)
        for _ in range(5):
            glint *= glint
        glint *= view.gloss * sun
    if body.cells > 0.0:
        mirror *= 0.3
    red = body.rgb0 * tone * (view.ambient_rgb0 * around + view.sun_rgb0 * direct)
    green = body.rgb1 * tone * (view.ambient_rgb1 * around + view.sun_rgb1 * direct)
    blue = body.rgb2 * tone * (view.ambient_rgb2 * around + view.sun_rgb2 * direct)
    if mirror > 0.0:
        # A metal tints what it reflects.
        red += mirror * ((0.3 + 0.7 * body.rgb0) * sky(view, rx, ry, rz, 0) - red)
        green += mirror * ((0.3 + 0.7 * body.rgb1) * sky(view, rx, ry, rz, 1) - green)
        blue += mirror * ((0.3 + 0.7 * body.rgb2) * sky(view, rx, ry, rz, 2) - blue)
    return (red + glint * view.sun_rgb0, green + glint * view.sun_rgb1,
            blue + glint * view.sun_rgb2)  # fmt: skip
