"""CentreTarget: the hand-written solution of Orbit, in the simulator as in the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.errors import InputError
from worldsim.sim.actuators import Orbit
from worldsim.sim.scenarios.orbit import WANTED_M
from worldsim.sim.scene import Scene


class CentreTarget:
    """Goes round to the target's side, to the wanted distance, and looks at it.

    Reads `info["position_m"]` and the camera's `info["orientation_xyzw"]` only.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        if not isinstance(scene.actuator, Orbit):
            raise InputError(f"{scene.scenario} has no camera to move")
        self._camera, self._target = scene.index(scene.actuator.body), scene.index("target")
        self._limits = scene.actuator.pitch_rad, scene.actuator.distance_m
        self._step = scene.action_spec.scales * scene.dt_s

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        x_m, y_m, z_m = info["position_m"][self._camera].tolist()
        forward = Rotation.from_quat(info["orientation_xyzw"][self._camera]).as_matrix()[:, 2]
        place = np.array([np.arctan2(y_m, x_m), np.arcsin(forward[2]), np.hypot(x_m, y_m)])
        error = self._wanted(info["position_m"][self._target], z_m) - place
        error[0] = (error[0] + np.pi) % (2.0 * np.pi) - np.pi
        action: NDArray[np.float32] = np.clip(error / self._step, -1.0, 1.0).astype(np.float32)
        return action

    def _wanted(self, target_m: NDArray[np.float64], height_m: float) -> NDArray[np.float64]:
        """Yaw, pitch and distance to the axis from where the target is seen as it should be."""
        below_m = height_m - float(target_m[2])
        wanted_m = 0.5 * (WANTED_M[0] + WANTED_M[1])
        level_m = float(np.sqrt(max(wanted_m**2 - below_m**2, 0.0)))
        distance_m = float(np.hypot(target_m[0], target_m[1])) + level_m
        pitch_rad = -float(np.arctan2(below_m, level_m))
        pitch_limits_rad, distance_limits_m = self._limits
        return np.array(
            [
                np.arctan2(target_m[1], target_m[0]),
                np.clip(pitch_rad, *pitch_limits_rad),
                np.clip(distance_m, *distance_limits_m),
            ]
        )
