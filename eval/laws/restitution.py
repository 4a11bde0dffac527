"""Restitution: how fast bodies part after an impact, over how fast they met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.measure import NAN, Measure
from worldsim.eval.reading.reading import Reading

from .impacts import SIDE_FRAMES, Impact, impacts
from .tracks import track
from .windows import valid_steps

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

SIGMAS = 3.0
LEAST_APPROACH_M_S = 0.5
SAME_FRAMES = 1
MISSED_FRAMES = 3
HARD_M_S = 1.5
"""A change of velocity by more than this is not missed in frames that show the body."""
MODEL_ERROR = 0.04
"""What an impact's middle between two frames, and a spin that it makes, leave open."""


@dataclass(frozen=True)
class Bounce:
    """An impact with its restitution and that one's standard error."""

    impact: Impact
    restitution: float
    error: float


def restitution(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 6 of physics-eval: e = -(v+ . n) / (v- . n) along the normal, velocities relative.

    The value is the median over impacts; both clips' impacts are read by the same estimator, as
    PyBullet's own value is a product of two bodies'. Up to the step at which the clip leaves its
    reference an impact is compared with the reference's of the same body and frame, and a hard one
    that the body, though in view, does not have counts as e = -1; anywhere an e above 1 is energy
    from nowhere (the second measure, largest e less 1).
    """
    true, made = bounces(evidence, evidence.floor), bounces(evidence, evidence.reading)
    valid = valid_steps(evidence)
    pairs = [(b, a) for b in made if b.impact.frame <= valid for a in _same(b, true)]
    due = [a for a in true if a.impact.frame <= valid]
    share = len({id(a) for _, a in pairs}) / len(due) if due else NAN
    value = float(np.median([b.restitution for b in made])) if made else NAN
    rows = [
        (abs(b.restitution - a.restitution) / (SIGMAS * float(np.hypot(b.error, a.error))), a)
        for b, a in pairs
    ]
    rows += [
        ((a.restitution + 1.0) / (SIGMAS * float(np.hypot(a.error, MODEL_ERROR))), a)
        for a in due
        if _went_on(evidence, a)
    ]
    alarm, step = NAN, None
    if rows:
        alarm, worst = max(rows, key=lambda row: row[0])
        step = worst.impact.frame + 1 if alarm > 1.0 else None
    return (
        Measure("restitution", value, "ratio", alarm, share, step, worst=0.0),
        _gain(true, made, share),
    )


def _went_on(evidence: Evidence, bounce: Bounce) -> bool:
    """Whether a body that is in view does not change its way where the reference's bounces hard."""
    impact = bounce.impact
    hard = float((impact.before_m_s - impact.after_m_s) @ -impact.normal) > HARD_M_S
    frames = slice(max(impact.frame - SIDE_FRAMES + 1, 0), impact.frame + SIDE_FRAMES + 1)
    seen = bool(evidence.reading.found[frames, impact.body].all())
    broken = any(
        one.body == impact.body and abs(one.frame - impact.frame) <= MISSED_FRAMES
        for one in impacts(evidence, evidence.reading)
    )
    return hard and seen and not broken


def bounces(evidence: Evidence, reading: Reading) -> list[Bounce]:
    """Impacts at which bodies touch and meet fast enough."""
    found = impacts(evidence, reading)
    some = []
    for impact in found:
        if not impact.touches:
            continue
        others = _others(evidence, reading, impact, found)
        before = (impact.before_m_s - others[0]) @ impact.normal
        after = (impact.after_m_s - others[1]) @ impact.normal
        if before > -LEAST_APPROACH_M_S:
            continue
        ratio = -float(after / before)
        error = impact.error_m_s * float(np.hypot(1.0, ratio)) / -float(before)
        some.append(Bounce(impact, ratio, float(np.hypot(error, MODEL_ERROR))))
    return some


def _others(
    evidence: Evidence, reading: Reading, impact: Impact, found: list[Impact]
) -> tuple[Float, Float]:
    """Velocities before and after of the body that was met."""
    for one in found:
        if one.body == impact.other and abs(one.frame - impact.frame) <= SAME_FRAMES:
            return one.before_m_s, one.after_m_s
    if not evidence.scene.bodies[impact.other].moves:
        return np.zeros(3), np.zeros(3)
    rows = slice(max(impact.frame - 1, 0), impact.frame + 3)
    motion = track(evidence, reading, impact.other).fit(rows, 1)
    steady = np.zeros(3) if motion is None else motion.numbers[1]
    return steady, steady


def _same(bounce: Bounce, others: list[Bounce]) -> list[Bounce]:
    """The bounce of the same body off the same one about the same frame, if there is one."""
    key = (bounce.impact.body, bounce.impact.other)
    near = [
        one
        for one in others
        if (one.impact.body, one.impact.other) == key
        and abs(one.impact.frame - bounce.impact.frame) <= SAME_FRAMES
    ]
    return sorted(near, key=lambda one: abs(one.impact.frame - bounce.impact.frame))[:1]


def _gain(true: list[Bounce], made: list[Bounce], share: float) -> Measure:
    name, unit = "bounce gain", "ratio"
    if not made:
        return Measure(name, NAN, unit, NAN, share)
    own = max((_over(bounce) for bounce in true), default=0.0)
    over = [_over(bounce) for bounce in made]
    worst = made[int(np.argmax(over))]
    alarm = max(0.0, max(over) - own)
    largest = max(bounce.restitution for bounce in made) - 1.0
    step = worst.impact.frame + 1 if alarm > 1.0 else None
    return Measure(name, max(largest, 0.0), unit, alarm, share, step)


def _over(bounce: Bounce) -> float:
    return max(0.0, bounce.restitution - 1.0) / (SIGMAS * bounce.error)
