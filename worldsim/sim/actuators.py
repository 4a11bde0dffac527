"""How an action moves the actuated body."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Body, Scene

_CARRIER_MASS_KG = 0.02
_IDENTITY = (0.0, 0.0, 0.0, 1.0)


class PlanarActuator:
    """A body on two crossed sliders: it moves in the plane and can neither tip nor turn.

    Each slider has a velocity motor of limited force, so a body that is stuck between this one
    and a wall stops it instead of being shot away.
    """

    LINK = 1

    def __init__(
        self, bullet: Any, client: int, scene: Scene, body: Body, collision: int, visual: int
    ) -> None:
        x_m, y_m, z_m = body.position_m
        self._bullet = bullet
        self._client = client
        self._scales_m_s = scene.action_spec.scales
        self._reach_m = np.array(scene.actuator.reach_m)
        self._force_n = [scene.actuator.force_n] * 2
        self._dt_s = scene.dt_s
        self.identifier: int = bullet.createMultiBody(
            baseMass=0.0,
            basePosition=(0.0, 0.0, z_m),
            linkMasses=[_CARRIER_MASS_KG, body.mass_kg],
            linkCollisionShapeIndices=[-1, collision],
            linkVisualShapeIndices=[-1, visual],
            linkPositions=[(0.0, 0.0, 0.0)] * 2,
            linkOrientations=[_IDENTITY] * 2,
            linkInertialFramePositions=[(0.0, 0.0, 0.0)] * 2,
            linkInertialFrameOrientations=[_IDENTITY] * 2,
            linkParentIndices=[0, 1],
            linkJointTypes=[bullet.JOINT_PRISMATIC] * 2,
            linkJointAxis=[(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)],
            physicsClientId=client,
        )
        for joint, position_m in enumerate((x_m, y_m)):
            bullet.resetJointState(
                self.identifier, joint, position_m, body.velocity_m_s[joint], physicsClientId=client
            )
        self.drive(np.zeros(2))

    def drive(self, action: NDArray[np.floating]) -> None:
        """Set the motors for one frame; the speed is cut so that the reach is met, not passed."""
        states = self._bullet.getJointStates(self.identifier, (0, 1), physicsClientId=self._client)
        position_m = np.array([state[0] for state in states])
        velocity_m_s = np.clip(
            np.asarray(action, np.float64) * self._scales_m_s,
            (-self._reach_m - position_m) / self._dt_s,
            (self._reach_m - position_m) / self._dt_s,
        )
        self._bullet.setJointMotorControlArray(
            self.identifier,
            (0, 1),
            self._bullet.VELOCITY_CONTROL,
            targetVelocities=velocity_m_s.tolist(),
            forces=self._force_n,
            physicsClientId=self._client,
        )
