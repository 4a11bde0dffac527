"""What a body covers in the image: its convex outline, and the static bodies behind everything."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.sim.camera import Camera
from worldsim.sim.scene import Body, Scene

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Window = tuple[slice, slice]

_TURN = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
_RING = np.stack([np.cos(_TURN), np.sin(_TURN), np.zeros_like(_TURN)], axis=1)
_NEXT = [np.roll(np.arange(count), -1) for count in range(2 * len(_RING) + 1)]
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])


@dataclass(frozen=True)
class Outline:
    """The pixels a body would cover alone: `inside` within `window` of the image."""

    window: Window
    inside: Bool
    area_px: float  # of the whole outline, also where it leaves the image


def outline(body: Body, position_m: Float, camera: Camera, yaw_rad: float = 0.0) -> Outline:
    """Outline of a body standing upright at `position_m`, turned by `yaw_rad` about z."""
    points_m = _surface(body, position_m, camera, yaw_rad)
    local = (points_m - camera.position_m) @ camera.world_from_camera[:3, :3]
    if local[:, 2].min() <= camera.near_m:
        return Outline((slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool), 0.0)
    width, height = camera.width_px, camera.height_px
    image = local[:, :2] * (camera.focal_px / local[:, 2:])
    hull = cv2.convexHull(image.astype(np.float32), clockwise=False)[:, 0].astype(np.float64)
    x, y = hull[:, 0] + 0.5 * width, hull[:, 1] + 0.5 * height
    left, right = max(int(x.min()) - 1, 0), min(int(x.max()) + 2, width)
    top, bottom = max(int(y.min()) - 1, 0), min(int(y.max()) + 2, height)
    if left >= right or top >= bottom:
        return Outline((slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool), 0.0)
    u = np.arange(left, right) + camera.sample_px[0]
    v = np.arange(top, bottom) + camera.sample_px[1]
    next_corner = _NEXT[len(x)]
    dx, dy = x[next_corner] - x, y[next_corner] - y
    # Inside is on the same side of every edge; twice the area is the sum of the cross products.
    twice_area = float((x * dy - y * dx).sum())
    sign = 1.0 if twice_area > 0.0 else -1.0
    rows = sign * (dx[:, None] * (v - y[:, None]))
    columns = sign * (dy[:, None] * (u - x[:, None]))
    inside: Bool = np.all(rows[:, :, None] >= columns[:, None, :], axis=0)
    return Outline((slice(top, bottom), slice(left, right)), inside, 0.5 * abs(twice_area))


def _surface(body: Body, position_m: Float, camera: Camera, yaw_rad: float) -> Float:
    """Points whose convex hull in the image is the body's outline."""
    if body.shape == "sphere":
        return _horizon(position_m, body.size_m[0], np.array(camera.position_m))
    turn = np.array(
        [
            [np.cos(yaw_rad), np.sin(yaw_rad), 0.0],
            [-np.sin(yaw_rad), np.cos(yaw_rad), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    if body.shape in ("box", "mesh"):  # a mesh counts as the box round it
        corners: Float = position_m + (_CORNERS * np.array(body.size_m)) @ turn
        return corners
    half = np.array([0.0, 0.0, 0.5 * body.height_m])
    ring = position_m + body.size_m[0] * _RING
    return np.concatenate([ring + half, ring - half])


def _horizon(centre_m: Float, radius_m: float, eye_m: Float) -> Float:
    """Points where lines of sight touch a sphere."""
    view = centre_m - eye_m
    distance = float(np.sqrt(view @ view))
    view = view / distance
    right = np.array([view[1], -view[0], 0.0])
    length = float(np.hypot(view[0], view[1]))
    right = right / length if length > 1e-9 else np.array([1.0, 0.0, 0.0])
    sine = min(radius_m / distance, 0.99)
    radius = radius_m * np.sqrt(1.0 - sine**2)
    ring = _RING[:, :1] * right + _RING[:, 1:2] * np.cross(right, view)
    points: Float = centre_m - radius_m * sine * view + radius * ring
    return points


def background(scene: Scene) -> tuple[NDArray[np.uint8], Float]:
    """Segmentation (H, W) of the static boxes alone and their depth in metres, (H, W).

    Where the camera sees none of them the segmentation is 0 and the depth infinite.
    """
    camera = scene.camera
    eye = np.array(camera.position_m)
    rays = camera.rays
    nearest = np.full(rays.shape[:2], np.inf)
    label = np.zeros(rays.shape[:2], np.uint8)
    for index, body in enumerate(scene.bodies):
        if body.role != "static" or body.shape != "box":
            continue
        depth = _box_depth(eye, rays, body)
        closer = (depth <= nearest) & np.isfinite(depth)
        nearest[closer] = depth[closer]
        label[closer] = index + 1
    return label, nearest


def _box_depth(eye_m: Float, rays: Float, body: Body) -> Float:
    """Depth at which each ray enters a box, infinity where it misses; (H, W)."""
    x, y, z, w = body.orientation_xyzw
    world_from_body = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    start = (eye_m - np.array(body.position_m)) @ world_from_body
    step = rays @ world_from_body
    step = np.where(np.abs(step) < 1e-12, 1e-12, step)
    half = 0.5 * np.array(body.size_m)
    first, last = (-half - start) / step, (half - start) / step
    enter = np.minimum(first, last).max(-1)
    leave = np.maximum(first, last).min(-1)
    depth: Float = np.where((enter <= leave) & (enter > 0.0), enter, np.inf)
    return depth
