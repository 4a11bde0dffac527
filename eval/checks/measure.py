"""Measure: what one check found in one clip; the signature that all checks share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

INF = float("inf")
NAN = float("nan")


@dataclass(frozen=True)
class Measure:
    """One quantity of one clip.

    `value` is what reports show, in `unit`; NaN where it could not be measured. `alarm` grows with
    how wrong the clip is by this quantity and is compared with the same of clean clips: 0 at
    best, infinity where what must be there is missing, NaN where there was nothing to measure.
    `measurable` is the share of what the truth shows that could be measured, 0..1. `step` is the
    first step at which it is wrong by the check's own limit, None where it never is. `worst` is
    the value of a clip that shows nothing.
    """

    name: str
    value: float
    unit: str
    alarm: float
    measurable: float
    step: int | None = None
    worst: float = INF

    def failed(self) -> Measure:
        """The same quantity of a clip that cannot be read, or earns no credit for it."""
        return replace(self, value=self.worst, alarm=INF, measurable=0.0, step=1)


class Check(Protocol):
    """One law or property: a clip in, its quantities out. Never raises on odd frames."""

    def __call__(self, evidence: Evidence) -> tuple[Measure, ...]: ...
