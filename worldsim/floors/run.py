"""measure_floors(): all cells of a plan, one after the other, kept as they are finished."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from hashlib import sha256
from pathlib import Path
from typing import Any

from tqdm import tqdm

from worldsim.data import workers as processes
from worldsim.data.atomic import locked, write_whole
from worldsim.errors import InputError
from worldsim.eval.page.values import built, plain
from worldsim.floors import table
from worldsim.floors.measure import Measured, measure
from worldsim.floors.plan import Cell, Plan
from worldsim.proof.ledger import fingerprint

SCHEMA = 1
FLOORS_FILE, SPEEDS_FILE, TEXT_FILE, TABLE_FILE = (
    "floors.json",
    "speeds.json",
    "floors.txt",
    "floors.md",
)
CELLS_FOLDER = "cells"


def measure_floors(plan: Plan, out: Path, workers: int = 2) -> list[Measured]:
    """Measure every cell that `out` does not hold yet; writes and prints the tables.

    `out`/floors.json holds the figures, the same bytes for the same plan and code; speeds.json
    how fast they were read here; floors.txt and floors.md the tables. Cells are kept in
    `out`/cells as they are finished: the same call goes on from there. Raises InputError where
    the cells there are of another plan or of other code.
    """
    with locked(out, "measuring into"):
        (out / CELLS_FOLDER).mkdir(exist_ok=True)
        stamp = {"schema": SCHEMA, "code": _code(), **plan.settings()}
        cells = list(plan.cells())
        found = {cell: one for cell in cells if (one := _kept(out, cell, stamp)) is not None}
        left = [cell for cell in cells if cell not in found]
        bar = tqdm(total=len(cells), initial=len(found), desc="floors", unit="cell", disable=None)
        with bar:
            for one in _measured(plan, left, workers):
                _keep(out, one, stamp)
                found[one.cell] = one
                bar.update()
        measured = [found[cell] for cell in cells]
        _write(out, plan, measured)
    return measured


def _measured(plan: Plan, cells: Sequence[Cell], workers: int) -> Iterator[Measured]:
    if workers == 1 or len(cells) < 2:
        yield from (measure(plan, cell) for cell in cells)
        return
    with processes.started(plan, min(workers, len(cells))) as pool:
        running: dict[Future[Any], Cell] = {}
        waiting = list(cells)
        while waiting or running:
            while waiting and len(running) < 2 * workers:
                cell = waiting.pop(0)
                running[processes.submit(pool, measure, cell)] = cell
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield processes.result(future, running.pop(future).name)


def _keep(out: Path, one: Measured, stamp: dict[str, Any]) -> None:
    values = {"stamp": stamp, "measured": plain(one)}
    write_whole(_file(out, one.cell), f"{json.dumps(values, allow_nan=False)}\n".encode())


def _kept(out: Path, cell: Cell, stamp: dict[str, Any]) -> Measured | None:
    path = _file(out, cell)
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text())
        differs = [name for name, value in stamp.items() if values["stamp"].get(name) != value]
        one: Measured = built(Measured, values["measured"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it and run this again") from error
    if differs:
        raise InputError(
            f"{out} holds floors with another {' and '.join(differs)}; choose another --out"
        )
    return one


def _code() -> str:
    """A digest of the code that decides on the figures."""
    digest = sha256(fingerprint().encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.name not in ("run.py", "table.py"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _file(out: Path, cell: Cell) -> Path:
    return out / CELLS_FOLDER / f"{cell.name}.json"


def _write(out: Path, plan: Plan, measured: Sequence[Measured]) -> None:
    """floors.json, speeds.json and the tables."""
    cells = [
        {"cell": plain(one.cell), "floors": plain(one.floors), "simulator": plain(one.simulator)}
        for one in measured
    ]
    values = {"schema": SCHEMA, "kind": "worldsim floors", "plan": plain(plan), "cells": cells}
    speeds = {one.cell.name: one.frames_s for one in measured}
    heads, apart = table.simulator_rows(measured)
    rows, held = table.rows(measured), table.targets(measured)
    shown = [table.text(table.HEADS, rows), table.text(heads, apart), table.NOTE, *held]
    drawn = [table.markdown(table.HEADS, rows), table.markdown(heads, apart), table.NOTE]
    for name, content in (
        (FLOORS_FILE, json.dumps(values, indent=1, allow_nan=False)),
        (SPEEDS_FILE, json.dumps({"schema": SCHEMA, "frames_s": speeds}, indent=1)),
        (TEXT_FILE, "\n\n".join(shown[:3]) + "\n\n" + "\n".join(held)),
        (TABLE_FILE, "\n\n".join(drawn)),
    ):
        write_whole(out / name, f"{content}\n".encode())
    print(*shown[:3], sep="\n\n")
    print(*held, sep="\n")
    print(f"{out}/{FLOORS_FILE}, {SPEEDS_FILE}, {TEXT_FILE}, {TABLE_FILE}")
