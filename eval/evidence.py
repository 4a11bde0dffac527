"""Evidence: a generated clip beside the simulator's, both read; what every check looks at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.checks.position import Errors, Truth, errors
from worldsim.eval.reading.reading import Reading
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Evidence:
    """S steps of one clip; index 0 is the last start frame, which both clips share.

    `generated` is judged; `reference` is the simulator's episode of the same start and actions.
    `reading` and `floor` are what the same reading found in the frames of the one and the other.
    `spread_m` is how far the simulator itself parts from `truth` when it runs again from starts
    that differ by the reading's error (F3), None where that was not simulated.

    A baseline that consists of places alone is not `pictured`: `generated` is then the reference,
    whose pictures no check may credit it with. `unreadable` says why a clip could not be read; its
    `generated` is the reference too, and every check counts it as its worst.
    """

    generated: Episode
    reference: Episode
    reading: Reading
    floor: Reading
    truth: Truth
    spread_m: Float | None = None  # (S+1, M)
    pictured: bool = True
    unreadable: str = ""

    @property
    def scene(self) -> Scene:
        return self.reference.scene

    @property
    def steps(self) -> int:
        return self.reference.steps

    @cached_property
    def places_m(self) -> Float:
        """Places of the truth's bodies as read, (S+1, M, 3); NaN where not found."""
        places: Float = self.reading.position_m[:, self.truth.indices]
        return places

    @cached_property
    def found(self) -> Bool:
        """Whether the truth's bodies were found, (S+1, M)."""
        found: Bool = self.reading.found[:, self.truth.indices]
        return found

    @cached_property
    def errors(self) -> Errors:
        """Position errors of the truth's bodies."""
        return errors(self.places_m, self.truth)
