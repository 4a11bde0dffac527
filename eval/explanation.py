"""Explanation: which physics, if any, explains a clip; a plain value, found in worldsim.explain."""

from __future__ import annotations

import math
from dataclasses import dataclass

EXPLAINED = 1.5
"""Up to so many reading errors nothing is left to explain."""
AS_SIMULATED = "as simulated"
OTHER = "consistent"
NONE = "no physics found"
UNTOLD = "not explained"


@dataclass(frozen=True)
class Change:
    """One quantity of the scene that explains a clip when it is another.

    `value` is a factor of what the scene has, with `unit` empty, or an offset in `unit`; `error`
    is its standard error, infinite where any farther value explains as much. `name` says of what,
    for example "friction of ball".
    """

    name: str
    value: float
    error: float
    unit: str = ""

    def __str__(self) -> str:
        if self.unit:
            return f"{self.name} {self.value:+.3g} +- {self.error:.1g} {self.unit}"
        if math.isinf(self.error):
            return f"{self.name} x{self.value:.3g} or {'more' if self.value > 1.0 else 'less'}"
        return f"{self.name} x{self.value:.3g} +- {self.error:.1g}"


@dataclass(frozen=True)
class Explanation:
    """What explains a clip best in `steps` steps from frame `since` on.

    `residual` (R_u) is what stays unexplained, in errors of the reading, of the worst body;
    `reference_residual` is the same of the scene as it is. `onset` is the frame from which the
    changes hold. `reason` says why there is no explanation, where the clip could not be simulated.
    """

    changes: tuple[Change, ...]
    residual: float
    reference_residual: float
    onset: int
    since: int
    steps: int
    reason: str = ""

    @property
    def verdict(self) -> str:
        """As simulated, consistent (with another physics), no physics found, or not explained."""
        if self.reason:
            return UNTOLD
        if self.reference_residual <= EXPLAINED:
            return AS_SIMULATED
        return OTHER if self.changes and self.residual <= EXPLAINED else NONE

    def __str__(self) -> str:
        if self.reason:
            return f"{UNTOLD}: {self.reason}"
        left, verdict = f"(R {self.residual:.2g})", self.verdict
        told = ", ".join(map(str, self.changes))
        if verdict == OTHER:
            return f"{OTHER}, but {told} {left}"
        return f"{verdict} {left}"
