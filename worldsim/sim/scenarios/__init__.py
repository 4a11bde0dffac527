"""Scenarios: a seed and a split make a scene."""

from __future__ import annotations

from importlib import import_module

from worldsim.errors import InputError, unknown
from worldsim.sim.scenarios.arm import ARM
from worldsim.sim.scenarios.collide import COLLIDE
from worldsim.sim.scenarios.drop import DROP
from worldsim.sim.scenarios.occlude import OCCLUDE
from worldsim.sim.scenarios.orbit import ORBIT
from worldsim.sim.scenarios.push import PUSH
from worldsim.sim.scenarios.ramp import RAMP
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario, Task
from worldsim.sim.scenarios.swing import SWING
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scenarios.throw import THROW
from worldsim.sim.scenarios.topple import TOPPLE
from worldsim.sim.scene import Scene, Split

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (DROP, THROW, COLLIDE, RAMP, TOPPLE, OCCLUDE, SWING, PUSH, ORBIT, ARM)
}


def after_import(name: str) -> str:
    """The name in "module:name", once the module is imported; a bare name as it is."""
    module, _, short = name.rpartition(":")
    if module:
        if not all(part.isidentifier() for part in module.split(".")):
            raise InputError(f"{name!r}: {module!r} is not the name of a module")
        try:
            import_module(module)
        except InputError:
            raise
        except Exception as error:  # a user's module may fail in any way
            said = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
            raise InputError(f"{name!r}: cannot import {module!r}: {said}{error}") from error
    return short


def find_scenario(name: str) -> Scenario:
    """The scenario of that name; "module:name" imports the module first, which registers it.

    Raises InputError, with the near names, where there is none.
    """
    short = after_import(name)
    if short not in SCENARIOS:
        raise unknown("scenario", short, SCENARIOS)
    return SCENARIOS[short]


def make_scene(
    scenario: str, seed: int, split: Split = "id", width_px: int = 64, height_px: int = 64
) -> Scene:
    """The scene of a named scenario; see Scenario.make_scene and find_scenario for errors."""
    return find_scenario(scenario).make_scene(seed, split, width_px, height_px)


__all__ = [
    "SCENARIOS",
    "Choice",
    "Drawn",
    "Moment",
    "Outcome",
    "Range",
    "Scenario",
    "Task",
    "after_import",
    "find_scenario",
    "make_scene",
]
