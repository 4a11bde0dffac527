"""Explore: the actions of a training set, smooth and varied, in any scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.explore_drop import DropExplorer
from worldsim.agents.explore_occlude import RollExplorer
from worldsim.agents.explore_push import PushExplorer
from worldsim.agents.explore_throw import ThrowExplorer
from worldsim.agents.explore_topple import ToppleExplorer
from worldsim.agents.noise import OrnsteinUhlenbeck, Uniform
from worldsim.agents.policy import Policy
from worldsim.agents.scripted import SCRIPTED
from worldsim.sim.scene import Scene

KINDS = ("roam", "hold", "rest", "solve")
SHARES = (0.3, 0.25, 0.1, 0.35)  # how often each begins
LENGTHS = {"roam": (6, 18), "hold": (4, 14), "rest": (4, 9), "solve": (15, 40)}


class Wander:
    """Strings together stretches of smooth noise, held actions, rests and the scripted solution.

    Every stretch has its own strength, from faint to full; a little Ornstein-Uhlenbeck noise lies
    over all but the rests. A scenario without a scripted solution is explored by the others.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._rng = rng
        self._size = scene.action_spec.size
        self._parts: dict[str, Policy] = {
            "roam": OrnsteinUhlenbeck(memory_s=0.6, spread=0.7),
            "hold": Uniform(),
            "noise": OrnsteinUhlenbeck(memory_s=0.4, spread=0.08),
        }
        if scene.scenario in SCRIPTED:
            self._parts["solve"] = SCRIPTED[scene.scenario]()
        for part in self._parts.values():
            part.reset(scene, rng)
        self._left = 0

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        # Every part sees every frame, so that one that keeps count is right when its turn comes.
        wanted = {name: part.act(observation, info) for name, part in self._parts.items()}
        if self._left <= 0:
            self._kind = KINDS[int(self._rng.choice(len(KINDS), p=SHARES))]
            if self._kind not in ("rest", *wanted):
                self._kind = "roam"
            self._strength = float(self._rng.uniform(0.15, 1.0))
            self._left = int(self._rng.integers(*LENGTHS[self._kind]))
        self._left -= 1
        if self._kind == "rest":
            return np.zeros(self._size, np.float32)
        strength = 1.0 if self._kind == "solve" else self._strength
        mixed: NDArray[np.float32] = strength * wanted[self._kind] + wanted["noise"]
        return np.clip(mixed, -1.0, 1.0).astype(np.float32)


EXPLORERS: dict[str, Callable[[], Policy]] = {
    "drop": lambda: DropExplorer(Wander()),
    "throw": lambda: ThrowExplorer(Wander()),
    "occlude": RollExplorer,
    "push": PushExplorer,
    "topple": ToppleExplorer,
}


class Explore:
    """Explores whatever scenario it is reset to: by its own explorer, or as Wander does."""

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._policy = EXPLORERS.get(scene.scenario, Wander)()
        self._policy.reset(scene, rng)

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        return self._policy.act(observation, info)
