"""DropExplorer: whatever explores, called back before its body leaves the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.policy import Policy
from worldsim.sim.scene import Scene

EDGE = 0.75  # share of the picture, from its middle, that the body is kept above
AHEAD_S = 0.4
STIFFNESS_PER_S2 = 8.0
DAMPING_PER_S = 6.0


class DropExplorer:
    """Leaves the actions to another policy while the body stays in the picture.

    Where the ground below it, or below where it is about to be, is too near the picture's edge, the
    force pulls it back towards the world's vertical axis.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self.policy.reset(scene, rng)
        self._camera = scene.camera
        self._body = scene.index(scene.actuator.body)
        self._full_m_s2 = scene.action_spec.scales / scene.bodies[self._body].mass_kg

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        action = self.policy.act(observation, info)
        position_m = info["position_m"][self._body]
        velocity_m_s = info["velocity_m_s"][self._body]
        if self._inside(position_m) and self._inside(position_m + AHEAD_S * velocity_m_s):
            return action
        wanted_m_s2 = -STIFFNESS_PER_S2 * position_m - DAMPING_PER_S * velocity_m_s
        pull: NDArray[np.float32] = (wanted_m_s2[:2] / self._full_m_s2).astype(np.float32)
        return np.clip(pull, -1.0, 1.0)

    def _inside(self, place_m: NDArray[np.float64]) -> bool:
        below_m = np.array([place_m[0], place_m[1], 0.0])
        size_px = np.array([self._camera.width_px, self._camera.height_px])
        image_px, _ = self._camera.project(below_m)
        return bool((np.abs(2.0 * image_px / size_px - 1.0) < EDGE).all())
