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
    "module:name", where importing the module registers it. Registering the same value again does
    nothing; InputError where the name is taken by another one.
    """
    from worldsim.agents.scripted import SCRIPTED
    from worldsim.sim.scenarios import SCENARIOS

    if SCENARIOS.setdefault(scenario.name, scenario) is not scenario:
        raise InputError(f"there is a scenario {scenario.name!r} already; choose another name")
    if scripted is not None:
        SCRIPTED[scenario.name] = scripted
    register_scenario_envs(scenario)


__all__ = ["__version__", "register_scenario"]
