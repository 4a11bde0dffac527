"""Pair: two clips from one start whose actions differ, each beside the simulator's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.eval.checks.position import SIGMAS
from worldsim.eval.evidence import Evidence
from worldsim.eval.laws.tracks import tracks

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Pair:
    """Evidence of one start under two series of actions; `dose` is how far these differ.

    Both have S steps and the same scene; actions are equal before step `onset`. Raises InputError
    where the two do not fit together.
    """

    one: Evidence
    other: Evidence
    onset: int = 0
    dose: float = 1.0

    def __post_init__(self) -> None:
        if self.one.scene != self.other.scene or self.one.steps != self.other.steps:
            raise InputError("a pair needs two clips of one scene and one length")

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
            np.stack([track.sigma_m**2 for track in tracks(evidence, evidence.floor)], axis=1)
            for evidence in (self.one, self.other)
        ]
        sigma: Float = np.sqrt(np.sum(squares, axis=0))
        return sigma

    @cached_property
    def telling(self) -> Bool:
        """Frames and bodies (S+1, M) that the simulator parts by three deviations or more."""
        apart = np.linalg.norm(self.parted_m, axis=-1)
        telling: Bool = np.nan_to_num(apart, nan=0.0) >= SIGMAS * self.sigma_m
        return telling
