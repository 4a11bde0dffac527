"""Belief: where the bodies are, as far as the frames have shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.reading.memory import Memory
from worldsim.sim.scene import Scene

LOST_M = 1.0
"""Standard error of the place of a body that was not found: as good as unknown."""


@dataclass
class Belief:
    """Last known positions of a scene's N bodies, read frame by frame.

    Before the first frame it is the scene's start. Bodies that cannot move keep that position and
    always count as found.
    """

    position_m: NDArray[np.float64]  # (N, 3)
    velocity_m_s: NDArray[np.float64]  # (N, 3), from the last two frames; 0 where one lacks
    error_m: NDArray[np.float64]  # (N, 3), standard error; 0 where it cannot move, LOST_M unfound
    found: NDArray[np.bool_]  # (N,), in the last frame
    moving: NDArray[np.bool_]  # (N,)
    dt_s: float
    memory: Memory  # of the reading: turns, and where a body not found may be
    frames: int = field(default=0)

    @classmethod
    def of(cls, scene: Scene) -> Belief:
        bodies = len(scene.bodies)
        moving = np.array([body.moves for body in scene.bodies])
        return cls(
            position_m=np.array([body.position_m for body in scene.bodies], np.float64),
            velocity_m_s=np.zeros((bodies, 3)),
            error_m=np.zeros((bodies, 3)),
            found=np.ones(bodies, np.bool_),
            moving=moving,
            dt_s=scene.dt_s,
            memory=Memory.of(scene),
        )

    def update(
        self,
        position_m: NDArray[np.float64],
        covariance_m2: NDArray[np.float64],
        found: NDArray[np.bool_],
    ) -> None:
        """Take in one frame's reading: (N, 3), (N, 3, 3), anything where `found` (N,) is False."""
        seen = found & self.moving
        both = seen & self.found & (self.frames > 0)
        velocity_m_s = np.zeros_like(self.velocity_m_s)
        velocity_m_s[both] = (position_m[both] - self.position_m[both]) / self.dt_s
        self.velocity_m_s = velocity_m_s
        self.position_m = np.where(seen[:, None], position_m, self.position_m)
        error_m = np.sqrt(np.diagonal(covariance_m2, axis1=1, axis2=2))
        error_m = np.where(seen[:, None] & np.isfinite(error_m), error_m, LOST_M)
        self.error_m = np.where(self.moving[:, None], error_m, 0.0)
        self.found = seen | ~self.moving
        self.frames += 1

    def copy(self) -> Belief:
        return replace(
            self,
            position_m=self.position_m.copy(),
            velocity_m_s=self.velocity_m_s.copy(),
            error_m=self.error_m.copy(),
            found=self.found.copy(),
            memory=self.memory.copy(),
        )
