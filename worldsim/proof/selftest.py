"""selftest(): does the evaluator find planted faults, and only those? The figures, by kind."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from worldsim.data import workers as processes
from worldsim.data.atomic import locked, write_whole
from worldsim.errors import unknown
from worldsim.eval.verdicts.lines import Limits, read_limits, write_limits
from worldsim.proof import stress, tables
from worldsim.proof.clips.sheet import sheet
from worldsim.proof.clips.truths import Truths
from worldsim.proof.controls import CONTROLS, find_control
from worldsim.proof.exam import CALIBRATION, Job, examine, make, quantities
from worldsim.proof.faults import FAULTS
from worldsim.proof.ledger import Ledger
from worldsim.proof.plan import CLEAN, FAULTY, place_of
from worldsim.proof.tables import Result, Stressed

CLIPS = 200
CALIBRATION_CLIPS = 600
WIDTHS_PX = (128, 64)
STRESS = "stress"
STRESS_CLIPS = 8
KINDS = (*FAULTS, *CONTROLS, STRESS)
RESULTS, SHEETS = "results.json", "sheets"
SHEET_CLIPS = (0, 5, 10)  # of the grossest magnitude, in three scenarios where there are so many
_AHEAD = 4  # jobs a worker that wait in its queue


def selftest(
    out: Path,
    clips: int = CLIPS,
    kinds: Sequence[str] = KINDS,
    seed: int = 0,
    workers: int = 2,
    limits: Mapping[str, Limits] | None = None,
) -> tuple[list[Result], list[Stressed]]:
    """Judge `clips` faulty and as many clean clips of every kind; prints and writes the tables.

    The kind "stress" is the stress table, of 8 clips a row.

    Outcomes are kept in `out` as they are finished: the same call goes on from there, with more
    clips too. `limits` are those of the alarms by scenario, the stored ones when not given. Raises
    InputError on an unknown kind, and where `out` holds another selftest.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise unknown("kind", kind, KINDS)
    limits = limits or read_limits()
    told = [kind for kind in kinds if kind != STRESS]
    most = min(clips, STRESS_CLIPS) if STRESS in kinds else 0
    jobs = [Job(k, part, i) for i in range(clips) for k in told for part in (FAULTY, CLEAN)]
    jobs.sort(key=_place)
    jobs += [Job(row, stress.PART, i) for i in range(most) for row in stress.ROWS]
    with locked(out, "testing into"), Ledger(out, seed) as ledger:
        _run(ledger, jobs, Truths(seed), workers)
        results = [tables.result_of(kind, clips, ledger, limits) for kind in told]
        rows = [tables.stressed(row, most, ledger, limits) for row in stress.ROWS if most]
        _draw_sheets(out, told, clips, Truths(seed))
    made = {"kinds": [asdict(r) for r in results], "stress": [asdict(row) for row in rows]}
    write_whole(out / RESULTS, (json.dumps(made, indent=1) + "\n").encode())
    if results:
        print(tables.table(results))
        print(tables.law_table(results))
    if rows:
        print(tables.stress_table(rows))
    print(f"{out}/{RESULTS}, {out}/{SHEETS}; all alarms of every clip are in {out}/clips.jsonl")
    return results, rows


def calibrate(
    out: Path,
    to: Path,
    clips: int = CALIBRATION_CLIPS,
    widths_px: Sequence[int] = WIDTHS_PX,
    seed: int = 0,
    workers: int = 2,
) -> dict[int, dict[str, Limits]]:
    """Draw each scenario's limits from clean clips, half of them degraded, and write them."""
    limits = {width: _drawn(out / f"{width}", width, clips, seed, workers) for width in widths_px}
    widths = " ".join(map(str, widths_px))
    options = f"--clips {clips} --widths-px {widths} --seed {seed}"
    write_limits(to, limits, f"python -m worldsim.proof.calibrate {options}")
    return limits


def _drawn(out: Path, width_px: int, clips: int, seed: int, workers: int) -> dict[str, Limits]:
    jobs = [Job(CALIBRATION, CALIBRATION, i) for i in range(clips)]
    truths = Truths(seed, width_px)
    with locked(out, "testing into"), Ledger(out, seed) as ledger:
        _run(ledger, jobs, truths, workers)
        kept = [o for o in ledger.of(CALIBRATION, CALIBRATION) if o.job.clip < clips]
    checks = quantities(make(truths, jobs[0]))
    alarms: dict[str, list[dict[str, float]]] = {}
    for outcome in kept:
        alarms.setdefault(outcome.scenario, []).append(outcome.alarms)
    return {scenario: Limits.of(rows, checks) for scenario, rows in alarms.items()}


def _place(job: Job) -> tuple[int, str, str]:
    """Jobs that share a true clip stand together: it is then read once."""
    kind = FAULTS[job.kind] if job.kind in FAULTS else find_control(job.kind)
    scenario, place = place_of(kind, job.clip)
    return place, scenario, job.part


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


def _draw_sheets(out: Path, kinds: Sequence[str], clips: int, truths: Truths) -> None:
    """Contact sheets of the kinds that have none yet in `out`/sheets."""
    (out / SHEETS).mkdir(exist_ok=True)
    left = [kind for kind in kinds if not (out / SHEETS / f"{kind}.png").is_file()]
    for kind in tqdm(left, desc="sheets", unit="kind", disable=None):
        pairs = []
        for clip in SHEET_CLIPS[: len(SHEET_CLIPS) if clips > SHEET_CLIPS[-1] else 1]:
            made = make(truths, Job(kind, FAULTY, clip))
            title = f"{kind} {made.magnitude:g} in {made.truth.scene.scenario}"
            pairs.append((title, made.truth, made.clip, made.onset))
        sheet(pairs, out / SHEETS / f"{kind}.png")


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
