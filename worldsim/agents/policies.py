"""Every policy that can be named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worldsim.agents.explore import Explore
from worldsim.agents.noise import OrnsteinUhlenbeck, Uniform, Zero
from worldsim.agents.policy import Policy
from worldsim.agents.scripted import Scripted
from worldsim.errors import InputError, unknown
from worldsim.sim.scene import Scene


class FixedActions:
    """Plays given actions (T, A), one a frame, and then stands still."""

    def __init__(self, actions: ArrayLike) -> None:
        self.actions = np.asarray(actions, dtype=np.float32)
        if self.actions.ndim != 2:
            raise InputError(f"actions must have the shape (T, A), got {self.actions.shape}")

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        try:
            scene.action_spec.check(self.actions)
        except ValueError as error:
            raise InputError(str(error)) from error
        self._step = -1

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        self._step += 1
        if self._step < len(self.actions):
            action: NDArray[np.float32] = self.actions[self._step]
            return action
        return np.zeros(self.actions.shape[1], np.float32)


POLICIES: dict[str, Callable[[], Policy]] = {
    "random": Uniform,
    "zero": Zero,
    "ou": OrnsteinUhlenbeck,
    "scripted": Scripted,
    "explore": Explore,
}


def make_policy(name: str) -> Policy:
    """A fresh policy by its name; raises InputError, with the near names, where there is none."""
    if name not in POLICIES:
        raise unknown("policy", name, POLICIES)
    return POLICIES[name]()


__all__ = ["POLICIES", "FixedActions", "Policy", "make_policy"]
