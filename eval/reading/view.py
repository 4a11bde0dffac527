"""What reading a frame needs to know of the camera that took it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.camera import Camera

Float = NDArray[np.float64]
Window = tuple[int, int, int, int]  # left, top, right, bottom; the last two just outside


class View:
    """A camera with its lines of sight."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.eye_m = np.array(camera.position_m)
        self.rays = np.ascontiguousarray(camera.rays)
        self.axis = camera.world_from_camera[:3, 2].copy()

    @cached_property
    def quaternion(self) -> Float:
        return np.array(self.camera.orientation_xyzw)

    def depth_of(self, point_m: Float) -> float:
        """Depth of a point (3,) along the view axis."""
        return float((point_m - self.eye_m) @ self.axis)

    def window(self, point_m: Float, reach_m: float, margin_px: int) -> Window:
        """The part of the image in which a ball about a point may lie, empty where none."""
        depth_m = self.depth_of(point_m)
        if depth_m <= self.camera.near_m:
            return (0, 0, 0, 0)
        (x, y), _ = self.camera.project(point_m)
        # A ball beside the middle of the image is drawn longer; 1.3 covers views of up to 80 deg.
        half_px = 1.3 * reach_m * self.camera.focal_px / depth_m + margin_px
        return self.clipped(x - half_px, y - half_px, x + half_px + 1.0, y + half_px + 1.0)

    def clipped(self, left: float, top: float, right: float, bottom: float) -> Window:
        width, height = self.camera.width_px, self.camera.height_px
        across = (min(max(int(left), 0), width), min(max(int(np.ceil(right)), 0), width))
        down = (min(max(int(top), 0), height), min(max(int(np.ceil(bottom)), 0), height))
        return (across[0], down[0], across[1], down[1])
