"""A scene as the records and arrays that the kernels read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.render import solids
from worldsim.render.layout import BODY, MOST_SAMPLES, SOFT, VIEW
from worldsim.render.surfaces import surface
from worldsim.sim.scene import Body, Scene

Float = NDArray[np.float64]

GROUND_M = 1.5
"""A level box that rests and is at least so long and wide is a ground."""
_SOFT_RAD = 0.05  # angular radius of a wide light
_FINE_PX = 128  # wide images have all faces of an asset: without, its outline is 0.4 % off
_MAP, _MOST_MAP = 2, 1024  # px of the light map for one of the image, and its most
# Samples of a pixel, no two in a row or column: rotated grid (4), eight rooks (8).
_OFFSETS = {
    1: (),
    4: ((0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875)),
    8: (
        (0.5625, 0.0625), (0.3125, 0.1875), (0.8125, 0.3125), (0.0625, 0.4375),
        (0.6875, 0.5625), (0.1875, 0.6875), (0.9375, 0.8125), (0.4375, 0.9375),
    ),
}  # fmt: skip
_KINDS = {
    "sphere": solids.SPHERE,
    "box": solids.BOX,
    "cylinder": solids.CYLINDER,
    "mesh": solids.MESH,
}


def body_records(scene: Scene) -> NDArray[Any]:
    """What the kernels know of bodies (N,), poses left out."""
    records = np.zeros(len(scene.bodies), BODY)
    records["quaternion"] = (0.0, 0.0, 0.0, 1.0)
    for body, record in zip(scene.bodies, records, strict=True):
        if body.role == "camera":
            continue
        record["kind"] = _KINDS[body.shape]
        record["half"], record["reach"] = _extent_m(body)
        record["over"] = 1.0 / record["half"]
        record["rgb"] = body.color_rgb
        record["still"] = not body.moves and body.shape != "mesh"
        record["casts"] = body.role != "marker" and not _is_ground(body)
        record["octants"] = body.role in ("free", "actuated") and not body.asset
        record["cells"] = 1.0 / body.chequer_m if body.chequer_m else 0.0
        if body.shape == "cylinder" and body.role == "marker":
            record["kind"] = solids.DISC
    return records


def _extent_m(body: Body) -> tuple[Float, float]:
    """Half edges of the box that holds a body about its origin, and its radius about that."""
    if body.shape == "mesh":
        vertices = surface(body)[0]
        return np.abs(vertices).max(0), float(np.linalg.norm(vertices, axis=1).max())
    if body.shape == "box":
        half = 0.5 * np.array(body.size_m)
        return half, float(np.linalg.norm(half))
    radius_m, half_m = body.size_m[0], 0.5 * body.height_m
    half = np.array([radius_m, radius_m, half_m])
    return half, radius_m if body.shape == "sphere" else float(np.hypot(radius_m, half_m))


def _is_ground(body: Body) -> bool:
    level = body.orientation_xyzw[:2] == (0.0, 0.0)
    large = body.shape == "box" and min(body.size_m[:2]) >= GROUND_M
    return body.role == "static" and level and large


def view_record(
    scene: Scene, pose: tuple[Float, Float] | None = None, record: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Camera, light and look (1,); from the position and xyzw of `pose`, into `record`."""
    if record is None:
        record = np.zeros(1, VIEW)
        _set_light(scene, record[0])
    view, camera = record[0], scene.camera
    if pose is None:
        view["eye"], view["axes"] = camera.position_m, camera.world_from_camera[:3, :3].T
    else:
        view["eye"], view["axes"] = pose[0], Rotation.from_quat(pose[1]).as_matrix().T
    view["focal"], view["near"], view["far"] = camera.focal_px, camera.near_m, camera.far_m
    view["pixel"] = 1.0 / camera.focal_px
    view["width"], view["height"] = camera.width_px, camera.height_px
    return record


