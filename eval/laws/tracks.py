"""Tracks: where a body was in every frame of a clip, how well that is known, and how it moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence
    from worldsim.eval.reading.reading import Reading

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

LEAST_SIGMA_M = 3e-4
"""What a reading errs at least, whatever its covariance says: it knows neither codec nor blur."""
MOST_SIGMA_M = 10.0
"""And at most: a place known no better than this tells nothing."""


@dataclass(frozen=True)
class Track:
    """One body in S+1 frames, as read.

    `index` is the body's in the scene. Rows are NaN where the body was not found;
    `orientation_xyzw` also where its looks do not tell.
    """

    index: int
    dt_s: float
    position_m: Float  # (S+1, 3)
    orientation_xyzw: Float  # (S+1, 4)
    sigma_m: Float  # (S+1,) standard error of a coordinate

    @cached_property
    def found(self) -> Bool:
        """Frames (S+1,) with a place."""
        found: Bool = np.logical_not(np.isnan(self.position_m).any(axis=1))
        return found

    def falling(self, gravity_m_s2: Float) -> Track:
        """The track less what gravity alone does from frame 0 on: flights become straight lines."""
        t = np.arange(len(self.position_m)) * self.dt_s
        return replace(self, position_m=self.position_m - 0.5 * gravity_m_s2 * t[:, None] ** 2)

    def fit(self, frames: slice | NDArray[np.int64], order: int) -> Motion | None:
        """A polynomial of the places in some frames, least squares; None where too few are found.

        The standard errors take the larger of what the reading promises and what the residuals
        show.
        """
        rows = np.arange(len(self.position_m))[frames]
        rows = rows[self.found[rows]]
        if len(rows) <= order:
            return None
        middle = 0.5 * (rows[0] + rows[-1])
        t = (rows - middle) * self.dt_s
        powers = np.vander(t, order + 1, increasing=True)
        weights = 1.0 / self.sigma_m[rows]
        scaled = powers * weights[:, None]
        inverse = np.linalg.inv(scaled.T @ scaled)
        numbers = inverse @ scaled.T @ (self.position_m[rows] * weights[:, None])
        residual_m = self.position_m[rows] - powers @ numbers
        spare = 3 * (len(rows) - order - 1)
        # Without spare places a fit has no residuals, and only the reading's word counts.
        excess = float(((residual_m * weights[:, None]) ** 2).sum() / spare) if spare else 1.0
        errors = np.sqrt(np.diag(inverse) * max(excess, 1.0))
        return Motion(float(middle * self.dt_s), numbers, errors, residual_m, rows)


@dataclass(frozen=True)
class Motion:
    """A polynomial p(t) = sum_k numbers[k] (t - middle_s)^k of places in m, t = 0 at frame 0."""

    middle_s: float
    numbers: Float  # (order + 1, 3)
    errors: Float  # (order + 1,) standard errors, the same for x, y and z
    residual_m: Float  # (frames, 3)
    frames: NDArray[np.int64]

    @property
    def acceleration_m_s2(self) -> Float:
        """Acceleration (3,) in the middle; zero for a straight line."""
        return 2.0 * self.numbers[2] if len(self.numbers) > 2 else np.zeros(3)

    @property
    def acceleration_error_m_s2(self) -> float:
        """Its standard error along an axis."""
        return float(2.0 * self.errors[2]) if len(self.errors) > 2 else float("inf")


def track(evidence: Evidence, reading: Reading, index: int) -> Track:
    """The track of one body of the scene."""
    variance = np.trace(reading.covariance_m2[:, index], axis1=1, axis2=2) / 3.0
    sigma_m = np.sqrt(np.nan_to_num(variance, nan=0.0).clip(0.0))
    return Track(
        index,
        evidence.scene.dt_s,
        reading.position_m[:, index],
        reading.orientation_xyzw[:, index],
        sigma_m.clip(LEAST_SIGMA_M, MOST_SIGMA_M),
    )
