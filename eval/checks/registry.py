"""All checks by name, and a clip measured by some or all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from worldsim.errors import unknown
from worldsim.eval.laws.arrow import arrow
from worldsim.eval.laws.consistency import consistency
from worldsim.eval.laws.energy import energy
from worldsim.eval.laws.friction import friction
from worldsim.eval.laws.gravity import gravity
from worldsim.eval.laws.momentum import momentum
from worldsim.eval.laws.obedience import obedience
from worldsim.eval.laws.restitution import restitution
from worldsim.eval.laws.rotation import rotation
from worldsim.eval.laws.solidity import solidity
from worldsim.eval.laws.support import support
from worldsim.eval.laws.timing import timing

from .appearance import appearance
from .horizon import horizon
from .measure import Check, Measure
from .motion import frozen, motion
from .permanence import permanence
from .position import position
from .static import static

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

CHECKS: dict[str, Check] = {
    "position": position,
    "horizon": horizon,
    "motion": motion,
    "permanence": permanence,
    "appearance": appearance,
    "static": static,
    "gravity": gravity,
    "solidity": solidity,
    "support": support,
    "rotation": rotation,
    "consistency": consistency,
    "obedience": obedience,
    "restitution": restitution,
    "timing": timing,
    "energy": energy,
    "momentum": momentum,
    "friction": friction,
    "arrow": arrow,
}
GATED = ("permanence", "appearance", "static")
"""Checks that a clip in which nothing moves would pass by default: it must not."""


def measure(evidence: Evidence, checks: Iterable[str] | None = None) -> list[Measure]:
    """What the named checks, or all, find in a clip. Raises InputError on an unknown name."""
    return [m for found in measure_by_check(evidence, checks).values() for m in found]


def measure_by_check(
    evidence: Evidence, checks: Iterable[str] | None = None
) -> dict[str, tuple[Measure, ...]]:
    """The same by check. A clip that cannot be read counts as the worst in all of them.

    So does one whose moving bodies all stand still, in checks of what stays as it is.
    """
    names = chosen(checks)
    found = {name: CHECKS[name](evidence) for name in names}
    gated = frozen(evidence) if set(GATED) & set(names) else False
    for name, measures in found.items():
        if evidence.unreadable or (gated and name in GATED):
            # What the truth gives no occasion for (NaN) cannot be failed.
            found[name] = tuple(m if math.isnan(m.alarm) else m.failed() for m in measures)
    return found


def chosen(checks: Iterable[str] | None) -> tuple[str, ...]:
    """Names of checks in the registry's order; all where None are named."""
    if checks is None:
        return tuple(CHECKS)
    names = list(checks)
    for name in names:
        if name not in CHECKS:
            raise unknown("check", name, CHECKS)
    return tuple(name for name in CHECKS if name in names)