def _set_light(scene: Scene, view: Any) -> None:
    light, look = scene.light, scene.look
    sun = np.array(look.sun_direction or light.direction, float)
    sun /= max(float(np.linalg.norm(sun)), 1e-12)
    samples = _OFFSETS[look.samples]
    view["samples"] = look.samples
    view["offsets"][: 1 + MOST_SAMPLES] = 0.5
    view["offsets"][: 1 + len(samples)] = (scene.camera.sample_px, *samples)
    view["sun"] = sun
    view["shadows"] = {"none": 0, "hard": 1, "soft": SOFT}[look.shadows]
    view["across"] = _across(sun)
    view["spread"] = np.tan(_SOFT_RAD) if look.shadows == "soft" else 0.0
    view["directions"] = _cone(sun) if look.shadows == "soft" else sun
    brightest = light.ambient + light.diffuse
    scale = 1.0 / max(brightest, 1.0)
    view["sun_rgb"] = scale * light.diffuse * np.array(look.sun_rgb)
    view["ambient_rgb"] = scale * light.ambient * np.array(look.ambient_rgb)
    for name in ("texture", "gloss", "mirror"):
        view[name] = getattr(look, name)
    view["zenith"], view["horizon"] = look.zenith_rgb, look.horizon_rgb
    view["nadir"] = look.nadir_rgb
    grounds = [b.position_m[2] + 0.5 * b.size_m[2] for b in scene.bodies if _is_ground(b)]
    lows = [b.position_m[2] - _extent_m(b)[1] for b in scene.bodies if b.role != "camera"]
    view["floor"] = min(grounds, default=min(lows, default=0.0))


def _across(sun: Float) -> Float:
    """Two directions (2, 3) at right angles to the light and to each other, right-handed."""
    aside = np.cross(np.eye(3)[np.abs(sun).argmin()], sun)
    aside /= np.linalg.norm(aside)
    return np.stack([aside, np.cross(sun, aside)])


def _cone(sun: Float) -> Float:
    """Directions (SOFT, 3) evenly over a wide light: Vogel's spiral."""
    number = np.arange(SOFT)
    radius = np.tan(_SOFT_RAD) * np.sqrt((number + 0.5) / SOFT)
    angle = number * np.pi * (3.0 - np.sqrt(5.0))
    places = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    directions: Float = sun + places @ _across(sun)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions


def mesh_arrays(scene: Scene) -> tuple[NDArray[Any], ...]:
    """Surfaces of all mesh bodies in one: points (V, 6) with normals, faces (F, 3), and for each
    its body, its first and last point and its first and last face (M, 5)."""
    owners = [i for i, body in enumerate(scene.bodies) if body.shape == "mesh"]
    fine = scene.camera.width_px >= _FINE_PX
    parts = [surface(scene.bodies[i], fine) for i in owners]
    firsts = np.cumsum([0, *(len(vertices) for vertices, _, _ in parts)])
    faces = [faces + first for (_, _, faces), first in zip(parts, firsts, strict=False)]
    ends = np.cumsum([0, *(len(part) for part in faces)])
    starts = zip(owners, firsts, firsts[1:], ends, ends[1:], strict=False)
    return (
        np.concatenate([np.zeros((0, 6)), *(np.hstack(part[:2]) for part in parts)]),
        np.concatenate([np.zeros((0, 3), np.int64), *faces]),
        np.array(list(starts), np.int64).reshape(-1, 5),
    )


def layer_arrays(scene: Scene) -> tuple[NDArray[Any], ...]:
    """The z-buffers of meshes (S, H, W), one a sample: 1 / depth, body and triangle."""
    meshes = any(body.shape == "mesh" for body in scene.bodies)
    samples = 1 + scene.look.samples if meshes and scene.look.samples > 1 else 1
    size = (samples, scene.camera.height_px, scene.camera.width_px)
    return np.zeros(size), np.zeros(size, np.int32), np.zeros(size, np.int32)


def room_arrays(scene: Scene, meshes: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
    """Light map, directions, vertices in an image and rectangles of the last picture."""
    starts = meshes[2]
    side = min(_MAP * scene.camera.width_px, _MOST_MAP) if len(starts) else 1
    most = int((starts[:, 2] - starts[:, 1]).max(initial=0))
    rectangles = np.zeros((len(starts), 4), np.int64)
    return np.zeros((side, side)), np.zeros((6, 4)), np.zeros((most, 3)), rectangles
