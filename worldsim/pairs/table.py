"""The scores of an examination over its starts, and their tables in markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from worldsim.eval.score import Score
from worldsim.eval.statistics import Statistic, summary
from worldsim.pairs.examine import BLIND, MODEL, ROWS, SECOND_RUN, SIMULATOR, SWAPPED, Found

NAMES = {
    MODEL: "model",
    SIMULATOR: "simulator, its pictures read",
    SECOND_RUN: "simulator again, start off by the reading",
    BLIND: "one clip for all actions",
    SWAPPED: "the other's clip",
}


@dataclass(frozen=True)
class Column:
    """One quantity of a table: where it lies in a Found, and how starts are put together."""

    part: str  # a field of Found
    name: str
    unit: str
    field: str
    statistic: Statistic = np.median
    scale: float = 1.0


TABLES: dict[str, tuple[Column, ...]] = {
    "response": (
        Column("response", "informative", "share", "informative", np.mean),
        Column("response", "measurable", "share", "measurable", np.mean),
        Column("response", "gain", "", "gain"),
        Column("response", "cosine", "", "cosine"),
        Column("response", "error", "", "error"),
        Column("response", "chosen", "share", "chosen", np.mean),
        Column("response", "lag", "frames", "lag"),
        Column("dose", "dose slope", "", "slope"),
        Column("dose", "dose R2", "", "r2"),
    ),
    "locality": (
        Column("locality", "measurable", "share", "measurable", np.mean),
        Column("locality", "out of reach", "mm", "apart_m", scale=1e3),
        Column("locality", "excess", "", "excess"),
        Column("locality", "passed", "share", "passed", np.mean),
        Column("locality", "before", "mm", "before_m", scale=1e3),
        Column("rest", "drift at rest", "mm", "drift_m", scale=1e3),
        Column("rest", "drift excess", "", "excess"),
    ),
    "spread": (
        Column("spread", "informative", "share", "informative", np.mean),
        Column("spread", "measurable", "share", "measurable", np.mean),
        Column("spread", "coverage", "share", "coverage", np.mean),
        Column("spread", "nominal", "share", "nominal", np.mean),
        Column("spread", "energy", "mm", "energy_m", scale=1e3),
        Column("spread", "ensemble's", "mm", "ensemble_energy_m", scale=1e3),
        Column("spread", "CRPS", "mm", "crps_m", scale=1e3),
        Column("spread", "spread/skill", "", "spread_skill"),
    ),
}

Scores = dict[str, dict[str, dict[str, Score]]]


def scores(found: Sequence[Found]) -> Scores:
    """Scores by table, row and quantity: medians over starts, means of shares; NaN not counted."""
    return {
        title: {
            row: {column.name: _score(column, row, found) for column in columns}
            for row in ROWS
            if any(row in getattr(one, columns[0].part) for one in found)
        }
        for title, columns in TABLES.items()
    }


def _score(column: Column, row: str, found: Sequence[Found]) -> Score:
    parts: list[Mapping[str, Any]] = [getattr(one, column.part) for one in found]
    values = [float(getattr(part[row], column.field)) for part in parts if row in part]
    scaled = column.scale * np.array(values, float)
    return summary(column.name, column.unit, scaled, column.statistic)


def markdown(scored: Scores) -> str:
    """The tables: value, 95 % bootstrap interval over starts, and n."""
    blocks = []
    for title, rows in scored.items():
        columns = TABLES[title]
        heads = [title, *(f"{c.name}, {c.unit}" if c.unit else c.name for c in columns)]
        lines = [heads, ["---"] * len(heads)]
        lines += [
            [NAMES[row], *map(_cell, quantities.values())] for row, quantities in rows.items()
        ]
        blocks.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(blocks)


def _cell(score: Score) -> str:
    if not score.n:
        return "-"
    spread = ""
    if score.interval is not None:
        spread = f" [{score.interval[0]:.3g}, {score.interval[1]:.3g}]"
    return f"{score.value:.3g}{spread}, n {score.n}"


def notes(found: Sequence[Found]) -> list[str]:
    """What a reader of the tables must know of these clips."""
    said: list[tuple[Callable[[Found], bool], str]] = [
        (
            lambda one: one.still,
            "all draws of the model are one clip in {} of {} starts: its futures have no spread",
        ),
        (
            lambda one: not one.response[MODEL].informative,
            "the simulator does not part {} of {} pairs: they are not counted",
        ),
        (lambda one: bool(one.unreadable), "{} of {} starts have clips that cannot be read"),
    ]
    counts = [(sum(map(holds, found)), text) for holds, text in said]
    return [text.format(count, len(found)) for count, text in counts if count]
