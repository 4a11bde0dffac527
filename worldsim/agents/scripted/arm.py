"""ArmBlockToGoal: the hand-written solution of Arm, in the simulator as in the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.actuators.panda import FINGERS, HAND, TOOL_M
from worldsim.sim.scene import Scene

Vector = NDArray[np.float64]

OPEN, CLOSE = -1.0, 1.0
AIMED_M, DOWN_M = 0.015, 0.006  # how far aside of a place, and above it, still counts as there
CLEAR_M, FREE_M = 0.07, 0.06  # height above a place to come and go at, and to turn aside from
WIDE_M, STILL_M_S = 0.076, 0.01  # between open fingers; how fast they close on what they hold


class ArmBlockToGoal:
    """Goes above the block, down, grips it, lifts and carries it to the goal, and lets go.

    Reads `info["position_m"]` and `info["velocity_m_s"]` only, and remembers nothing: wherever
    another policy leaves the arm, it goes on from there.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._block, self._goal = scene.index("block"), scene.index("goal")
        self._hand, self._fingers = scene.index(HAND), [scene.index(name) for name in FINGERS]
        self._rest_m = 0.5 * scene.bodies[self._block].height_m
        self._step_m = scene.action_spec.scales[:3] * scene.dt_s

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        position_m, velocity_m_s = info["position_m"], info["velocity_m_s"]
        block_m, tool_m = position_m[self._block], position_m[self._hand] - (0.0, 0.0, TOOL_M)
        rest_m = np.array([*position_m[self._goal, :2], self._rest_m])
        left, right = self._fingers
        wide = float(np.linalg.norm(position_m[left] - position_m[right])) > WIDE_M
        still = float(np.linalg.norm(velocity_m_s[left] - velocity_m_s[right])) < STILL_M_S
        if _at(block_m, rest_m, DOWN_M):
            way_m, grip = np.array([0.0, 0.0, CLEAR_M if wide else 0.0]), OPEN
        elif still and not wide and _at(tool_m, block_m, AIMED_M):
            way_m, grip = _over(block_m, rest_m, descend=True), CLOSE
        elif _at(tool_m, block_m, DOWN_M if wide else AIMED_M):
            way_m, grip = np.zeros(3), CLOSE
        else:
            way_m, grip = _over(tool_m, block_m, descend=wide), OPEN
        speed = way_m / self._step_m
        speed /= max(1.0, float(np.abs(speed).max()))
        return np.array([*speed, grip], np.float32)


def _at(point_m: Vector, place_m: Vector, height_m: float) -> bool:
    """True where a point is at a place, but for `height_m` up or down."""
    aside_m = float(np.linalg.norm(point_m[:2] - place_m[:2]))
    return aside_m < AIMED_M and abs(float(point_m[2] - place_m[2])) < height_m


def _over(point_m: Vector, place_m: Vector, descend: bool) -> Vector:
    """The way of a point to a place, down on it from above; without `descend` to above it."""
    way_m = place_m - point_m
    if descend and float(np.linalg.norm(way_m[:2])) < AIMED_M:
        return way_m
    free = -float(way_m[2]) > FREE_M
    way_m[2] += CLEAR_M
    return way_m if free else np.array([0.0, 0.0, float(way_m[2])])
