"""Rulings: is a law held, broken or undecided, over the clips of one split.

A law is broken where more clips than one in a hundred lie above the line that one in a hundred
clean clips exceeds; held where an equivalence test puts the clips within the floor's band; else
nothing is decided. Failing to find a fault is no proof that there is none (rule 3 of physics-eval
5.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binom

from worldsim.eval.checks.measure import Measure

from .lines import Limits

Verdict = Literal["held", "broken", "undecided", "not measured"]
Measured = Mapping[str, Sequence[Measure]]
"""The measures of one clip by check."""

FALSE_ALARMS = 0.01
ERROR = 0.05
"""Chance of a wrong "held" or "broken"."""
FEWEST_CLIPS = 8
"""Fewer clips can show a law broken, not held."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Ruling:
    """What is known of one law in one split.

    `level` is the mean over clips of the largest alarm over its line, `upper` the end of its
    one-sided 95 % bootstrap interval: held is below 1. `over` of `clips` measured clips lie above
    the line, `loudest` is what most of these are loudest in. `why` says what is missing.
    """

    split: str
    law: str
    verdict: Verdict
    clips: int
    over: int = 0
    level: float = float("nan")
    upper: float = float("nan")
    loudest: str = ""
    why: str = ""


def rulings(
    clips: Sequence[tuple[str, Measured]], limits: Limits | None, laws: Sequence[str]
) -> tuple[Ruling, ...]:
    """Rule on every law in every split, from (split, measures) of clips of one scenario.

    `limits` are the scenario's, None where none were ever drawn.
    """
    splits = dict.fromkeys(split for split, _ in clips)
    return tuple(
        ruling(split, law, [found for of, found in clips if of == split], limits)
        for law in laws
        for split in splits
    )


def ruling(split: str, law: str, clips: Sequence[Measured], limits: Limits | None) -> Ruling:
    """Rule on one law over some clips."""
    if limits is None or law not in limits.laws:
        return Ruling(split, law, "not measured", 0, why="no line was drawn for this scenario")
    if limits.blunt(law):
        why = "the reading loses a body in some true clips of this scenario, too"
        return Ruling(split, law, "not measured", 0, why=why)
    alarms = [{m.name: m.alarm for m in found.get(law, ())} for found in clips]
    known = [(a, limits.level(a, law)) for a in alarms]
    levels = np.array([level for _, level in known if level is not None])
    if not len(levels):
        return Ruling(split, law, "not measured", 0, why="no clip gives it an occasion")
    over = levels > 1.0
    loud = [limits.loudest(a, law) for a, level in known if level is not None and level > 1.0]
    upper = _upper_mean(levels)
    verdict: Verdict = "undecided"
    why = ""
    if _more_than_false_alarms(int(over.sum()), len(levels)):
        verdict = "broken"
    elif len(levels) < FEWEST_CLIPS:
        why = f"{len(levels)} clips; {FEWEST_CLIPS} are the fewest"
    elif upper < 1.0:
        verdict = "held"
    return Ruling(
        split,
        law,
        verdict,
        len(levels),
        int(over.sum()),
        float(levels.mean()),
        upper,
        max(loud, key=loud.count, default=""),
        why,
    )


def _more_than_false_alarms(over: int, clips: int) -> bool:
    """Whether so many clips above the line are too many for the share of false alarms."""
    return bool(over and binom.sf(over - 1, clips, FALSE_ALARMS) < ERROR)


def _upper_mean(levels: np.ndarray) -> float:
    """Upper end of the one-sided bootstrap interval of the mean; the same on every call."""
    if not np.isfinite(levels).all():
        return float("inf")
    rng = np.random.default_rng(0)
    means = rng.choice(levels, (RESAMPLES, len(levels))).mean(1)
    return float(np.quantile(means, 1.0 - ERROR))
