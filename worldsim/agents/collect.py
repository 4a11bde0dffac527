"""Collector: the episodes of a training set, each a function of its number alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import gymnasium
import numpy as np

from worldsim.agents.explore import Explore
from worldsim.agents.rollout import rollout
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.sim.scenarios import make_scene
from worldsim.sim.scene import Split


@dataclass(frozen=True)
class Collector:
    """Makes episode number `index` of a recording: `steps` steps of the exploring policy.

    The result depends on the fields and `index` only, not on the process or the order, byte for
    byte. Episodes run on after success; the last step is truncated. A Collector can be pickled.
    Raises InputError on an unknown scenario or split, a negative seed, no steps or a frame rate
    that does not divide the physics rate.
    """

    scenario: str = "push"
    split: Split = "id"
    seed: int = 0
    steps: int = 64
    frame_rate_hz: int = 10

    def __post_init__(self) -> None:
        scene = make_scene(self.scenario, self.seed, self.split)
        replace(scene, frame_rate_hz=self.frame_rate_hz)
        if self.steps < 1:
            raise InputError(f"an episode needs at least 1 step, got {self.steps}")

    def __call__(self, index: int) -> Episode:
        if index < 0:
            raise InputError(f"episode numbers start at 0, got {index}")
        drawn = np.random.SeedSequence([self.seed, index]).generate_state(1, np.uint64)
        env = gymnasium.make(
            f"worldsim/{self.scenario.capitalize()}-v0",
            max_episode_steps=self.steps,
            disable_env_checker=True,
            scenario=self.scenario,
            split=self.split,
            frame_rate_hz=self.frame_rate_hz,
            end_on_success=False,
        )
        try:
            return rollout(env, Explore(), seed=int(drawn[0]) >> 1)
        finally:
            env.close()
