"""RollExplorer: actions for a training set of Occlude that keep the ball in the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.noise import OrnsteinUhlenbeck
from worldsim.agents.scripted.occlude import ROLLING, drive
from worldsim.sim.scenarios.occlude import END_X_M, START_X_M
from worldsim.sim.scene import Scene

COAST = 0.3  # share of the stretches without a force
LENGTHS = (8, 40)
LEFT = 0.65  # share of the places on the left: the ball starts by rolling to the right
SPARE_M = 0.1  # kept to the ends of the way


class RollExplorer:
    """Strings together stretches of coasting and of rolling to some place, with a little noise.

    A ball that could otherwise not be stopped on its way any more is turned back.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._scene, self._rng = scene, rng
        self._ball = scene.index("ball")
        mass_kg = ROLLING * scene.body("ball").mass_kg
        self._brake_m_s2 = float(scene.action_spec.scales[0]) / mass_kg
        self._noise = OrnsteinUhlenbeck(memory_s=0.5, spread=0.15)
        self._noise.reset(scene, rng)
        self._left = 0

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        position_m = float(info["position_m"][self._ball, 0])
        velocity_m_s = float(info["velocity_m_s"][self._ball, 0])
        noise = self._noise.act(observation, info)
        stop_m = 0.5 * velocity_m_s * abs(velocity_m_s) / self._brake_m_s2
        next_m = position_m + stop_m + velocity_m_s * self._scene.dt_s
        if not START_X_M - SPARE_M < next_m < END_X_M - SPARE_M:
            return np.array([-np.sign(velocity_m_s)], np.float32)
        if self._left <= 0:
            self._begin()
        self._left -= 1
        if self._coasting:
            return np.zeros(1, np.float32)
        wanted = self._strength * drive(self._scene, position_m, velocity_m_s, self._target_m)
        mixed: NDArray[np.float32] = np.clip(wanted + noise, -1.0, 1.0).astype(np.float32)
        return mixed

    def _begin(self) -> None:
        self._left = int(self._rng.integers(*LENGTHS))
        self._coasting = bool(self._rng.uniform() < COAST)
        self._strength = float(self._rng.uniform(0.4, 1.0))
        ends_m = (START_X_M, 0.0) if self._rng.uniform() < LEFT else (0.0, END_X_M - SPARE_M)
        self._target_m = float(self._rng.uniform(*ends_m))
