"""ToppleExplorer: actions for a training set of Topple, in which things fall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.noise import LowPass, OrnsteinUhlenbeck
from worldsim.agents.scripted.topple import PushOver
from worldsim.agents.steering import Plane, Table, unit
from worldsim.sim.scene import Scene

KINDS = ("run", "roam", "rest", "solve")
SHARES = (0.55, 0.1, 0.05, 0.3)  # how often each begins
LENGTHS = {"run": (16, 36), "roam": (8, 20), "rest": (5, 12), "solve": (25, 45)}


class ToppleExplorer:
    """Strings together stretches of running into a body, roaming, resting and the solution.

    A run goes straight at a body, whatever stands before it: dominoes start their row, blocks their
    tower. Every stretch has its own speed. Actions are low-passed, and a little Ornstein-Uhlenbeck
    noise lies over all but the rests.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._rng = rng
        self._pusher = Table.of(scene).pusher
        self._free = [i for i, body in enumerate(scene.bodies) if body.role == "free"]
        self._roam = OrnsteinUhlenbeck(memory_s=0.5, spread=0.7)
        self._noise = OrnsteinUhlenbeck(memory_s=0.3, spread=0.08)
        self._solve = PushOver()
        for part in (self._roam, self._noise, self._solve):
            part.reset(scene, rng)
        self._smoother = LowPass(scene.action_spec.size)
        self._left = 0

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        if self._left <= 0:
            self._kind = KINDS[int(self._rng.choice(len(KINDS), p=SHARES))]
            self._speed = float(self._rng.uniform(0.3, 1.0))
            self._left = int(self._rng.integers(*LENGTHS[self._kind]))
            self._body = int(self._rng.choice(self._free))
        self._left -= 1
        wanted = self._wanted(observation, info)
        if self._kind != "rest":
            wanted = wanted + self._noise.act(observation, info)
        return self._smoother.smooth(wanted, self._kind == "rest")

    def _wanted(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> Plane:
        if self._kind == "run":
            position_m = info["position_m"][:, :2]
            return self._speed * unit(position_m[self._body] - position_m[self._pusher])
        if self._kind == "roam":
            return self._speed * self._roam.act(observation, info).astype(np.float64)
        if self._kind == "solve":
            return self._solve.act(observation, info).astype(np.float64)
        return np.zeros(2)
