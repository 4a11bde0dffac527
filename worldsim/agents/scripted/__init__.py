"""Scripted: the hand-written solution of every scenario, in the simulator as in the model.

They read states from `info` only, so they play in any environment that knows or sees positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.policy import Policy
from worldsim.agents.scripted.arm import ArmBlockToGoal
from worldsim.agents.scripted.collide import KnockIntoZone
from worldsim.agents.scripted.drop import BlowParcelToPad
from worldsim.agents.scripted.occlude import RollBack
from worldsim.agents.scripted.orbit import CentreTarget
from worldsim.agents.scripted.push import PushBoxToGoal
from worldsim.agents.scripted.ramp import BringToBand
from worldsim.agents.scripted.swing import PumpToHit
from worldsim.agents.scripted.throw import ThrowIntoBin
from worldsim.agents.scripted.topple import PushOver
from worldsim.errors import unknown
from worldsim.sim.scene import Scene

SCRIPTED: dict[str, Callable[[], Policy]] = {
    "drop": BlowParcelToPad,
    "throw": ThrowIntoBin,
    "collide": KnockIntoZone,
    "ramp": BringToBand,
    "topple": PushOver,
    "occlude": RollBack,
    "swing": PumpToHit,
    "push": PushBoxToGoal,
    "orbit": CentreTarget,
    "arm": ArmBlockToGoal,
}


class Scripted:
    """Solves whatever scenario it is reset to. Raises InputError where no solution is known."""

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        if scene.scenario not in SCRIPTED:
            raise unknown("scripted policy", scene.scenario, SCRIPTED)
        self._policy = SCRIPTED[scene.scenario]()
        self._policy.reset(scene, rng)

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        return self._policy.act(observation, info)


__all__ = ["SCRIPTED", "PushBoxToGoal", "Scripted"]
