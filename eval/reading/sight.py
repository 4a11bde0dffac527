"""What reading a frame works on: the labelled frame, poses, and the row of a Reading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

from .view import View

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass
class Sight:
    """What one frame showed; as a Reading's row."""

    position_m: Float
    covariance_m2: Float
    orientation_xyzw: Float
    hidden: Bool
    segmentation: NDArray[np.uint8]
    visible_share: Float
    overlap: Float
    scale: Float
    color_ratio: Float
    extra: NDArray[np.int64]

    @classmethod
    def blank(cls, scene: Scene, wanted: list[int], view: View, still: NDArray[np.uint8]) -> Sight:
        """A row in which only what cannot move, and is not `wanted`, is where it is."""
        count = len(scene.bodies)
        position_m, quaternion = np.full((count, 3), np.nan), np.full((count, 4), np.nan)
        share = np.zeros(count)
        for index, body in enumerate(scene.bodies):
            if not body.moves and index not in wanted:
                position_m[index], quaternion[index] = body.position_m, body.orientation_xyzw
                share[index] = 1.0
            elif body.role == "camera":
                position_m[index], quaternion[index] = view.eye_m, view.quaternion
                share[index] = 1.0
        nothing = np.full(count, np.nan)
        return cls(
            position_m=position_m,
            covariance_m2=np.full((count, 3, 3), np.nan),
            orientation_xyzw=quaternion,
            hidden=np.zeros(count, bool),
            segmentation=still.copy(),
            visible_share=share,
            overlap=nothing.copy(),
            scale=nothing.copy(),
            color_ratio=np.full((count, 3), np.nan),
            extra=np.zeros(count, np.int64),
        )

    def forget(self, index: int) -> None:
        """What was fitted is not the body after all."""
        self.overlap[index] = np.nan
        self.visible_share[index], self.extra[index] = 0.0, 0


@dataclass
class Frame:
    """A frame with its labels, and what stands in front of what."""

    rgb: NDArray[np.uint8]
    label: NDArray[np.int16]
    depth_m: Float  # 0 where unknown
    hides_m: Float  # depth of what may hide a body in a pixel, infinity where nothing can
    part: NDArray[np.int32]
    size: NDArray[np.int32]
    view: View
    has_depth: bool


@dataclass
class Pose:
    """Where a body was fitted, and how well."""

    position_m: Float
    turn: Float
    covariance_m2: Float
    scale: float
    cost: float
    gap_m: float  # of the surface's points, 0 without depth
