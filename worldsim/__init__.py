"""worldsim: train, play and physics-check world models.

Importing it registers the Gymnasium environments of every scenario, `worldsim/Push-v0` (simulator)
and `worldsim/Push-WM-v0` (model) and so on; torch, diffusers and pybullet are loaded only when one
is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from worldsim.envs import register_envs, register_scenario_envs
from worldsim.errors import InputError

if TYPE_CHECKING:
    from worldsim.agents.policy import Policy
    from worldsim.sim.scenarios.scenario import Scenario

__version__ = "0.1.0"

register_envs()


def register_scenario(scenario: Scenario, scripted: Callable[[], Policy] | None = None) -> None:
    """Make a scenario of your own known: to `gymnasium.make`, to every command, to recordings.

    `scripted` makes the policy that solves it, if there is one. A command finds it as
    "module:name", where importing the module registers it. A module that is loaded again replaces
    its own scenario. Raises InputError where the name is taken by another module's, the scenario
    makes no scene, or an argument is of another type.
    """
    from worldsim.agents.scripted import SCRIPTED
    from worldsim.sim.scenarios import SCENARIOS, Scenario

    if not isinstance(scenario, Scenario):
        raise InputError(f"register_scenario takes a Scenario, got {type(scenario).__name__}")
    if scripted is not None and not callable(scripted):
        raise InputError(f"scripted is a class or function, got {type(scripted).__name__}")
    module = scenario.build.__module__
    for known in SCENARIOS.values():
        loaded_again = known.name == scenario.name and known.build.__module__ == module
        theirs = loaded_again and module.partition(".")[0] != __name__
        if known.env_id == scenario.env_id and known is not scenario and not theirs:
            raise InputError(f"there is a scenario {known.name!r} already; choose another name")
    scenario.make_scene(0)
    if SCENARIOS.get(scenario.name) is not scenario:
        SCRIPTED.pop(scenario.name, None)
    SCENARIOS[scenario.name] = scenario
    if scripted is not None:
        SCRIPTED[scenario.name] = scripted
    register_scenario_envs(scenario)


__all__ = ["__version__", "register_scenario"]
