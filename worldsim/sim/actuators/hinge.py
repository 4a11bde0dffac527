"""A body on a hinge: turned by a torque, or tilted at a commanded rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.actuators.actuator import Actuator, Drive

if TYPE_CHECKING:
    from worldsim.sim.world import World

Vector = tuple[float, float, float]

_GAIN = 0.5  # how much of its lag a tilt makes up for in a physics step
_LEAD_RAD = 0.01  # how far the wanted angle may run ahead


@dataclass(frozen=True)
class Torque(Actuator):
    """One channel: the torque at the hinge about `axis`, N m.

    The hinge is at `pivot_m` and has no friction. Bodies `attached_to` the body turn with it.
    """

    kind: ClassVar[str] = "torque"
    pivot_m: Vector = (0.0, 0.0, 0.0)
    axis: Vector = (0.0, 1.0, 0.0)

    @property
    def channels(self) -> int:
        return 1

    def build(self, world: World) -> Drive:
        return _Turned(self, world)


@dataclass(frozen=True)
class Tilt(Actuator):
    """One channel: the rate of turn about `axis` through `pivot_m`, rad/s.

    A motor of at most `torque_n_m` follows it; the angle stays within +-`reach_rad` of the start.
    It bears what lies on the body, and a body in its way does not stop it: PyBullet solves it apart
    from the contacts. Bodies `attached_to` the body turn with it.
    """

    kind: ClassVar[str] = "tilt"
    pivot_m: Vector = (0.0, 0.0, 0.0)
    axis: Vector = (0.0, 1.0, 0.0)
    torque_n_m: float = 200.0
    reach_rad: float = 0.5

    @property
    def channels(self) -> int:
        return 1

    def build(self, world: World) -> Drive:
        return _Tilted(self, world)


class _Hinged(Drive):
    """A world-fixed hinge that carries a body and what is attached to it."""

    def __init__(self, settings: Torque | Tilt, world: World) -> None:
        super().__init__()
        if abs(float(np.linalg.norm(settings.axis)) - 1.0) > 1e-3:
            raise InputError(f"the axis of a hinge must have the length 1, got {settings.axis}")
        self._bullet, self._client = world.bullet, world.client
        self._scale = float(world.scene.action_spec.scales[0])
        self.links = world.add_hinged(settings.body, settings.pivot_m, settings.axis)
        self._identifier, _ = next(iter(self.links.values()))

    def _angle_rad(self) -> float:
        state = self._bullet.getJointState(self._identifier, 0, physicsClientId=self._client)
        return float(state[0])

    def _drive(self, velocity_rad_s: float, torque_n_m: float) -> None:
        self._bullet.setJointMotorControl2(
            self._identifier,
            0,
            self._bullet.VELOCITY_CONTROL,
            targetVelocity=velocity_rad_s,
            force=torque_n_m,
            physicsClientId=self._client,
        )


class _Turned(_Hinged):
    def __init__(self, settings: Torque, world: World) -> None:
        super().__init__(settings, world)
        self._drive(0.0, 0.0)  # PyBullet gives every new joint a motor
        self._torque_n_m = 0.0

    def act(self, action: NDArray[np.float32]) -> None:
        self._torque_n_m = self._scale * float(action[0])

    def push(self) -> None:
        self._bullet.setJointMotorControl2(
            self._identifier,
            0,
            self._bullet.TORQUE_CONTROL,
            force=self._torque_n_m,
            physicsClientId=self._client,
        )


class _Tilted(_Hinged):
    """Follows an angle, not only its rate.

    A motor that holds a rate, solved apart from the contacts, gives way to a load in every physics
    step, and creeps.
    """

    def __init__(self, settings: Tilt, world: World) -> None:
        super().__init__(settings, world)
        self._reach_rad, self._torque_n_m = settings.reach_rad, settings.torque_n_m
        self._dt_s = 1.0 / world.scene.physics_rate_hz
        self._rate_rad_s, self._goal_rad = 0.0, 0.0

    def act(self, action: NDArray[np.float32]) -> None:
        self._rate_rad_s = self._scale * float(action[0])

    def push(self) -> None:
        angle_rad, last_rad = self._angle_rad(), self._goal_rad
        goal_rad = min(
            max(last_rad + self._rate_rad_s * self._dt_s, -self._reach_rad), self._reach_rad
        )
        self._goal_rad = min(max(goal_rad, angle_rad - _LEAD_RAD), angle_rad + _LEAD_RAD)
        behind_rad = last_rad - angle_rad
        rate_rad_s = (self._goal_rad - last_rad + _GAIN * behind_rad) / self._dt_s
        self._drive(rate_rad_s, self._torque_n_m)
