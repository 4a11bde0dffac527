"""What each law finds by itself, whatever the others find in the same clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from worldsim.eval.verdicts.lines import Alarms, Limits
from worldsim.proof.scoring import decision


@dataclass(frozen=True)
class Shown:
    """A clip as a law sees it: where it plays, its alarms, the magnitude of what was planted."""

    scenario: str
    alarms: Alarms
    magnitude: float


@dataclass(frozen=True)
class Alone:
    """How well one law tells the faulty clips of a kind from clean ones.

    `measured` is the share of the faulty clips that give the law an occasion; the others count as
    not found. `found` and `smallest` are as in worldsim.proof.tables.Result.
    """

    measured: float
    auc: float
    found: float
    smallest: float | None


def by_law(
    faulty: Sequence[Shown],
    clean: Sequence[Shown],
    limits: Mapping[str, Limits],
    magnitudes: Sequence[float],
) -> dict[str, Alone]:
    """Every law that has a line in the scenario of one of the clips, the highest AUC first."""
    scenarios = dict.fromkeys(clip.scenario for clip in (*faulty, *clean))
    laws = dict.fromkeys(law for scenario in scenarios for law in limits[scenario].laws)
    found = {law: _alone(law, faulty, clean, limits, magnitudes) for law in laws}
    return dict(sorted(found.items(), key=lambda item: -np.nan_to_num(item[1].auc, nan=-1.0)))


def _alone(
    law: str,
    faulty: Sequence[Shown],
    clean: Sequence[Shown],
    limits: Mapping[str, Limits],
    magnitudes: Sequence[float],
) -> Alone:
    levels, quiet = (
        np.array([_nan(limits[clip.scenario].level(clip.alarms, law)) for clip in clips])
        for clips in (faulty, clean)
    )
    # As in `Limits.score`: clips in which nothing shows tie.
    score, clean_score = (
        np.maximum(1.0, np.nan_to_num(x, nan=0.0, posinf=np.inf)) for x in (levels, quiet)
    )
    size = np.array([clip.magnitude for clip in faulty])
    by_size = {m: score[size == m] for m in dict.fromkeys(magnitudes) if m in size}
    return Alone(
        measured=float(np.mean(~np.isnan(levels))) if len(levels) else float("nan"),
        auc=decision.auc(clean_score, score),
        found=decision.found_share(clean_score, score),
        smallest=decision.smallest_found(clean_score, by_size),
    )


def _nan(level: float | None) -> float:
    return float("nan") if level is None else level
