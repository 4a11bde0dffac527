"""KnockIntoZone: the hand-written solution of Collide, in the simulator as in the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.steering import Disc, Plane, Push, Table, across, outline_radius_m, unit
from worldsim.sim.scenarios.collide import TABLE_M
from worldsim.sim.scene import Scene

FAST_M_S, SLOW_M_S = 0.8, 0.3


class KnockIntoZone:
    """Gets behind the target as seen from the zone, round the other balls, and drives through it.

    Reads `info["position_m"]` and `info["velocity_m_s"]` only, so it plays in any environment that
    knows or sees them.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._cue, self._target = scene.index("cue"), scene.index("target")
        self._zone = scene.index("zone")
        cue = scene.bodies[self._cue]
        reach_m = np.array(TABLE_M) - cue.size_m[0] - 0.005
        self._table = Table(self._cue, cue.size_m[0], -reach_m, reach_m)
        self._others = {
            index: outline_radius_m(body)
            for index, body in enumerate(scene.bodies)
            if body.role == "free" and index != self._target
        }
        self._push = Push(self._table, outline_radius_m(scene.bodies[self._target]))
        # A rolling sphere moves as if it had 7/5 of its mass.
        self._gain = 1.4 * cue.mass_kg / (2.0 * scene.dt_s) / scene.action_spec.scales

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        positions_m, velocities_m_s = info["position_m"][:, :2], info["velocity_m_s"][:, :2]
        cue_m, target_m = positions_m[self._cue], positions_m[self._target]
        others = [Disc(positions_m[index], radius) for index, radius in self._others.items()]
        direction = unit(positions_m[self._zone] - target_m)
        heading = self._push.steer(cue_m, target_m, direction, others)
        wanted_m_s = self._speed_m_s(cue_m, target_m, direction) * heading
        force = self._gain * (wanted_m_s - velocities_m_s[self._cue])
        action: NDArray[np.float32] = np.clip(force, -1.0, 1.0).astype(np.float32)
        return action

    def _speed_m_s(self, cue_m: Plane, target_m: Plane, direction: Plane) -> float:
        """Slow where the way bends: round the target and while getting in line with it."""
        offset_m = cue_m - target_m
        reach_m = self._push.radius_m + self._table.pusher_radius_m
        if self._push.pushing:
            side_m = abs(float(offset_m @ across(direction)))
            return FAST_M_S if side_m < 0.1 * reach_m else SLOW_M_S
        gap_m = float(np.linalg.norm(offset_m + direction * reach_m))
        return float(np.clip(2.0 * gap_m, SLOW_M_S, FAST_M_S))
