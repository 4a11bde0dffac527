"""Pair: two clips from one start whose actions differ, each beside the simulator's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.eval.checks.horizon import TOLERANCE_DIAMETERS
from worldsim.eval.checks.position import SIGMAS, SPREADS
from worldsim.eval.evidence import Evidence
from worldsim.eval.laws.tracks import track

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Pair:
    """Evidence of one start under two series of actions, which are equal before step `onset`.

    So frames up to `onset` (0 is the last start frame) must be equal. Raises InputError where the
    two are not of one scene and length, or no frame follows the onset.
    """

    one: Evidence
    other: Evidence
    onset: int = 0

    def __post_init__(self) -> None:
        if self.one.scene != self.other.scene or self.one.steps != self.other.steps:
            raise InputError("a pair needs two clips of one scene and one length")
        if not 0 <= self.onset < self.one.steps:
            raise InputError(f"actions part at step {self.onset} of {self.one.steps}")

    @cached_property
    def parted_m(self) -> Float:
        """What the simulator's two runs differ by, (S+1, M, 3); NaN where one cannot be seen."""
        apart = self.one.truth.position_m - self.other.truth.position_m
        return np.where(self.visible[..., None], apart, np.nan)

    @cached_property
    def shown_m(self) -> Float:
        """What the two clips differ by as read, (S+1, M, 3); NaN where a body was not found."""
        return np.where(self.visible[..., None], self.one.places_m - self.other.places_m, np.nan)

    @property
    def visible(self) -> Bool:
        """Bodies (S+1, M) that both runs of the simulator show."""
        return np.logical_and(self.one.truth.visible, self.other.truth.visible)

    @cached_property
    def sigma_m(self) -> Float:
        """Standard error (S+1, M) of a coordinate of `shown_m`, by the floors' reading."""
        squares = [
            np.stack([track(of, of.floor, i).sigma_m ** 2 for i in of.truth.indices], axis=1)
            for of in (self.one, self.other)
        ]
        sigma: Float = np.sqrt(np.sum(squares, axis=0))
        return sigma

    @cached_property
    def chaos_m(self) -> Float:
        """How far (S+1, M) the simulator's runs may part for their start alone; 0 if not known."""
        known = [of.spread_m for of in (self.one, self.other) if of.spread_m is not None]
        chaos: Float = np.sqrt(np.sum([m**2 for m in known], axis=0)) if known else np.zeros(1)
        return np.broadcast_to(chaos, self.sigma_m.shape)

    @cached_property
    def predictable(self) -> Bool:
        """Bodies (S+1, M) before the simulator's own runs spread by half a diameter."""
        within = self.chaos_m <= TOLERANCE_DIAMETERS * self.one.truth.diameter_m
        predictable: Bool = np.logical_and.accumulate(within, axis=0)
        return predictable

    @cached_property
    def telling(self) -> Bool:
        """Frames and bodies (S+1, M) that the simulator parts, and would part again.

        Farther than three deviations of the reading, and than two spreads of its own runs from
        starts that are off by the reading's error, as long as these are together at all.
        """
        apart = np.nan_to_num(np.linalg.norm(self.parted_m, axis=-1), nan=0.0)
        clear = apart >= np.maximum(SIGMAS * self.sigma_m, SPREADS * self.chaos_m)
        telling: Bool = clear & self.predictable
        telling[: self.onset + 1] = False
        return telling
