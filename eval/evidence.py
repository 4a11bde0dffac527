"""Evidence: a generated clip beside the simulator's, both read; what every check looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.checks.position import Truth
from worldsim.eval.reading.reading import Reading
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """S steps of one clip; index 0 is the last start frame, which both clips share.

    `generated` is judged; `reference` is the simulator's episode of the same start and actions.
    `reading` and `floor` are what the same reading found in the frames of the one and the other.
    `spread_m` is how far the simulator itself parts from `truth` when it runs again from starts
    that differ by the reading's error (F3), None where that was not simulated.
    """

    generated: Episode
    reference: Episode
    reading: Reading
    floor: Reading
    truth: Truth
    spread_m: Float | None = None  # (S+1, M)

    @property
    def scene(self) -> Scene:
        return self.reference.scene

    @property
    def steps(self) -> int:
        return self.reference.steps
