"""PumpToHit: the hand-written solution of Swing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.actuators import Torque
from worldsim.sim.scene import Scene

STILL_RAD_S = 0.05


class PumpToHit:
    """Pushes the pendulum the way it swings, so that every swing goes further than the last.

    Reads the bob's position and velocity off `info`. From rest it pushes away from the ball.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        if not isinstance(scene.actuator, Torque):
            raise InputError(f"{scene.scenario} has no pendulum to swing")
        self._bob = scene.index("bob")
        self._pivot_m, self._axis = np.array(scene.actuator.pivot_m), np.array(scene.actuator.axis)
        side = np.array(scene.body("ball").position_m) - self._pivot_m
        down = np.array(scene.gravity_m_s2)
        self._turn = float(np.sign(np.cross(side, down) @ self._axis))

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        arm_m = info["position_m"][self._bob] - self._pivot_m
        swirl = np.cross(arm_m, info["velocity_m_s"][self._bob]) @ self._axis
        rate_rad_s = float(swirl / (arm_m @ arm_m))
        if abs(rate_rad_s) > STILL_RAD_S:
            self._turn = float(np.sign(rate_rad_s))
        return np.array([self._turn], np.float32)
