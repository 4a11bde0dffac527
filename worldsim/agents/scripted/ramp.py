"""BringToBand: the hand-written solution of Ramp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

STEEPEST_RAD = 0.38
ROLLING = 5.0 / 7.0  # of the slope's pull is what speeds up a rolling ball


class BringToBand:
    """Tilts so that the load speeds up towards the band and slows down before it.

    A ball is held there by feedback, as on a beam; a box is let slide by a tilt past its friction
    angle and stopped by one below it. Reads the positions of load, band and stops, and the load's
    velocity.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._load, self._band = scene.index("load"), scene.index("band")
        self._stops = scene.index("left_stop"), scene.index("right_stop")
        load, band = scene.bodies[self._load], scene.bodies[self._band]
        self._rolls, self._friction = load.shape == "sphere", load.friction
        self._half_band_m = 0.5 * band.size_m[0]
        self._gravity_m_s2 = -scene.gravity_m_s2[2]
        self._dt_s, self._rate_rad_s = scene.dt_s, float(scene.action_spec.scales[0])

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        at_m, left, right = info["position_m"], *self._stops
        along = (at_m[right] - at_m[left]) / np.linalg.norm(at_m[right] - at_m[left])
        tilt_rad = float(np.arctan2(-along[2], along[0]))
        offset_m = float((at_m[self._load] - at_m[self._band]) @ along)
        speed_m_s = float(info["velocity_m_s"][self._load] @ along)
        wanted_rad = (
            self._ball(offset_m, speed_m_s) if self._rolls else self._box(offset_m, speed_m_s)
        )
        step_rad = np.clip(wanted_rad, -STEEPEST_RAD, STEEPEST_RAD) - tilt_rad
        rate = 0.6 * float(step_rad) / (self._dt_s * self._rate_rad_s)
        return np.array([min(max(rate, -1.0), 1.0)], np.float32)

    def _ball(self, offset_m: float, speed_m_s: float) -> float:
        """Tilt for a ball, rad: a damped spring towards the middle of the band."""
        pull_m_s2 = -(5.0 * offset_m + 4.0 * speed_m_s)
        return pull_m_s2 / (ROLLING * self._gravity_m_s2)

    def _box(self, offset_m: float, speed_m_s: float) -> float:
        """Tilt for a box, rad: past the friction angle by what it lacks in speed, else level."""
        left_m = abs(offset_m) - 0.4 * self._half_band_m
        side = -float(np.sign(offset_m))
        if left_m < 0.0:
            return 0.0
        wanted_m_s = min(0.6, float(np.sqrt(1.2 * left_m)))
        lacking_m_s2 = 3.0 * (wanted_m_s - side * speed_m_s)
        slope = self._friction + np.clip(lacking_m_s2 / self._gravity_m_s2, -0.3, 0.12)
        return side * float(np.arctan(slope))
