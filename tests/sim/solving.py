"""How often a policy solves a scenario."""

from __future__ import annotations

import gymnasium
import numpy as np

from worldsim.agents.policies import make_policy
from worldsim.sim.scenarios import Scenario


def solved(scenario: Scenario, policy: str, episodes: int) -> float:
    """Share of episodes, seeds from 0, that end in success."""
    env = gymnasium.make(scenario.env_id, disable_env_checker=True, size_px=16)
    successes = 0
    for seed in range(episodes):
        frame, info = env.reset(seed=seed)
        player = make_policy(policy)
        player.reset(env.unwrapped.scene, np.random.default_rng(seed))  # type: ignore[attr-defined]
        over = False
        while not over:
            frame, _, terminated, truncated, info = env.step(player.act(frame, info))
            over = terminated or truncated
        successes += info["success"]
    env.close()
    return successes / episodes
