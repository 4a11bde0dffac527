"""ThrowExplorer: throws of every kind, then whatever else explores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.policy import Policy
from worldsim.agents.scripted.throw import ThrowIntoBin, flight_s
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]

KINDS = ("aim", "lob", "nudge", "rest")
SHARES = (0.45, 0.40, 0.10, 0.05)
MISS_M_S = 0.20  # spread of the error of an aimed throw, along each axis
NUDGE_M_S = 0.6
SPOTS_M = ((-0.8, 0.6), (-0.35, 0.45))  # where a lob comes down, about the world's middle
RISES_M = (0.08, 0.80)


class ThrowExplorer:
    """Launches, most often at the bin or at any spot in the picture; another policy's gusts follow.

    An aimed throw misses by a little, a nudge topples the projectile off its pedestal, and now and
    then it is left there.
    """

    def __init__(self, gusts: Policy) -> None:
        self.gusts = gusts

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._rng, self._scene = rng, scene
        self._aim = ThrowIntoBin()
        for policy in (self.gusts, self._aim):
            policy.reset(scene, rng)
        self._kind = KINDS[int(rng.choice(len(KINDS), p=SHARES))]
        self._first = True

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        gust = self.gusts.act(observation, info)
        if not self._first:
            return gust
        self._first = False
        scales_m_s = self._scene.action_spec.scales
        velocity_m_s = np.zeros(3)
        if self._kind == "aim":
            aimed = self._aim.act(observation, info).astype(np.float64)
            velocity_m_s = aimed * scales_m_s + MISS_M_S * self._rng.standard_normal(3)
        elif self._kind == "lob":
            velocity_m_s = self._lob(info["position_m"][self._scene.index("projectile")])
        elif self._kind == "nudge":
            velocity_m_s = self._rng.uniform(-NUDGE_M_S, NUDGE_M_S, 3)
        return np.clip(velocity_m_s / scales_m_s, -1.0, 1.0).astype(np.float32)

    def _lob(self, position_m: Float) -> Float:
        """The velocity to come down on any spot in the picture, over a low or a high arch."""
        gravity_m_s2 = -self._scene.gravity_m_s2[2]
        spot_m = np.array([self._rng.uniform(*span) for span in SPOTS_M])
        rise_m_s = float(np.sqrt(2.0 * gravity_m_s2 * self._rng.uniform(*RISES_M)))
        left_s = flight_s(float(position_m[2]), rise_m_s, 0.1, gravity_m_s2)
        return np.append((spot_m - position_m[:2]) / left_s, rise_m_s)
