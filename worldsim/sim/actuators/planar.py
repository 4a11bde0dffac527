"""A body on two crossed sliders, driven at the commanded velocity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.actuators.actuator import Actuator, Drive

if TYPE_CHECKING:
    from worldsim.sim.world import World

_CARRIER_MASS_KG = 0.02
_IDENTITY = (0.0, 0.0, 0.0, 1.0)
_LINK = 1


@dataclass(frozen=True)
class Planar(Actuator):
    """Two channels: velocity along x and y, m/s.

    The body moves in the plane and can neither tip nor turn. Each slider has a velocity motor of at
    most `force_n`, so a body that is stuck between this one and a wall stops it instead of being
    shot away. The body's centre stays within `reach_m` (x, y) of the world's origin.
    """

    kind: ClassVar[str] = "planar"
    body: str = "pusher"
    force_n: float = 5.0
    reach_m: tuple[float, float] = (0.2, 0.2)

    @property
    def channels(self) -> int:
        return 2

    def build(self, world: World) -> Drive:
        return _Sliders(self, world)


class _Sliders(Drive):
    def __init__(self, settings: Planar, world: World) -> None:
        super().__init__()
        self._bullet, self._client = world.bullet, world.client
        self._scales_m_s = world.scene.action_spec.scales
        self._reach_m = np.array(settings.reach_m)
        self._force_n = [settings.force_n] * 2
        self._dt_s = world.scene.dt_s
        index = world.scene.index(settings.body)
        body = world.scene.bodies[index]
        collision, visual = world.shapes(body)
        self._identifier: int = world.bullet.createMultiBody(
            baseMass=0.0,
            basePosition=(0.0, 0.0, body.position_m[2]),
            linkMasses=[_CARRIER_MASS_KG, body.mass_kg],
            linkCollisionShapeIndices=[-1, collision],
            linkVisualShapeIndices=[-1, visual],
            linkPositions=[(0.0, 0.0, 0.0)] * 2,
            linkOrientations=[_IDENTITY] * 2,
            linkInertialFramePositions=[(0.0, 0.0, 0.0)] * 2,
            linkInertialFrameOrientations=[_IDENTITY] * 2,
            linkParentIndices=[0, 1],
            linkJointTypes=[world.bullet.JOINT_PRISMATIC] * 2,
            linkJointAxis=[(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)],
            physicsClientId=world.client,
        )
        for joint in range(2):
            world.bullet.resetJointState(
                self._identifier,
                joint,
                body.position_m[joint],
                body.velocity_m_s[joint],
                physicsClientId=world.client,
            )
        self.links = {index: (self._identifier, _LINK)}
        self.act(np.zeros(2, np.float32))
        world.set_material(self._identifier, _LINK, body)

    def act(self, action: NDArray[np.float32]) -> None:
        """Set the motors for one frame; the speed is cut so that the reach is met, not passed."""
        states = self._bullet.getJointStates(self._identifier, (0, 1), physicsClientId=self._client)
        position_m = np.array([state[0] for state in states])
        velocity_m_s = np.clip(
            np.asarray(action, np.float64) * self._scales_m_s,
            (-self._reach_m - position_m) / self._dt_s,
            (self._reach_m - position_m) / self._dt_s,
        )
        self._bullet.setJointMotorControlArray(
            self._identifier,
            (0, 1),
            self._bullet.VELOCITY_CONTROL,
            targetVelocities=velocity_m_s.tolist(),
            forces=self._force_n,
            physicsClientId=self._client,
        )
