"""RollBack: the hand-written solution of Occlude, in the simulator as in the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

ROLLING = 1.4  # a rolling sphere moves as if it had 7/5 of its mass
BRAKE = 0.7  # share of the force that brakes; the rest corrects


def drive(
    scene: Scene, position_m: float, velocity_m_s: float, target_m: float
) -> NDArray[np.float32]:
    """The action that takes the rolling ball to a place on its way and stops it there."""
    mass_kg = ROLLING * scene.body("ball").mass_kg
    force_n = float(scene.action_spec.scales[0])
    way_m = target_m - position_m
    speed_m_s = float(np.sqrt(2.0 * BRAKE * force_n / mass_kg * abs(way_m)))
    wanted_m_s = float(np.sign(way_m)) * min(speed_m_s, abs(way_m) / (2.0 * scene.dt_s))
    wanted_n = mass_kg * (wanted_m_s - velocity_m_s) / (2.0 * scene.dt_s)
    return np.clip([wanted_n / force_n], -1.0, 1.0).astype(np.float32)


class RollBack:
    """Brakes the ball, which stops behind the screen, rolls it back and brakes it at home.

    Reads `info["position_m"]` and `info["velocity_m_s"]` only, so it plays in any environment that
    knows or sees them.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._scene = scene
        self._ball, self._home = scene.index("ball"), scene.index("home")

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        position_m, velocity_m_s = info["position_m"][:, 0], info["velocity_m_s"][:, 0]
        ball = self._ball
        home_m = float(position_m[self._home])
        return drive(self._scene, float(position_m[ball]), float(velocity_m_s[ball]), home_m)
