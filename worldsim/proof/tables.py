"""The figures of a selftest: one line a kind of fault or control, and the stress table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from worldsim.eval.verdicts.lines import Limits
from worldsim.proof import stress
from worldsim.proof.controls import CONTROLS
from worldsim.proof.exam import Outcome
from worldsim.proof.faults import FAULTS
from worldsim.proof.ledger import Ledger
from worldsim.proof.plan import CLEAN, FAULTY
from worldsim.proof.scoring import decision
from worldsim.proof.scoring.alone import Alone, Shown, by_law
from worldsim.proof.scoring.pixels import pixel_auc

TELLING = 0.7
"""Laws whose AUC for a kind is below are left out of the printed table."""


@dataclass(frozen=True)
class Result:
    """One kind: how well its clips are told from clean ones, and by what.

    `found` is the share above the line of 1 % false alarms. Both by magnitude: `aucs`, `shares`;
    `smallest` is the least magnitude of which 90 % are found. `pixel_auc` is that of raw pixels.
    `loudest` counts the alarms that were loudest in found clips. `by_law` says what each law finds
    by itself, the best first.
    """

    kind: str
    control: bool
    unit: str
    clips: int
    auc: float
    interval: tuple[float, float]
    found: float
    aucs: dict[str, float]
    shares: dict[str, float]
    smallest: float | None
    pixel_auc: float
    loudest: dict[str, int]
    by_law: dict[str, Alone]


@dataclass(frozen=True)
class Stressed:
    """One row of the stress table: the share of its clips that are flagged, and by what.

    `published` are the means of published scores.
    """

    row: str
    lawful: bool
    clips: int
    flagged: float
    loudest: dict[str, int]
    published: dict[str, float]


def result_of(kind: str, clips: int, ledger: Ledger, limits: Mapping[str, Limits]) -> Result:
    """The figures of a kind from its first `clips` clips of each part."""
    faulty, clean = (
        [o for o in ledger.of(kind, part) if o.job.clip < clips] for part in (FAULTY, CLEAN)
    )
    known = FAULTS.get(kind) or CONTROLS[kind]
    score = np.array([limits[o.scenario].score(o.alarms) for o in faulty])
    quiet = np.array([limits[o.scenario].score(o.alarms) for o in clean])
    size = np.array([o.magnitude for o in faulty])
    by_size = {m: score[size == m] for m in dict.fromkeys(known.magnitudes) if m in size}
    line = decision.line(quiet)
    loud = [
        limits[o.scenario].flags(o.alarms) for o, s in zip(faulty, score, strict=True) if s > line
    ]
    return Result(
        kind=kind,
        control=kind in CONTROLS,
        unit=known.unit,
        clips=len(faulty),
        auc=decision.auc(quiet, score),
        interval=decision.auc_interval(quiet, score),
        found=decision.found_share(quiet, score),
        aucs={f"{m:g}": decision.auc(quiet, s) for m, s in by_size.items()},
        shares={f"{m:g}": decision.found_share(quiet, s) for m, s in by_size.items()},
        smallest=decision.smallest_found(quiet, by_size),
        pixel_auc=pixel_auc(
            np.array([o.thumbnail for o in clean]), np.array([o.thumbnail for o in faulty])
        ),
        loudest=_counted(loud),
        by_law=by_law(_shown(faulty), _shown(clean), limits, known.magnitudes),
    )


def table(results: Sequence[Result]) -> str:
    """One line a kind, faults before controls."""
    head = f"{'kind':14s}{'AUC':>6s} {'95 % interval':>15s} {'found':>6s}  {'smallest':22s}"
    lines = [f"{head}{'pixels':>6s}  AUC/found at each magnitude, and by"]
    for r in sorted(results, key=lambda result: result.control):
        low, high = r.interval
        least = "none" if r.smallest is None else f"{r.smallest:g} {r.unit}"
        if r.control:
            least = "(control)"
        shares = " ".join(f"{m}:{r.aucs[m]:.2f}/{share:.2f}" for m, share in r.shares.items())
        by = ", ".join(list(r.loudest)[:2])
        lines.append(
            f"{r.kind:14s}{r.auc:6.3f} {f'{low:.3f} to {high:.3f}':>15s} {r.found:6.2f}  "
            f"{least:22s}{r.pixel_auc:6.2f}  {shares}  {by}"
        )
    return "\n".join(lines)


def law_table(results: Sequence[Result]) -> str:
    """One line a kind: the laws that tell it by themselves, and how well."""
    lines = [f"{'kind':14s}each law alone, where AUC >= {TELLING:g}: AUC/found/smallest"]
    for r in sorted(results, key=lambda result: result.control):
        cells = [
            f"{law} {one.auc:.2f}/{one.found:.2f}/"
            + ("none" if one.smallest is None else f"{one.smallest:g}")
            for law, one in r.by_law.items()
            if one.auc >= TELLING
        ]
        lines.append(f"{r.kind:14s}{', '.join(cells)}".rstrip())
    return "\n".join(lines)


def stressed(row: str, clips: int, ledger: Ledger, limits: Mapping[str, Limits]) -> Stressed:
    """The figures of a row from its first `clips` clips."""
    outcomes = [o for o in ledger.of(row, stress.PART) if o.job.clip < clips]
    flags = [limits[o.scenario].flags(o.alarms) for o in outcomes]
    names = sorted({name for o in outcomes for name in o.published})
    published = {n: float(np.mean([o.published[n] for o in outcomes])) for n in names}
    flagged = float(np.mean([bool(found) for found in flags]))
    lawful = row in stress.LAWFUL
    return Stressed(row, lawful, len(outcomes), flagged, _counted(flags), published)


def stress_table(rows: Sequence[Stressed]) -> str:
    """One line a row: what published scores give it, and what flags it here."""
    lines = [
        f"{'clip':24s}{'Physics-IQ':>11s}{'verified':>9s}{'PISA L2':>8s}  flagged here, and by"
    ]
    for row in rows:
        columns = (("physics_iq", 11, 1), ("physics_iq_verified", 9, 1), ("pisa_l2_as_coded", 8, 3))
        shown = "".join(
            f"{row.published.get(name, float('nan')):{width}.{digits}f}"
            for name, width, digits in columns
        )
        by = ", ".join(list(row.loudest)[:3])
        lines.append(f"{row.row:24s}{shown}  {row.flagged:4.0%}  {by}")
    return "\n".join(lines)


def _shown(outcomes: Sequence[Outcome]) -> list[Shown]:
    return [Shown(o.scenario, o.alarms, o.magnitude) for o in outcomes]


def _counted(flags: Sequence[Sequence[str]]) -> dict[str, int]:
    """How often each alarm was the loudest, the most frequent first."""
    names = [found[0] for found in flags if found]
    return {name: names.count(name) for name in sorted(set(names), key=lambda n: -names.count(n))}
