"""PushExplorer: actions for a training set of Push, often in touch with a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.noise import LowPass, OrnsteinUhlenbeck
from worldsim.agents.scripted.push import PushBoxToGoal
from worldsim.agents.steering import Plane, Push, Table, outline_radius_m, unit
from worldsim.sim.scene import Scene

KINDS = ("roam", "rest", "push", "goal")
SHARES = (0.18, 0.07, 0.6, 0.15)  # how often each begins; a push lasts longest


class PushExplorer:
    """Strings together stretches of roaming, resting, pushing a body and pushing to the goal.

    A push takes a free body and a direction: any, into the nearest wall, or into a corner. Every
    stretch has its own speed, from creeping to full. Actions are low-passed, and a little
    Ornstein-Uhlenbeck noise lies over all but the rests.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._rng = rng
        self._table = Table.of(scene)
        self._free = [i for i, body in enumerate(scene.bodies) if body.role == "free"]
        self._radius_m = {i: outline_radius_m(scene.bodies[i]) for i in self._free}
        self._roam = OrnsteinUhlenbeck(memory_s=0.6, spread=0.7)
        self._noise = OrnsteinUhlenbeck(memory_s=0.4, spread=0.08)
        self._goal = PushBoxToGoal()
        for part in (self._roam, self._noise, self._goal):
            part.reset(scene, rng)
        self._smoother = LowPass(scene.action_spec.size)
        self._left = 0

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        positions_m = info["position_m"][:, :2]
        if self._left <= 0:
            self._begin(positions_m)
        self._left -= 1
        wanted = self._wanted(observation, info, positions_m)
        if self._kind != "rest":
            wanted = wanted + self._noise.act(observation, info)
        return self._smoother.smooth(wanted, self._kind == "rest")

    def _begin(self, positions_m: Plane) -> None:
        self._kind = KINDS[int(self._rng.choice(len(KINDS), p=SHARES))]
        self._speed = float(self._rng.uniform(0.15, 1.0))
        low, high = {"roam": (6, 18), "rest": (4, 9), "push": (25, 45), "goal": (20, 40)}[
            self._kind
        ]
        self._left = int(self._rng.integers(low, high))
        if self._kind == "push":
            self._body = int(self._rng.choice(self._free))
            self._direction = self._aim(positions_m[self._body])
            self._push = Push(self._table, self._radius_m[self._body])

    def _aim(self, body_m: Plane) -> Plane:
        """Any direction, towards the nearest wall, or towards a corner."""
        draw = self._rng.uniform()
        angle = self._rng.uniform(-np.pi, np.pi)
        if draw < 0.6:
            return np.array([np.cos(angle), np.sin(angle)])
        low_m, high_m = self._table.low_m, self._table.high_m
        if draw < 0.8:
            gaps_m = np.concatenate([body_m - low_m, high_m - body_m])
            directions = np.concatenate([-np.eye(2), np.eye(2)])
            nearest: Plane = directions[int(np.argmin(gaps_m))]
            return nearest
        corner_m: Plane = np.where(self._rng.uniform(size=2) < 0.5, low_m, high_m)
        return unit(corner_m - body_m)

    def _wanted(
        self, observation: NDArray[np.uint8], info: Mapping[str, Any], positions_m: Plane
    ) -> Plane:
        if self._kind == "rest":
            return np.zeros(2)
        if self._kind == "roam":
            return self._speed * self._roam.act(observation, info).astype(np.float64)
        if self._kind == "goal":
            speed = max(self._speed, 0.5)
            return speed * self._goal.act(observation, info).astype(np.float64)
        pusher_m = positions_m[self._table.pusher]
        body_m = positions_m[self._body]
        heading = self._push.steer(pusher_m, body_m, self._direction, [])
        return (self._speed if self._push.pushing else 1.0) * heading
