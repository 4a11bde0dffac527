"""The Gymnasium face: the simulator and the model as twin environments, and both in one.

`register_envs` gives them their ids with string entry points, so that neither pybullet nor torch
is loaded before an environment is made.
"""

from __future__ import annotations

import gymnasium

from worldsim.sim.scenarios import SCENARIOS
from worldsim.sim.scenarios.scenario import Scenario

MAX_EPISODE_STEPS = 100


def register_envs() -> None:
    """Make the ids known to `gymnasium.make`; does nothing where they are known already."""
    for scenario in SCENARIOS.values():
        register_scenario_envs(scenario)


def register_scenario_envs(scenario: Scenario) -> None:
    """Make the ids of a scenario's simulator, of its model and of both in one known."""
    batched = "worldsim.envs.vector.world_model:WorldModelVectorEnv"
    entries = (
        (scenario.env_id, "worldsim.envs.simulator_env:SimulatorEnv", None),
        (scenario.model_id, "worldsim.envs.world_model_env:WorldModelEnv", batched),
        (scenario.twin_id, "worldsim.envs.twin_env:TwinEnv", None),
    )
    for env_id, entry_point, vector_entry_point in entries:
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point=entry_point,
                vector_entry_point=vector_entry_point,
                kwargs={"scenario": scenario.name},
                max_episode_steps=MAX_EPISODE_STEPS,
            )


def env_ids() -> list[str]:
    """The ids of all worldsim environments."""
    return [name for s in SCENARIOS.values() for name in (s.env_id, s.model_id, s.twin_id)]
