"""Measure: what one check found in one clip; the signature that all checks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence


@dataclass(frozen=True)
class Measure:
    """One quantity of one clip.

    `value` is what reports show, in `unit`; NaN where it could not be measured. `alarm` grows with
    how wrong the clip is by this quantity and is compared with the same of clean clips: 0 at
    best, infinity where what must be there is missing, NaN where there was nothing to measure.
    `measurable` is the share of what the truth shows that could be measured, 0..1. `step` is the
    first step at which it is wrong by the check's own limit, None where it never is.
    """

    name: str
    value: float
    unit: str
    alarm: float
    measurable: float
    step: int | None = None


class Check(Protocol):
    """One law or property: a clip in, its quantities out. Never raises on odd frames."""

    def __call__(self, evidence: Evidence) -> tuple[Measure, ...]: ...
