"""A pinhole camera. Camera axes as in OpenCV: x right, y down, z along the view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.checks import as_tuples, check_above_zero, check_numbers

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """Where the camera stands and what it sees.

    `sample_px` is the point of a pixel that the renderer samples, from its upper left corner:
    (0.5, 0.5) is the centre; PyBullet's TinyRenderer samples the lower left corner, (0, 1).
    Raises InputError on a view that cannot be taken.
    """

    position_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    fov_y_rad: float = 0.7
    width_px: int = 64
    height_px: int = 64
    near_m: float = 0.05
    far_m: float = 5.0
    sample_px: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        for name in ("position_m", "target_m", "up"):
            check_numbers(f"camera: {name}", getattr(self, name), 3)
        check_numbers("camera: sample_px", self.sample_px, 2)
        check_numbers("camera: width_px, height_px", (self.width_px, self.height_px), 2, 1.0)
        check_above_zero("camera: fov_y_rad, near_m", (self.fov_y_rad, self.near_m), 2)
        check_numbers("camera: far_m", (self.far_m,), 1, self.near_m)
        forward = np.subtract(self.target_m, self.position_m)
        aside = float(np.linalg.norm(_cross(forward, self.up)))
        if self.fov_y_rad >= np.pi or self.near_m == self.far_m or aside < 1e-9:
            raise InputError(
                "camera: it must look at another point than its own, not along `up`, at less than "
                "pi rad, and far_m must be above near_m"
            )

    @cached_property
    def world_from_camera(self) -> Float:
        """Homogeneous transform, shape (4, 4)."""
        eye = np.array(self.position_m)
        forward = np.array(self.target_m) - eye
        forward /= np.linalg.norm(forward)
        right = _cross(forward, self.up)
        right /= np.linalg.norm(right)
        transform = np.eye(4)
        transform[:3, :3] = np.stack([right, _cross(forward, right), forward], axis=1)
        transform[:3, 3] = eye
        return transform

    @cached_property
    def orientation_xyzw(self) -> tuple[float, float, float, float]:
        """Turn of the camera's axes, as a unit quaternion of world_from_camera."""
        from scipy.spatial.transform import Rotation  # loaded on use: `import worldsim` is light

        x, y, z, w = Rotation.from_matrix(self.world_from_camera[:3, :3]).as_quat(canonical=True)
        return float(x), float(y), float(z), float(w)

    @property
    def focal_px(self) -> float:
        return 0.5 * self.height_px / float(np.tan(0.5 * self.fov_y_rad))

    @cached_property
    def rays(self) -> Float:
        """World direction through every pixel's sample point, scaled to 1 m of depth: (H, W, 3).

        A surface seen in pixel (v, u) at depth d lies at position_m + d * rays[v, u].
        """
        u = np.arange(self.width_px) + self.sample_px[0] - 0.5 * self.width_px
        v = np.arange(self.height_px) + self.sample_px[1] - 0.5 * self.height_px
        columns, rows = np.meshgrid(u / self.focal_px, v / self.focal_px)
        directions = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
        rotated: Float = directions @ self.world_from_camera[:3, :3].T
        return rotated

    def project(self, points_m: Float) -> tuple[Float, Float]:
        """World points (..., 3) -> image position (..., 2) in px (x, y) and depth (...,) in m."""
        local = (points_m - np.array(self.position_m)) @ self.world_from_camera[:3, :3]
        depth_m = local[..., 2]
        image = local[..., :2] / depth_m[..., None] * self.focal_px
        return image + 0.5 * np.array([self.width_px, self.height_px]), depth_m

    def unproject(self, depth_m: NDArray[np.floating]) -> Float:
        """Depth images (..., H, W) in metres along the view axis -> world points (..., H, W, 3)."""
        if depth_m.shape[-2:] != (self.height_px, self.width_px):
            raise InputError(
                f"depth is {depth_m.shape[-2:]}, the camera {(self.height_px, self.width_px)}"
            )
        points: Float = np.array(self.position_m) + depth_m[..., None] * self.rays
        return points

    def resized(self, width_px: int, height_px: int) -> Camera:
        return replace(self, width_px=width_px, height_px=height_px)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Camera:
        return cls(**as_tuples(values))


def _cross(one: Sequence[float] | Float, other: Sequence[float] | Float) -> Float:
    """What np.cross gives for two vectors, at a tenth of its time."""
    (a, b, c), (x, y, z) = one, other
    return np.array([b * z - c * y, c * x - a * z, a * y - b * x])
