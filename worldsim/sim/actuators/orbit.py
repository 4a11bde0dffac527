"""The camera itself as the actuated body: it goes round the scene, tilts and dollies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.actuators.actuator import Actuator, Drive

if TYPE_CHECKING:
    from worldsim.sim.camera import Camera
    from worldsim.sim.scene import Body, Scene
    from worldsim.sim.world import World

Limits = tuple[float, float]


@dataclass(frozen=True)
class Orbit(Actuator):
    """Three channels: yaw rad/s, pitch rad/s, dolly m/s.

    Yaw carries the camera round the vertical axis through the origin, counter-clockwise from above;
    pitch tilts its view up; dolly takes it away from that axis, at the height it has. The angle of
    the view above the horizon and the distance to the axis stay within their limits. The camera
    keeps facing the axis; the body has its pose. A scene whose camera starts elsewhere than its
    body, looks past the axis or is out of the limits raises InputError.
    """

    kind: ClassVar[str] = "orbit"
    body: str = "camera"
    pitch_rad: Limits = (-0.9, -0.1)
    distance_m: Limits = (1.0, 3.0)

    @property
    def channels(self) -> int:
        return 3

    def build(self, world: World) -> Drive:
        return _Carried(Rig(self, world.scene))


class _Carried(Drive):
    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self._rig, self.view = rig, rig.view

    def act(self, action: NDArray[np.float32]) -> None:
        self._rig.act(action)
        self.view = self._rig.view


class Rig:
    """Where an orbiting camera is: actions alone move it, so no engine is needed to follow it.

    `view` is the camera of this moment; `place` its yaw, pitch and distance.
    """

    def __init__(self, settings: Orbit, scene: Scene) -> None:
        self._camera = scene.camera
        self._scales = scene.action_spec.scales
        self._dt_s = scene.dt_s
        self._low = np.array([-np.inf, settings.pitch_rad[0], settings.distance_m[0]])
        self._high = np.array([np.inf, settings.pitch_rad[1], settings.distance_m[1]])
        x_m, y_m, self._height_m = self._camera.position_m
        forward = self._camera.world_from_camera[:3, 2]
        pitch_rad = np.arcsin(forward[2])
        self.place = np.array([np.arctan2(y_m, x_m), pitch_rad, np.hypot(x_m, y_m)])
        self._check(scene.body(settings.body))
        self.view = self._camera

    def _check(self, body: Body) -> None:
        camera = self._camera
        yaw_rad, pitch_rad, distance_m = self.place.tolist()
        facing = orbiting(camera, yaw_rad, pitch_rad, distance_m, self._height_m)
        if not np.allclose(facing.world_from_camera, camera.world_from_camera, atol=1e-6):
            raise InputError("an orbiting camera faces the vertical axis through the origin")
        turns = (body.orientation_xyzw, camera.orientation_xyzw)
        if not np.allclose(body.position_m, camera.position_m) or not np.allclose(*turns):
            raise InputError(f"the body {body.name!r} must have the pose of the scene's camera")
        if not np.all((self._low <= self.place) & (self.place <= self._high)):
            raise InputError(
                f"the camera starts out of its limits: pitch {pitch_rad:.3f} rad, "
                f"{distance_m:.3f} m from the axis"
            )

    def act(self, action: NDArray[np.float32]) -> None:
        """A frame passes under an action, float32 (3,) in [-1, 1]."""
        moved = self.place + np.asarray(action, np.float64) * self._scales * self._dt_s
        moved = np.clip(moved, self._low, self._high)
        if np.array_equal(moved, self.place):  # not even a rounding may move the view
            return
        self.go_to(moved)

    def go_to(self, place: NDArray[np.float64]) -> None:
        """Be at a place (3,)."""
        self.place = place
        yaw_rad, pitch_rad, distance_m = place.tolist()
        self.view = orbiting(self._camera, yaw_rad, pitch_rad, distance_m, self._height_m)


def orbiting(
    camera: Camera, yaw_rad: float, pitch_rad: float, distance_m: float, height_m: float
) -> Camera:
    """The camera at a yaw round the vertical axis, facing it, its view `pitch_rad` above level."""
    outward = np.array([np.cos(yaw_rad), np.sin(yaw_rad), 0.0])
    position_m = distance_m * outward + np.array([0.0, 0.0, height_m])
    forward = -np.cos(pitch_rad) * outward + np.array([0.0, 0.0, np.sin(pitch_rad)])
    target_m = position_m + forward
    return replace(
        camera,
        position_m=(float(position_m[0]), float(position_m[1]), float(position_m[2])),
        target_m=(float(target_m[0]), float(target_m[1]), float(target_m[2])),
        up=(0.0, 0.0, 1.0),
    )
