"""The forms of a scene's bodies as fits need them: sizes, kinds, and outlines in the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

from .distance import BOX, CYLINDER, SPHERE
from .gather import outlined
from .shells import shells_of
from .sight import Pose
from .view import View, Window

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

_KINDS = {"sphere": SPHERE, "box": BOX, "mesh": BOX, "cylinder": CYLINDER}


class Solids:
    """Half sizes (N, 3), kinds and reaches (N,) of the bodies; a mesh is the box round it."""

    def __init__(self, scene: Scene) -> None:
        self.half_m = np.array([_half_m(body.shape, body.size_m) for body in scene.bodies])
        self.kind = [_KINDS[body.shape] for body in scene.bodies]
        self.reach_m = np.linalg.norm(self.half_m, axis=1)
        formed = {i: b for i, b in enumerate(scene.bodies) if b.shape == "mesh" and b.mesh}
        self.shells = {i: shells_of([body]) for i, body in formed.items()}
        self.middle_m = np.zeros((len(scene.bodies), 3))  # of the box round a mesh, in its axes
        for i, shells in self.shells.items():
            self.middle_m[i] = shells.middle[0]

    def outline(self, index: int, pose: Pose, window: Window, view: View, slack_px: float) -> Bool:
        """Pixels (H, W) of a window that the body covers there, or passes within `slack_px` of."""
        inside: Bool = outlined(
            self.kind[index], self.half_m[index],
            pose.position_m + pose.turn @ self.middle_m[index], pose.turn, view.eye_m, view.rays,
            *window, slack_px, view.camera.focal_px,
        )  # fmt: skip
        return inside


def _half_m(shape: str, size_m: tuple[float, ...]) -> tuple[float, float, float]:
    """Half edges; radius, radius, half height of a cylinder; three radii of a ball."""
    if shape == "sphere":
        return size_m[0], size_m[0], size_m[0]
    if shape == "cylinder":
        return size_m[0], size_m[0], 0.5 * size_m[1]
    return 0.5 * size_m[0], 0.5 * size_m[1], 0.5 * size_m[2]


def mean_shadow_m2(shape: str, half: Float) -> float:
    """Mean area of a convex solid seen from all sides: a quarter of its surface (Cauchy)."""
    a, b, c = (float(value) for value in half)
    if shape == "sphere":
        return float(np.pi * a * a)
    if shape == "cylinder":
        return float(0.5 * np.pi * a * (a + 2.0 * c))
    return 2.0 * (a * b + b * c + c * a)
