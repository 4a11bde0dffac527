"""A Franka Panda whose hand points down and is driven at the commanded velocity."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.actuators.actuator import Actuator, Drive
from worldsim.sim.actuators.panda import BASE, FINGERS, HAND, LINKS, STROKE_M, URDF, joints_for
from worldsim.sim.bullet import data_path

if TYPE_CHECKING:
    from worldsim.sim.world import World

Float = NDArray[np.float64]
Vector = tuple[float, float, float]

_MOTORS = (*(link.number for link in LINKS[1:8]), *(link.number for link in LINKS[9:]))
_TORQUE_N_M = (87.0,) * 4 + (12.0,) * 3  # what the Panda's own motors have
_GAINS, _FOLLOW = (0.2,) * 9, (1.0,) * 9  # share of a motor's error mended in one physics step
_SQUEEZE_M = 0.004  # how far the fingers are told to close beyond what stops them
_GEAR_N = 50.0  # holds both fingers at one opening, as the gear in the hand does


@dataclass(frozen=True)
class Arm(Actuator):
    """Four channels: velocity of the hand along x, y and z, m/s, and speed of each finger, m/s.

    A positive fourth channel closes the fingers, a negative one opens them; at 0 they keep what
    they hold. The hand's frame, 0.105 m above the point between the fingertips, follows a target
    within the box `low_m` to `high_m`; where something stops the hand, the target waits for it,
    `leash_m` ahead along each axis. The fingers close along the line at right angles to `yaw_rad`,
    with at most `grip_n` each.
    """

    kind: ClassVar[str] = "arm"
    body: str = HAND
    low_m: Vector = (-0.2, -0.2, 0.118)
    high_m: Vector = (0.2, 0.2, 0.4)
    yaw_rad: float = 0.0
    grip_n: float = 15.0
    leash_m: float = 0.06

    @property
    def channels(self) -> int:
        return 4

    def build(self, world: World) -> Drive:
        return _Panda(self, world)


class _Panda(Drive):
    def __init__(self, settings: Arm, world: World) -> None:
        super().__init__()
        self._settings, self._world, scene = settings, world, world.scene
        self._bullet, self._client = world.bullet, world.client
        self._scales, self._dt_s = scene.action_spec.scales, scene.dt_s
        self._substeps = scene.substeps
        self._forces = (*_TORQUE_N_M, settings.grip_n, settings.grip_n)
        base, left, right = (scene.body(name) for name in (BASE, *FINGERS))
        self._base = (base.position_m, base.orientation_xyzw)
        self._check_reach()
        self._target_m = np.array(scene.body(HAND).position_m)
        apart_m = np.subtract(left.position_m, right.position_m)
        self._opening_m = 0.5 * float(np.linalg.norm(apart_m))
        self._identifier: int = self._load()
        self.links = {scene.index(link.name): (self._identifier, link.number) for link in LINKS}
        self._goal = self._motor_goal()
        self._hold_at_start()
        self.act(np.zeros(4, np.float32))

    def act(self, action: NDArray[np.float32]) -> None:
        """Move the target by one frame."""
        *speed_m_s, closing_m_s = np.asarray(action, np.float64) * self._scales
        settings, hand_m, found_m = self._settings, self._hand_m(), self._found_opening_m()
        held_m = np.clip(self._target_m, hand_m - settings.leash_m, hand_m + settings.leash_m)
        moved_m = held_m + np.array(speed_m_s) * self._dt_s
        self._target_m = np.clip(moved_m, settings.low_m, settings.high_m)
        opening_m = min(max(self._opening_m, found_m - _SQUEEZE_M), found_m + _SQUEEZE_M)
        self._opening_m = min(max(opening_m - closing_m_s * self._dt_s, 0.0), STROKE_M)
        last, self._goal = self._goal, self._motor_goal()
        way = self._goal - last
        shares = np.arange(self._substeps)[:, None] / self._substeps
        self._speeds = (way / self._dt_s).tolist()
        self._leads = iter((last + way * shares).tolist())

    def push(self) -> None:
        """Lead the motors to the frame's goal, a straight line in the joints."""
        self._bullet.setJointMotorControlArray(
            self._identifier,
            _MOTORS,
            self._bullet.POSITION_CONTROL,
            targetPositions=next(self._leads),
            targetVelocities=self._speeds,
            forces=self._forces,
            positionGains=_GAINS,
            velocityGains=_FOLLOW,
            physicsClientId=self._client,
        )

    def _check_reach(self) -> None:
        """Raises InputError where the hand's box is not all in reach: nearest point and corners."""
        settings = self._settings
        nearest_m = np.clip(self._base[0], settings.low_m, settings.high_m).tolist()
        spans_m = zip(settings.low_m, nearest_m, settings.high_m, strict=True)
        for point_m in product(*spans_m):
            joints_for(self._base, point_m, settings.yaw_rad)

    def _motor_goal(self) -> Float:
        joints_rad = joints_for(self._base, self._target_m.tolist(), self._settings.yaw_rad)
        return np.array((*joints_rad, self._opening_m, self._opening_m))

    def _hand_m(self) -> Float:
        return np.array(self._world.state(self._identifier, LINKS[8].number)[0])

    def _found_opening_m(self) -> float:
        states = self._bullet.getJointStates(
            self._identifier, _MOTORS[7:], physicsClientId=self._client
        )
        return 0.5 * float(states[0][0] + states[1][0])

    def _load(self) -> int:
        """The robot in its own meshes, in the materials and plain colours of the scene's bodies."""
        seen, unseen = self._world.seen, self._bullet.URDF_IGNORE_VISUAL_SHAPES
        self._keep_files(True)  # 0.1 s instead of 0.3 s, from a process's second reset on
        identifier: int = self._bullet.loadURDF(
            str(data_path() / URDF),
            *self._base,
            useFixedBase=1,
            flags=0 if seen else unseen,
            physicsClientId=self._client,
        )
        self._keep_files(False)
        for link in LINKS:
            body = self._world.scene.body(link.name)
            self._world.set_material(identifier, link.number, body)
            if not seen:
                continue
            self._bullet.changeVisualShape(
                identifier,
                link.number,
                textureUniqueId=-1,
                rgbaColor=(*body.color_rgb, 1.0),
                specularColor=(0.0, 0.0, 0.0),
                physicsClientId=self._client,
            )
        return identifier

    def _keep_files(self, kept: bool) -> None:
        self._bullet.setPhysicsEngineParameter(
            enableFileCaching=int(kept), physicsClientId=self._client
        )

    def _hold_at_start(self) -> None:
        """Put the joints where the scene has the hand, and tie the fingers to one opening."""
        for joint, value in zip(_MOTORS, self._goal.tolist(), strict=True):
            self._bullet.resetJointState(
                self._identifier, joint, value, physicsClientId=self._client
            )
        one, other = _MOTORS[7:]
        gear = self._bullet.createConstraint(
            self._identifier,
            one,
            self._identifier,
            other,
            self._bullet.JOINT_GEAR,
            (1.0, 0.0, 0.0),
            (0.0, 0.0, 0.0),
            (0.0, 0.0, 0.0),
            physicsClientId=self._client,
        )
        self._bullet.changeConstraint(
            gear, gearRatio=-1.0, erp=0.1, maxForce=_GEAR_N, physicsClientId=self._client
        )
