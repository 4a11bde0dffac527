"""A report as aligned text: positions by body and horizon, then a table for every check."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worldsim.eval.score import Report, Row, Score
    from worldsim.eval.verdicts.rulings import Ruling

NAME_WIDTH, CELL_WIDTH = 28, 12


def table(report: Report) -> str:
    """Lines of at most 100 characters."""
    parts = [_rulings(report), _positions(report), _whole(report)]
    if any(row.lead for row in report.rows.values()):
        parts += [_leads(report, moved) for moved in (False, True)]
    parts += [_check(report, name) for name in report.checks if name in report.rows["model"].checks]
    if report.unreadable:
        parts.append(_unreadable(report))
    return "\n".join(parts)


def _rulings(report: Report) -> str:
    """One line a law and split: held, broken or undecided, and by how many clips."""
    lines = [_ruling("law", "split", "verdict", "over line", "floor", "loudest")]
    floor = {(r.law, r.split): over(r) for r in report.rulings["floor"]}
    for of in report.rulings["model"]:
        noted = of.loudest or of.why
        cells = (of.split, of.verdict, over(of), floor[of.law, of.split], noted)
        lines.append(_ruling(f"  {of.law}", *cells))
    return "\n".join([*lines, ""])


def _ruling(law: str, split: str, verdict: str, clips: str, floor: str, noted: str) -> str:
    return f"{law:18s}{split:>8s}{verdict:>14s}{clips:>11s}{floor:>11s}  {noted}"


def over(ruling: Ruling) -> str:
    """How many of the clips measured lie above the line."""
    return f"{ruling.over} of {ruling.clips}" if ruling.clips else "-"


def _positions(report: Report) -> str:
    """Median position error in metres by body, row and horizon."""
    heads = [f"{step} steps" for step in report.horizons]
    width = max(map(len, report.rows)) + 2
    lines = []
    for body, diameter_m in report.diameter_m.items():
        cells = [*heads, "lost", "valid"]
        lines.append(_line(f"{body} ({diameter_m:.2f} m)", width + 2, cells, 10))
        for name, row in report.rows.items():
            if body not in row.bodies:
                continue
            scores = row.bodies[body]
            cells = [metres(scores.position[step]) for step in report.horizons]
            cells.append(percent(scores.lost[report.horizons[-1]]))
            cells.append(horizon_text(scores.valid_horizon))
            lines.append("  " + _line(name, width, cells, 10))
    return "\n".join(lines)


def _whole(report: Report) -> str:
    width = max(map(len, report.rows)) + 2
    lines = [_line("all bodies", width, ["found", "valid"], 10)]
    for name, row in report.rows.items():
        if row.all_found is not None and row.valid_horizon is not None:
            cells = [percent(row.all_found), horizon_text(row.valid_horizon)]
            lines.append("  " + _line(name, width, cells, 10))
    return "\n".join(
        [
            *lines,
            "Median position error in m, a lost body counting with the view's diagonal; lost:",
            f"episodes at {report.horizons[-1]} steps; valid: median steps within half a diameter; "
            "found: frames with every body.",
        ]
    )


def _leads(report: Report, moved: bool) -> str:
    """By how much the model is nearer to the truth than other rows, with intervals below."""
    width = max(map(len, report.rows)) + 2
    heads = [f"{step} steps" for step in report.horizons]
    title = "moved: lead in m" if moved else "lead in m over"
    lines = ["", _line(title, width + 2, heads, 10)]
    for name, row in report.rows.items():
        if not row.lead:
            continue
        leads = row.moved_lead if moved else row.lead
        scores = [leads[step] for step in report.horizons]
        lines.append("  " + _line(name, width, [metres(score) for score in scores], 10))
        for label, end in (("  95 % from", 0), ("       to", 1)):
            cells = ["-" if s.interval is None else f"{s.interval[end]:.3f}" for s in scores]
            lines.append("  " + _line(label, width, cells, 10))
    return "\n".join(lines)


def _check(report: Report, check: str) -> str:
    """One line a row; below the model's its interval, episodes and share measurable."""
    scores = list(report.rows["model"].checks[check].values())
    heads = [wrap(score.name, CELL_WIDTH - 1) for score in scores]
    deep = max(map(len, heads))
    lines = [
        _line(check if k == 0 else "", NAME_WIDTH, [h[k] if k < len(h) else "" for h in heads])
        for k in range(deep)
    ]
    lines = ["", *lines, _line("", NAME_WIDTH, [score.unit for score in scores])]
    for name, row in report.rows.items():
        if check in row.checks:
            cells = [number(row.checks[check].get(score.name)) for score in scores]
            lines.append("  " + _line(name, NAME_WIDTH - 2, cells))
            if name == "model":
                lines += _behind(row, check, [score.name for score in scores])
    return "\n".join(lines)


def _behind(row: Row, check: str, names: Sequence[str]) -> list[str]:
    scores = [row.checks[check][name] for name in names]
    rows = {
        "95 % from": [ends(score)[0] for score in scores],
        "     to": [ends(score)[1] for score in scores],
        "mean": [short(math.nan if s.mean is None else s.mean) for s in scores],
        "episodes": [str(score.n) for score in scores],
        "measurable": [share(score.measurable) for score in scores],
    }
    return ["    " + _line(name, NAME_WIDTH - 4, cells) for name, cells in rows.items()]


def _unreadable(report: Report) -> str:
    lines = [f"  {u.row}, episode {u.episode + 1}: {u.reason}" for u in report.unreadable]
    return "\n".join(["", "unreadable, counted as the worst", *lines])


def _line(name: str, width: int, cells: Sequence[str], cell: int = CELL_WIDTH) -> str:
    return name.ljust(width) + "".join(text.rjust(cell) for text in cells)


def horizon_text(score: Score) -> str:
    """A valid horizon for people: ">64" where half the episodes never failed."""
    if math.isnan(score.value):
        return "-"
    return f">{len(score.per_step)}" if math.isinf(score.value) else f"{score.value:.0f}"


def number(score: Score | None) -> str:
    """A score for people. Of a Kaplan-Meier median past the end: more than what was watched."""
    return "-" if score is None else _bounded(score, score.value)


def ends(score: Score) -> tuple[str, str]:
    """The ends of a score's 95 % interval, in the same words; dashes where it has none."""
    low, high = score.interval or (math.nan, math.nan)
    return _bounded(score, low), _bounded(score, high)


def _bounded(score: Score, value: float) -> str:
    if math.isinf(value) and score.per_step and score.mean is not None:
        # The mean of a Kaplan-Meier score is the sum over its steps, in its unit.
        unit_a_step = score.mean / max(sum(score.per_step), 1e-9)
        return f">{len(score.per_step) * unit_a_step:.3g}"
    return short(value)


def short(value: float) -> str:
    """A plain number in three digits; a dash where it was not measured."""
    if math.isnan(value):
        return "-"
    return "inf" if math.isinf(value) else f"{value:.3g}"


def share(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.0%}"


def metres(score: Score) -> str:
    return "-" if math.isnan(score.value) else f"{score.value:.3f}"


def percent(score: Score) -> str:
    return "-" if math.isnan(score.value) else f"{score.value:.1%}"
