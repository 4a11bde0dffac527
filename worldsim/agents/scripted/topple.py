"""PushOver: the hand-written solution of Topple, in the simulator as in the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.steering import Disc, Plane, Table, across, go_round, outline_radius_m, unit
from worldsim.sim.scene import Scene

TOUCHED = 0.9  # share of its standing height below which the marked one falls by itself


class PushOver:
    """Goes round into the gap between the marked domino and the row, pushes it over and stops.

    Reads `info["position_m"]` only; where the gap is, it knows from the scene.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._table = Table.of(scene)
        self._marked = scene.index("marked_domino")
        self._standing_m = scene.bodies[self._marked].position_m[2]
        marked_m, first_m, tower_m = (
            np.array(scene.body(name).position_m[:2])
            for name in ("marked_domino", "domino_1", "lower_block")
        )
        self._radius_m = {
            index: outline_radius_m(body)
            for index, body in enumerate(scene.bodies)
            if body.role == "free"
        }
        self._gap_m = 0.5 * (marked_m + first_m)
        self._along = unit(marked_m - first_m)
        self._half_m = 0.5 * float(np.linalg.norm(marked_m - first_m))
        self._depth_m = self._radius_m[self._marked] + self._table.pusher_radius_m + 0.02
        sides = [sign * across(self._along) for sign in (1.0, -1.0)]
        pusher_m = np.array(scene.bodies[self._table.pusher].position_m[:2])
        self._side = max(sides, key=lambda side: float(side @ (pusher_m - 2.0 * tower_m)))

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        position_m = info["position_m"]
        if position_m[self._marked, 2] < TOUCHED * self._standing_m:
            return np.zeros(2, np.float32)
        heading = self._heading(position_m[self._table.pusher, :2], position_m)
        return heading.astype(np.float32)

    def _heading(self, pusher_m: Plane, position_m: NDArray[np.float64]) -> Plane:
        offset_m = pusher_m - self._gap_m
        along_m, aside_m = float(offset_m @ self._along), float(offset_m @ self._side)
        if abs(aside_m) < 0.015 and abs(along_m) < self._half_m:
            return unit(self._along - 8.0 * aside_m * self._side)
        if abs(along_m) < 0.015 and 0.0 < aside_m < self._depth_m + 0.02:
            return unit(-self._side - 8.0 * along_m / self._half_m * self._along)
        discs = [Disc(position_m[i, :2], radius_m) for i, radius_m in self._radius_m.items()]
        entrance_m = self._gap_m + self._depth_m * self._side
        return go_round(self._table, pusher_m, entrance_m, discs)
