"""ThrowIntoBin: the hand-written solution of Throw, in the simulator as in the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.actuators import Launch
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]

RISE_M = 0.55  # of the flight above its start
LEAST_S = 0.05  # before landing, below which a gust comes too late


def flight_s(height_m: float, speed_m_s: float, end_m: float, gravity_m_s2: float) -> float:
    """Time until what rises at a speed comes down to a height; 0 where it never gets there."""
    square = speed_m_s**2 + 2.0 * gravity_m_s2 * (height_m - end_m)
    return (speed_m_s + float(np.sqrt(square))) / gravity_m_s2 if square > 0.0 else 0.0


class ThrowIntoBin:
    """Launches on the parabola that ends in the middle of the bin, then blows against its errors.

    Reads positions and velocities from `info` only, mass and gravity from the scene.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        if not isinstance(scene.actuator, Launch):
            raise InputError(f"{scene.scenario} has nothing to throw")
        self._projectile, self._bin = scene.index("projectile"), scene.index("bin")
        body = scene.bodies[self._projectile]
        self._start_m = np.array(body.position_m)
        self._end_m = 0.5 * body.height_m
        self._gravity_m_s2 = -scene.gravity_m_s2[2]
        self._scales_m_s = scene.action_spec.scales
        self._gust_m_s2 = scene.actuator.gust_n / body.mass_kg
        self._first = True

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        position_m = info["position_m"][self._projectile]
        target_m = info["position_m"][self._bin]
        # A dream may begin in flight: then there is nothing to launch.
        launches = self._first and np.linalg.norm(position_m - self._start_m) < 0.05
        self._first = False
        if launches:
            action = self._launch(position_m, target_m) / self._scales_m_s
        else:
            action = self._gust(position_m, info["velocity_m_s"][self._projectile], target_m)
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _launch(self, position_m: Float, target_m: Float) -> Float:
        rise_m_s = float(np.sqrt(2.0 * self._gravity_m_s2 * RISE_M))
        left_s = flight_s(float(position_m[2]), rise_m_s, self._end_m, self._gravity_m_s2)
        return np.append((target_m[:2] - position_m[:2]) / left_s, rise_m_s)

    def _gust(self, position_m: Float, velocity_m_s: Float, target_m: Float) -> Float:
        left_s = flight_s(
            float(position_m[2]), float(velocity_m_s[2]), self._end_m, self._gravity_m_s2
        )
        if left_s < LEAST_S:
            return np.zeros(3)
        missed_m = target_m[:2] - position_m[:2] - left_s * velocity_m_s[:2]
        return np.append(2.0 * missed_m / left_s**2 / self._gust_m_s2, 0.0)
