"""Floors as tables: aligned text and markdown, and whether the reading is as good as it must be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from worldsim.floors.measure import Measured
from worldsim.floors.plan import Cell
from worldsim.floors.sources import RENDER, SIMULATOR

LATERAL_DIAMETERS = 0.05
ALL_NAMED = 0.98
TARGET_PX = 128
HEADS = (
    "scenario",
    "px",
    "mode",
    "floor",
    "all named",
    "lateral mm",
    "diameters",
    "along mm",
    "diameters",
    "in 2 sigma",
    "frames/s",
)
NOTE = """\
all named: frames in which every visible body was found and rightly named; lateral, along: errors
across and along the view, median / 90 %; in 2 sigma: errors within two reported standard errors
(95 % is right); frames/s: read on one core. F3: the simulator again, 5 times, its starts off
by the larger error of F2; the step at which half of the runs are half a diameter off."""


def rows(measured: Iterable[Measured]) -> list[list[str]]:
    """The cells of the first table, a row for each floor that is read."""
    return [
        [
            *_cell(one.cell),
            name,
            f"{figures.all_named:.1%}",
            _pair(figures.lateral_m, 1e3),
            _pair(figures.lateral_diameters),
            _pair(figures.along_m, 1e3),
            _pair(figures.along_diameters),
            _share(figures.within_two_sigmas),
            f"{one.frames_s[name]:.0f}" if name in one.frames_s else "-",
        ]
        for one in measured
        for name, figures in one.floors.items()
    ]


def simulator_rows(measured: Sequence[Measured]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells of the second table: how the simulator parts from itself."""
    steps = sorted({step for one in measured for step in one.simulator.spread_m})
    heads = [*HEADS[:3], "floor", "start mm", *(f"step {s} mm (dia.)" for s in steps), "parts at"]
    cells = []
    for one in measured:
        spread = one.simulator
        apart = [
            f"{1e3 * spread.spread_m[s]:.3g} ({spread.spread_diameters[s]:.2g})"
            if s in spread.spread_m
            else "-"
            for s in steps
        ]
        parts = "never" if math.isinf(spread.median_step) else f"{spread.median_step:.0f}"
        cells.append([*_cell(one.cell), SIMULATOR, f"{1e3 * spread.start_m:.3g}", *apart, parts])
    return heads, cells


def targets(measured: Iterable[Measured]) -> list[str]:
    """One line for each cell at 128 px in mode A: does F1 reach what it must?"""
    lines = []
    for one in measured:
        if (one.cell.size_px, one.cell.mode) != (TARGET_PX, "A"):
            continue
        figures = one.floors[RENDER]
        lateral = figures.lateral_diameters[0]
        good = lateral <= LATERAL_DIAMETERS and figures.all_named >= ALL_NAMED
        lines.append(
            f"{'ok  ' if good else 'FAIL'}  {one.cell.scenario}: lateral {lateral:.4f} diameters "
            f"(at most {LATERAL_DIAMETERS}), all named {figures.all_named:.1%} (at least "
            f"{ALL_NAMED:.0%})"
        )
    return lines


def text(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table as aligned text."""
    widths = [max(len(row[k]) for row in (heads, *cells)) for k in range(len(heads))]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(r, widths, strict=True)) for r in cells]
    return "\n".join(["  ".join(h.rjust(w) for h, w in zip(heads, widths, strict=True)), *lines])


def markdown(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """The same as a markdown table."""
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: Cell) -> list[str]:
    return [cell.scenario, str(cell.size_px), cell.mode]


def _pair(values: tuple[float, float], scale: float = 1.0) -> str:
    if math.isnan(values[0]):
        return "-"
    return " / ".join(f"{scale * value:.2g}" for value in values)


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"
