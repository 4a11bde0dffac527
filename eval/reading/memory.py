"""What one clip's frames have shown so far: starts for turns, and where a missing body may be.

Nothing here makes a body found: every frame has to show it anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.sim.scene import Scene

Float = NDArray[np.float64]


@dataclass
class Memory:
    """Last turns (N, 3, 3), places (N, 3) and moves a frame (N, 3) of the bodies; frames since."""

    turn: Float
    position_m: Float
    move_m: Float
    age: NDArray[np.int64]
    numbers: Float | None = None  # of the joint

    @classmethod
    def of(cls, scene: Scene) -> Memory:
        """As the scene starts."""
        quaternions = np.array([body.orientation_xyzw for body in scene.bodies])
        places = np.array([body.position_m for body in scene.bodies], float)
        moves = np.array([body.velocity_m_s for body in scene.bodies]) * scene.dt_s
        turns = Rotation.from_quat(quaternions).as_matrix()
        return cls(turns, places, moves, np.zeros(len(scene.bodies), np.int64))

    def copy(self) -> Memory:
        """One that can go another way."""
        return replace(
            self,
            turn=self.turn.copy(),
            position_m=self.position_m.copy(),
            move_m=self.move_m.copy(),
            age=self.age.copy(),
        )

    def seen(self, index: int, position_m: Float, turn: Float) -> None:
        """Take in where a body was found."""
        frames = max(int(self.age[index]), 1)
        self.move_m[index] = (position_m - self.position_m[index]) / frames
        self.position_m[index], self.turn[index] = position_m, turn
        self.age[index] = 1

    def missed(self, index: int) -> list[Float]:
        """Places (3,) where a body not found may be by now: at rest, moving on, between."""
        ahead = self.move_m[index] * self.age[index]
        self.age[index] += 1
        return [self.position_m[index] + share * ahead for share in (0.0, 0.5, 1.0)]
