"""Bodies on joints: a hinge's angle, or where the Panda has its hand, and every part's pose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.actuators import Arm, Tilt, Torque
from worldsim.sim.actuators.panda import BASE, FINGERS, HAND, LINKS, STROKE_M, Pose, joints_for
from worldsim.sim.scene import Scene

from .distance import kept
from .pose import turned
from .turns import turn_of

Float = NDArray[np.float64]
Array = Any  # numba's

_SLACK_RAD = 0.15
_SLACK_M = 0.03
_SWINGS = 48  # starts round the circle


class Hinge:
    """One number, the angle about an axis in rad, 0 at the start: a body and what it bears."""

    def __init__(self, scene: Scene, actuator: Tilt | Torque) -> None:
        bodies = list(enumerate(scene.bodies))
        name = actuator.body
        self.parts = [i for i, b in bodies if b.name == name or b.attached_to == name]
        self.carrier = scene.index(name)
        reach = actuator.reach_rad + _SLACK_RAD if isinstance(actuator, Tilt) else np.pi
        self.unit = np.array([1e-3])
        # A torque turns the body all round: the angle may pass half a turn on either side.
        over = 1.0 if isinstance(actuator, Torque) else 0.0
        self.low, self.high = np.array([-reach - over]), np.array([reach + over])
        self.starts = np.linspace(-reach, reach, _SWINGS if over else 17)[:, None]
        self.rest = np.zeros(1)
        self._axis, self._pivot_m = np.array(actuator.axis), np.array(actuator.pivot_m)
        self._places = np.array([scene.bodies[i].position_m for i in self.parts])
        self._turns = np.array([turn_of(scene.bodies[i].orientation_xyzw) for i in self.parts])

    def poses(self, numbers: Float) -> tuple[Float, Float] | None:
        """See Linkage."""
        turns, places = np.empty((len(numbers), *self._turns.shape)), []
        for row, (angle,) in enumerate(numbers.tolist()):
            more = _about(self._axis, angle)
            turns[row] = more @ self._turns
            places.append(self._pivot_m + (self._places - self._pivot_m) @ more.T)
        return turns, np.array(places)


class Panda:
    """Four numbers: the hand's place x, y, z and how far each finger is out, m."""

    def __init__(self, scene: Scene, actuator: Arm) -> None:
        self._links = [k for k, link in enumerate(LINKS) if link.name != BASE]
        self.parts = [scene.index(LINKS[k].name) for k in self._links]
        self.carrier = scene.index(HAND)
        base = scene.body(BASE)
        self._base: Pose = (base.position_m, base.orientation_xyzw)
        left, right = (np.array(scene.body(name).position_m) for name in FINGERS)
        opening_m = 0.5 * float(np.linalg.norm(left - right))
        self.rest = np.array([*scene.body(HAND).position_m, opening_m])
        self._base_turn, self._base_place = turn_of(base.orientation_xyzw), np.array(self._base[0])
        self._yaw_rad = actuator.yaw_rad
        self._origin = np.array([link.origin_m for link in LINKS])
        self._roll_yaw = np.array([(link.roll_rad, link.yaw_rad) for link in LINKS])
        self._parent = np.array([link.parent for link in LINKS])
        self._slides = np.array([link.slides for link in LINKS])
        self.unit = np.full(4, 1e-3)
        low, high = np.array(actuator.low_m), np.array(actuator.high_m)
        self.low = np.array([*(low - _SLACK_M), 0.0])
        self.high = np.array([*(high + _SLACK_M), STROKE_M])
        spans = [np.linspace(a, b, n) for a, b, n in zip(low, high, (8, 8, 5), strict=True)]
        grid = np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1).reshape(-1, 3)
        self.starts = np.column_stack([grid, np.full(len(grid), 0.5 * STROKE_M)])

    def poses(self, numbers: Float) -> tuple[Float, Float] | None:
        """See Linkage."""
        joints = np.zeros((len(numbers), len(LINKS)))
        try:
            for row, hand_m in enumerate(numbers[:, :3].tolist()):
                joints[row, 1:8] = joints_for(self._base, hand_m, self._yaw_rad)
        except InputError:
            return None
        turns, places = _linked(
            self._base_turn, self._base_place, self._origin, self._roll_yaw, self._parent,
            self._slides, joints, numbers[:, 3].copy(),
        )  # fmt: skip
        return turns[:, 1:], places[:, 1:]


Joint = Hinge | Panda


def joint_of(scene: Scene) -> Joint | None:
    """The joint that the scene's actuator drives, None where it drives none."""
    if isinstance(scene.actuator, Tilt | Torque):
        return Hinge(scene, scene.actuator)
    if isinstance(scene.actuator, Arm):
        return Panda(scene, scene.actuator)
    return None


@kept
def _about(axis: Array, angle: float) -> Array:
    """The turn (3, 3) about a unit axis."""
    return turned(np.eye(3), angle * axis[0], angle * axis[1], angle * axis[2])


@kept
def _linked(
    turn: Array, place: Array, origin: Array, roll_yaw: Array, parent: Array, slides: Array,
    joints: Array, opening: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """`link_poses` as matrices: turns (Q, L, 3, 3), places (Q, L, 3) for joints (Q, L) in rad."""
    rows, links = joints.shape
    turns, places = np.empty((rows, links, 3, 3)), np.empty((rows, links, 3))
    for q in range(rows):
        turns[q, 0], places[q, 0] = turn, place
        for k in range(1, links):
            into, roll = turns[q, parent[k]], roll_yaw[k, 0]
            yaw = roll_yaw[k, 1] + joints[q, k]
            cr, sr, cy, sy = np.cos(roll), np.sin(roll), np.cos(yaw), np.sin(yaw)
            for a in range(3):
                x, y, z = into[a, 0], cr * into[a, 1] + sr * into[a, 2], 0.0
                z = cr * into[a, 2] - sr * into[a, 1]
                turns[q, k, a, 0], turns[q, k, a, 1] = cy * x + sy * y, cy * y - sy * x
                turns[q, k, a, 2] = z
            for a in range(3):
                way = 0.0
                for b in range(3):
                    way += into[a, b] * origin[k, b]
                slid = turns[q, k, a, 1] * slides[k] * opening[q]
                places[q, k, a] = places[q, parent[k], a] + way + slid
    return turns, places
