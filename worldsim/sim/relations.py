"""How the bodies of a scene lie to each other at its start: what rests on what, hides, is ahead."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from worldsim.sim.mesh import Mesh
from worldsim.sim.scene import Body, Scene

Float = NDArray[np.float64]

TOUCH_M = 0.003
FARTHEST_M = 10.0
_TURNS = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)


def up_of(scene: Scene) -> Float:
    """Unit vector against gravity; +z without gravity."""
    pull = np.array(scene.gravity_m_s2)
    strength = float(np.linalg.norm(pull))
    return -pull / strength if strength > 0.0 else np.array([0.0, 0.0, 1.0])


def distance_m(body: Body, points_m: Float) -> Float:
    """From world points (..., 3) to the body's surface, negative inside.

    Beside an edge of a mesh it is too small; a mesh that is only a file counts as the box round it.
    """
    local = (points_m - np.array(body.position_m)) @ _turn(body)
    if body.shape == "sphere":
        return np.asarray(np.linalg.norm(local, axis=-1) - body.size_m[0])
    if body.mesh is not None:
        scale_m = max(body.size_m)
        pieces = [scale_m * _beyond(planes, local / scale_m) for planes in _planes(body.mesh)]
        return np.asarray(np.min(pieces, axis=0))
    if body.shape == "cylinder":
        radius_m, height_m = body.size_m
        radial_m = np.linalg.norm(local[..., :2], axis=-1) - radius_m
        beyond_m = np.stack([radial_m, np.abs(local[..., 2]) - 0.5 * height_m], axis=-1)
    else:
        beyond_m = np.abs(local) - 0.5 * np.array(body.size_m)
    outside_m = np.linalg.norm(np.maximum(beyond_m, 0.0), axis=-1)
    return np.asarray(outside_m + np.minimum(beyond_m.max(-1), 0.0))


def touch(one: Body, other: Body) -> Float:
    """Points (P, 3) of either surface that lie on or in the other body; none where they part."""
    slack_m = TOUCH_M + 0.02 * min(_reach_m(one), _reach_m(other))
    apart_m = float(np.linalg.norm(np.subtract(one.position_m, other.position_m)))
    if apart_m > _reach_m(one) + _reach_m(other) + slack_m:
        return np.empty((0, 3))
    ours, theirs = surface_points(one), surface_points(other)
    return np.concatenate(
        [ours[distance_m(other, ours) < slack_m], theirs[distance_m(one, theirs) < slack_m]]
    )


def supports(scene: Scene, index: int) -> list[int]:
    """The bodies that a body stands or lies on."""
    body, up = scene.bodies[index], up_of(scene)
    middle_m = float(np.array(body.position_m) @ up)
    lowest_m = float((surface_points(body) @ up).min())
    found = []
    for other in _solid(scene):
        if other != index:
            heights_m = touch(body, scene.bodies[other]) @ up
            if heights_m.size and heights_m.min() < middle_m - 0.4 * (middle_m - lowest_m):
                found.append(other)
    return found


def ahead(scene: Scene, index: int, others: list[int]) -> int | None:
    """Which of `others` a body comes to first if it goes on as it starts; None for none.

    Under gravity only the horizontal direction counts.
    """
    path_m = _path(scene, index)
    if path_m is None:
        return None
    up, radius_m = up_of(scene), 0.5 * scene.bodies[index].diameter_m
    nearest, nearest_step = None, len(path_m)
    for other in others:
        body = scene.bodies[other]
        level_m = path_m
        if any(scene.gravity_m_s2):
            level_m = path_m + np.outer((np.array(body.position_m) - path_m) @ up, up)
        hits = np.flatnonzero(distance_m(body, level_m) < radius_m)
        if hits.size and hits[0] < nearest_step:
            nearest, nearest_step = other, int(hits[0])
    return nearest


def hidden_by(scene: Scene, index: int, others: list[int]) -> int | None:
    """Which of `others` stands between the camera and the body's centre."""
    return _screen(scene, np.array([scene.bodies[index].position_m]), others)


def screen_ahead(scene: Scene, index: int, others: list[int]) -> int | None:
    """Which of `others` hides the body's centre somewhere on the line it starts along, in view."""
    path_m = _path(scene, index)
    if path_m is None:
        return None
    image_px, depth_m = scene.camera.project(path_m)
    size_px = np.array([scene.camera.width_px, scene.camera.height_px])
    inside = ((image_px >= 0.0) & (image_px <= size_px)).all(-1) & (depth_m > 0.0)
    return _screen(scene, path_m[inside], others)


