"""What one clip did, step by step: for its curves on the page, and to find the worst ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from worldsim.eval.checks.measure import Measure
from worldsim.eval.verdicts.lines import Limits

from .evidence import Evidence
from .explanation import Explanation


@dataclass(frozen=True)
class Clip:
    """One generated episode; `error_m` and `floor_m` are position errors by body at steps 1, 2, ...

    `levels` holds each law's largest alarm over its line of false alarms, where it could be
    measured; above 1 it is broken in this clip. `steps` are those at which a measure first fails.
    `explanation` is the physics closest to it, where that was asked for (worldsim.explain).
    """

    episode: int
    seed: int
    split: str
    error_m: dict[str, tuple[float, ...]]
    floor_m: dict[str, tuple[float, ...]]
    levels: dict[str, float]
    steps: dict[str, int]
    explanation: Explanation | None = None

    @property
    def worst(self) -> float:
        """The highest level; 0 where nothing could be measured."""
        return max(self.levels.values(), default=0.0)


def clip_of(
    episode: int,
    evidence: Evidence,
    floor: Evidence,
    measured: Mapping[str, Sequence[Measure]],
    limits: Limits | None,
) -> Clip:
    """The record of one clip from its measures by check."""
    levels = {}
    for law, measures in measured.items():
        alarms = {measure.name: measure.alarm for measure in measures}
        level = None if limits is None else limits.level(alarms, law)
        if level is not None:
            levels[law] = level
    return Clip(
        episode,
        evidence.scene.seed,
        evidence.scene.split,
        _by_body(evidence),
        _by_body(floor),
        levels,
        {m.name: m.step for of in measured.values() for m in of if m.step is not None},
    )


def worst_first(clips: Sequence[Clip]) -> list[Clip]:
    """Clips by their highest level, then by how many laws they break, then in their own order."""
    return sorted(clips, key=lambda c: (-c.worst, -sum(v > 1.0 for v in c.levels.values())))


def _by_body(evidence: Evidence) -> dict[str, tuple[float, ...]]:
    errors = np.round(evidence.errors.total_m[1:].T, 6)
    return {
        body: tuple(map(float, row))
        for body, row in zip(evidence.truth.bodies, errors, strict=True)
    }
