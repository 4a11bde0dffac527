"""The Gymnasium face: the simulator and the model as twin environments.

`register_envs` gives them their ids with string entry points, so that neither pybullet nor torch
is loaded before an environment is made.
"""

from __future__ import annotations

import gymnasium

MAX_EPISODE_STEPS = 100
ENTRY_POINTS = {
    "worldsim/Push-v0": "worldsim.envs.simulator_env:SimulatorEnv",
    "worldsim/Push-WM-v0": "worldsim.envs.world_model_env:WorldModelEnv",
}


def register_envs() -> None:
    """Make the ids known to `gymnasium.make`; does nothing where they are known already."""
    for env_id, entry_point in ENTRY_POINTS.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(env_id, entry_point=entry_point, max_episode_steps=MAX_EPISODE_STEPS)
