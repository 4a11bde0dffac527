"""PushBoxToGoal: the hand-written solution of Push, in the simulator as in the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.steering import Disc, Push, Table, outline_radius_m, unit
from worldsim.sim.scene import Scene


class PushBoxToGoal:
    """Gets behind the box as seen from the goal and pushes it there, round the sphere.

    Reads `info["position_m"]` only, so it plays in any environment that knows or sees positions.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._table = Table.of(scene)
        self._box, self._goal = scene.index("box"), scene.index("goal")
        self._sphere = scene.index("sphere")
        self._sphere_radius_m = outline_radius_m(scene.bodies[self._sphere])
        self._push = Push(self._table, outline_radius_m(scene.bodies[self._box]))

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        positions_m = info["position_m"][:, :2]
        pusher_m, box_m = positions_m[self._table.pusher], positions_m[self._box]
        to_goal = positions_m[self._goal] - box_m
        sphere = Disc(positions_m[self._sphere], self._sphere_radius_m)
        heading = self._push.steer(pusher_m, box_m, unit(to_goal), [sphere])
        return heading.astype(np.float32)
