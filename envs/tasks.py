"""Tasks: 3D positions in, reward and success out; the same function for simulator and model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import unknown
from worldsim.sim.scene import Scene


@dataclass(frozen=True)
class Outcome:
    """What the positions of one frame are worth.

    `distance_m` is what still separates the scene from success; it can be above 0 on success.
    """

    reward: float
    success: bool
    distance_m: float


Task = Callable[[Scene, NDArray[np.float64]], Outcome]


def push(scene: Scene, position_m: NDArray[np.float64]) -> Outcome:
    """The box belongs on the goal disc; `position_m` is (N, 3) in scene order.

    The reward is minus the horizontal distance from the box's centre to the goal's in metres, plus
    1 inside. Inside means that the distance is at most the goal disc's radius.
    """
    box, goal = scene.index("box"), scene.index("goal")
    distance_m = float(np.linalg.norm(position_m[box, :2] - position_m[goal, :2]))
    success = distance_m <= scene.bodies[goal].size_m[0]
    return Outcome(float(success) - distance_m, success, distance_m)


TASKS: dict[str, Task] = {"push": push}


def find_task(scenario: str) -> Task:
    """The task of a scenario. Raises InputError, with the near names, where there is none."""
    if scenario not in TASKS:
        raise unknown("task", scenario, TASKS)
    return TASKS[scenario]