def tilted(scene: Scene, index: int) -> bool:
    """True where no axis of the body points up within 2 degrees."""
    return bool(np.abs(up_of(scene) @ _turn(scene.bodies[index])).max() < np.cos(np.radians(2.0)))


def lies(scene: Scene, index: int) -> bool:
    """True where the axis of a cylinder is level within 10 degrees."""
    return bool(abs(up_of(scene) @ _turn(scene.bodies[index])[:, 2]) < np.sin(np.radians(10.0)))


def surface_points(body: Body) -> Float:
    """Points (P, 3) spread over the surface, in the world."""
    if body.mesh is not None:
        local = max(body.size_m) * np.array(body.mesh.vertices)
    elif body.shape == "sphere":
        local = body.size_m[0] * _unit_sphere()
    elif body.shape == "cylinder":
        radius_m, height_m = body.size_m
        local = _unit_cylinder() * np.array([radius_m, radius_m, 0.5 * height_m])
    else:
        local = _unit_box() * 0.5 * np.array(body.size_m)
    points: Float = local @ _turn(body).T + np.array(body.position_m)
    return points


def _solid(scene: Scene) -> list[int]:
    return [i for i, b in enumerate(scene.bodies) if b.role not in ("marker", "camera")]


def _screen(scene: Scene, points_m: Float, others: list[int]) -> int | None:
    eye_m = np.array(scene.camera.position_m)
    shares = np.linspace(0.02, 0.98, 200)[:, None, None]
    sight_m = eye_m + shares * (points_m - eye_m)
    for other in others:
        if sight_m.size and (distance_m(scene.bodies[other], sight_m) < 0.0).any():
            return other
    return None


def _path(scene: Scene, index: int) -> Float | None:
    """Points (P, 3) on the line along which the body starts; None where it does not move along."""
    body, up = scene.bodies[index], up_of(scene)
    velocity_m_s = np.array(body.velocity_m_s)
    if any(scene.gravity_m_s2):
        velocity_m_s = velocity_m_s - (velocity_m_s @ up) * up
    speed_m_s = float(np.linalg.norm(velocity_m_s))
    if speed_m_s < 1e-3:
        return None
    steps_m = np.linspace(0.0, FARTHEST_M, 1000)
    return np.array(body.position_m) + np.outer(steps_m, velocity_m_s / speed_m_s)


def _turn(body: Body) -> Float:
    return np.asarray(Rotation.from_quat(body.orientation_xyzw).as_matrix())


def _reach_m(body: Body) -> float:
    """Radius of the sphere round it."""
    if body.shape == "sphere":
        return body.size_m[0]
    if body.shape == "cylinder":
        return float(np.hypot(body.size_m[0], 0.5 * body.size_m[1]))
    share = 1.0 if body.mesh is not None else 0.5  # a mesh's origin is not the middle of its box
    return share * float(np.linalg.norm(body.size_m))


def _beyond(planes: Float, points: Float) -> Float:
    return np.asarray((points @ planes[:, :3].T + planes[:, 3]).max(-1))


@cache
def _planes(mesh: Mesh) -> list[Float]:
    return [ConvexHull(np.array(piece)).equations for piece in mesh.pieces]


@cache
def _unit_box() -> Float:
    grid = np.array(list(product(np.linspace(-1.0, 1.0, 9), repeat=3)))
    return np.asarray(grid[np.abs(grid).max(-1) == 1.0])


@cache
def _unit_cylinder() -> Float:
    circle = np.stack([np.cos(_TURNS), np.sin(_TURNS), np.zeros_like(_TURNS)], -1)
    up = np.array([0.0, 0.0, 1.0])
    sides = [circle + height * up for height in np.linspace(-1.0, 1.0, 9)]
    caps = [share * circle + side * up for share in (0.0, 0.33, 0.67) for side in (-1.0, 1.0)]
    return np.concatenate([*sides, *caps])


@cache
def _unit_sphere() -> Float:
    """Four hundred points along a spiral, and the poles."""
    height = np.linspace(-1.0, 1.0, 402)
    turn = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(402)
    across = np.sqrt(np.maximum(0.0, 1.0 - height**2))
    return np.stack([across * np.cos(turn), across * np.sin(turn), height], -1)
