"""selftest(): does the evaluator find planted faults, and only those? The figures, by kind."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from worldsim.data import workers as processes
from worldsim.data.atomic import locked, write_whole
from worldsim.errors import unknown
from worldsim.proof.clips.truths import Truths
from worldsim.proof.controls import CONTROLS
from worldsim.proof.exam import CALIBRATION, Job, examine
from worldsim.proof.faults import FAULTS
from worldsim.proof.ledger import Ledger
from worldsim.proof.plan import CLEAN, FAULTY
from worldsim.proof.scoring import decision
from worldsim.proof.scoring.decision import STORED, Limits
from worldsim.proof.scoring.pixels import pixel_auc

CLIPS = 200
CALIBRATION_CLIPS = 300
KINDS = (*FAULTS, *CONTROLS)
_AHEAD = 4  # jobs a worker that wait in its queue


@dataclass(frozen=True)
class Result:
    """One kind: how well its clips are told from clean ones, and by what.

    `found` is the share above the line of 1 % false alarms, by magnitude in `shares`; `smallest`
    the least magnitude of which 90 % are found. `pixel_auc` is that of raw pixels. `loudest`
    counts the alarms that were loudest in found clips.
    """

    kind: str
    control: bool
    unit: str
    clips: int
    auc: float
    interval: tuple[float, float]
    found: float
    shares: dict[str, float]
    smallest: float | None
    pixel_auc: float
    loudest: dict[str, int]


def selftest(
    out: Path,
    clips: int = CLIPS,
    kinds: Sequence[str] = KINDS,
    seed: int = 0,
    workers: int = 2,
    limits: Limits | None = None,
) -> list[Result]:
    """Judge `clips` faulty and as many clean clips of every kind; prints and writes the table.

    Outcomes are kept in `out` as they are finished: the same call goes on from there, with more
    clips too. `limits` are those of the alarms, the stored ones when not given. Raises InputError
    on an unknown kind, and where `out` holds another selftest.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise unknown("kind", kind, KINDS)
    limits = limits or Limits.read(STORED)
    jobs = [Job(k, part, i) for i in range(clips) for k in kinds for part in (FAULTY, CLEAN)]
    with locked(out, "testing into"), Ledger(out, seed) as ledger:
        _run(ledger, jobs, Truths(seed), workers)
        results = [result_of(kind, clips, ledger, limits) for kind in kinds]
    write_whole(out / "results.json", _json([asdict(result) for result in results]))
    print(table(results))
    print(f"{out}/results.json; every clip's alarms are in {out}/clips.jsonl")
    return results


def calibrate(
    out: Path, to: Path, clips: int = CALIBRATION_CLIPS, seed: int = 0, workers: int = 2
) -> Limits:
    """Draw the limits of all alarms from clean clips, half of them degraded, and write them."""
    jobs = [Job(CALIBRATION, CALIBRATION, i) for i in range(clips)]
    command = f"python -m worldsim.proof.calibrate --clips {clips} --seed {seed}"
    with locked(out, "testing into"), Ledger(out, seed) as ledger:
        _run(ledger, jobs, Truths(seed), workers)
        kept = [o for o in ledger.of(CALIBRATION, CALIBRATION) if o.job.clip < clips]
    limits = Limits.of([outcome.alarms for outcome in kept], command)
    limits.write(to)
    return limits


def result_of(kind: str, clips: int, ledger: Ledger, limits: Limits) -> Result:
    """The figures of a kind from its first `clips` clips of each part."""
    faulty, clean = (
        [o for o in ledger.of(kind, part) if o.job.clip < clips] for part in (FAULTY, CLEAN)
    )
    known = FAULTS.get(kind) or CONTROLS[kind]
    score = np.array([limits.score(o.alarms) for o in faulty])
    quiet = np.array([limits.score(o.alarms) for o in clean])
    size = np.array([o.magnitude for o in faulty])
    by_size = {m: score[size == m] for m in dict.fromkeys(known.magnitudes) if m in size}
    line = decision.line(quiet)
    loud = [limits.flags(o.alarms)[:1] for o, s in zip(faulty, score, strict=True) if s > line]
    names = [name for found in loud for name in found]
    return Result(
        kind=kind,
        control=kind in CONTROLS,
        unit=known.unit,
        clips=len(faulty),
        auc=decision.auc(quiet, score),
        interval=decision.auc_interval(quiet, score),
        found=decision.found_share(quiet, score),
        shares={f"{m:g}": decision.found_share(quiet, s) for m, s in by_size.items()},
        smallest=decision.smallest_found(quiet, by_size),
        pixel_auc=pixel_auc(
            np.array([o.thumbnail for o in clean]), np.array([o.thumbnail for o in faulty])
        ),
        loudest={name: names.count(name) for name in sorted(set(names), key=names.count)[::-1]},
    )


def table(results: Sequence[Result]) -> str:
    """One line a kind, faults before controls."""
    head = f"{'kind':14s}{'AUC':>6s} {'95 % interval':>15s} {'found':>6s}  {'smallest':22s}"
    lines = [f"{head}{'pixels':>6s}  found at each magnitude, and by"]
    for r in sorted(results, key=lambda result: result.control):
        low, high = r.interval
        least = "none" if r.smallest is None else f"{r.smallest:g} {r.unit}"
        if r.control:
            least = "(control)"
        shares = " ".join(f"{m}:{share:.2f}" for m, share in r.shares.items())
        by = ", ".join(list(r.loudest)[:2])
        lines.append(
            f"{r.kind:14s}{r.auc:6.3f} {f'{low:.3f} to {high:.3f}':>15s} {r.found:6.2f}  "
            f"{least:22s}{r.pixel_auc:6.2f}  {shares}  {by}"
        )
    return "\n".join(lines)


def _run(ledger: Ledger, jobs: Sequence[Job], truths: Truths, workers: int) -> None:
    """Do the jobs that the ledger lacks; Ctrl-C leaves it with all that was finished."""
    left = [job for job in jobs if job not in ledger.outcomes]
    bar = tqdm(
        total=len(jobs), initial=len(jobs) - len(left), desc="clips", unit="clip", disable=None
    )
    if not left:
        bar.close()
        return
    try:
        with bar, processes.started(truths, workers) as pool:
            for outcome in _outcomes(pool, left, workers):
                ledger.add(outcome)
                bar.update()
    except KeyboardInterrupt:
        done = sum(job in ledger.outcomes for job in jobs)
        print(f"{done} of {len(jobs)} clips are kept; the same call goes on", file=sys.stderr)
        raise


def _outcomes(pool: Any, jobs: Sequence[Job], workers: int) -> Iterator[Any]:
    """Outcomes as they are finished; few jobs are handed out ahead, so that leaving is quick."""
    waiting = iter(jobs)
    running: dict[Future[Any], Job] = {}
    while True:
        for job in waiting:
            running[processes.submit(pool, examine, job)] = job
            if len(running) >= _AHEAD * workers:
                break
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            job = running.pop(future)
            yield processes.result(future, f"clip {job.clip} of {job.part} {job.kind}")


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode()
