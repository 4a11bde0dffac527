"""A body's centre from the pixels that show it: robust, occlusion-aware, a few steps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.sim.camera import Camera
from worldsim.sim.scene import Body

from .outline import Outline, outline

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

SPHERE_STEPS = 4
OUTLINE_STEPS = 3
CLOSE_PX = 0.03
TOP_BAND = 0.2
"""Points within this share of the body's height below its top belong to the top face."""


@dataclass(frozen=True)
class Fit:
    """A body's centre (3,) and what it would cover there."""

    centre_m: Float
    outline: Outline


def fit_body(body: Body, camera: Camera, points_m: Float, blob: Bool, hidden: Bool) -> Fit:
    """Fit a body to its pixels `blob` (H, W) and their surface points (P, 3).

    `hidden` (H, W) are the pixels of bodies that may stand in front of it.
    """
    if body.shape == "sphere":
        centre = fit_sphere(points_m, body.size_m[0], np.array(camera.position_m))
        return Fit(centre, outline(body, centre, camera))
    return fit_upright(body, camera, points_m, blob, hidden)


def fit_sphere(points_m: Float, radius_m: float, eye_m: Float) -> Float:
    """Centre of the sphere of known radius whose near side the points (P, 3) show.

    Gauss-Newton on the distances to the centre, with weights that fall off for outliers (depth
    blurred across the rim). What hides part of the sphere does not shift it.
    """
    middle = np.median(points_m, axis=0)
    view = middle - eye_m
    start: Float = middle + 0.7 * radius_m * view / np.sqrt(view @ view)
    centre = start
    for _ in range(SPHERE_STEPS):
        offset = points_m - centre
        distance = np.sqrt(np.einsum("ij,ij->i", offset, offset)) + 1e-12
        residual = distance - radius_m
        scale = max(1.5 * float(np.median(np.abs(residual))), 0.02 * radius_m)
        weight = 1.0 / (1.0 + (residual / scale) ** 2)
        normal = offset / distance[:, None]
        weighted = normal * weight[:, None]
        # A weak pull to the start keeps a sliver of a sphere from running away.
        pull = 0.01 * weight.sum()
        system = weighted.T @ normal + pull * np.eye(3)
        step = np.linalg.solve(system, weighted.T @ residual - pull * (centre - start))
        centre = centre + step
        if step @ step < (1e-3 * radius_m) ** 2:
            break
    return centre


def fit_upright(body: Body, camera: Camera, points_m: Float, blob: Bool, hidden: Bool) -> Fit:
    """Fit an upright box or cylinder: height by the depth of its top, place by its outline.

    The centre moves level until the outline drawn there, less the pixels hidden by other bodies,
    has the same centroid as the pixels seen: neither pixel rounding, nor the blurred rim of a
    generated body, nor a body in front shifts it. A marker's height is known.
    """
    height = points_m[:, 2]
    on_top = np.ones(len(points_m), bool)
    level_m = body.position_m[2]
    if body.role != "marker":
        on_top = height > np.quantile(height, 0.85) - TOP_BAND * body.height_m
        level_m = float(np.median(height[on_top])) - 0.5 * body.height_m
    seen_m = points_m[on_top, :2]
    yaw_rad = _yaw(seen_m) if body.shape in ("box", "mesh") else 0.0
    centre = np.array([*seen_m.mean(0), level_m])
    seen_px = _centroid(blob)
    drawn = outline(body, centre, camera, yaw_rad)
    for _ in range(OUTLINE_STEPS):
        drawn_px = _centroid(drawn.inside & ~hidden[drawn.window])
        if np.isnan(drawn_px).any():
            break
        corner = (drawn.window[1].start, drawn.window[0].start)
        shift_px = seen_px - drawn_px - corner
        centre = _moved(centre, shift_px, camera)
        if np.abs(shift_px).max() < CLOSE_PX:
            break
        drawn = outline(body, centre, camera, yaw_rad)
    return Fit(centre, drawn)


def _moved(centre_m: Float, shift_px: Float, camera: Camera) -> Float:
    """The point at the same height that is seen `shift_px` (x, y) away."""
    rotation = camera.world_from_camera[:3, :3]
    eye_m = np.array(camera.position_m)
    ray = (centre_m - eye_m) @ rotation
    ray[:2] += shift_px * (ray[2] / camera.focal_px)
    ray = rotation @ ray
    point: Float = eye_m + ray * ((centre_m[2] - eye_m[2]) / ray[2])
    return point


def _centroid(mask: Bool) -> Float:
    """Mean (x, y) of the set pixels of (H, W); NaN where there are none."""
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    area = moments["m00"]
    if not area:
        return np.full(2, np.nan)
    return np.array([moments["m10"] / area, moments["m01"] / area])


def _yaw(points_m: Float) -> float:
    """Turn of the smallest rectangle round points (P, 2), its longer side along x."""
    if len(points_m) < 3:
        return 0.0
    _, (width, height), angle_deg = cv2.minAreaRect(points_m.astype(np.float32))
    return float(np.radians(angle_deg + (90.0 if height > width else 0.0)))
