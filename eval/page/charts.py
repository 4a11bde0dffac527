"""Error over horizon as inline SVG; colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from worldsim.eval.score import Report

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 14, 38
LOWEST_M = 5e-4
"""Errors below this are drawn at the bottom edge of the logarithmic scale."""
TICKS_M = {1e-3: "1 mm", 1e-2: "1 cm", 1e-1: "10 cm", 1.0: "1 m", 10.0: "10 m"}


def row_class(name: str) -> str:
    """Style class of a row: "nearest training clip" -> "row-nearest-training-clip"."""
    known = (
        "model",
        "floor",
        "frozen frame",
        "constant velocity",
        "nearest training clip",
        "shuffled actions",
        "second simulator run",
    )
    return f"row-{name.replace(' ', '-')}" if name in known else "row-other"


def position_chart(report: Report, body: str) -> str:
    """Median position error of a body at every step: one line a row, log scale in metres."""
    curves = {
        name: row.bodies[body].curve.per_step
        for name, row in report.rows.items()
        if body in row.bodies
    }
    highest = max((v for c in curves.values() for v in c if math.isfinite(v)), default=1.0)
    highest = min(max(highest, 0.1) * 1.15, 2.0)
    scale = _Scale(report.steps, highest)
    half = 0.5 * report.diameter_m[body]
    lines = _axes(scale)
    # The model last, so that it lies on top.
    for name in sorted(curves, key=lambda name: name == "model"):
        lines.append(_curve(scale, curves[name], name))
    lines.append(_limit(scale, half))
    label = escape(f"Median position error of the {body} by step")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(lines)}</svg>"
    )


class _Scale:
    def __init__(self, steps: int, highest_m: float) -> None:
        self.steps, self.highest_m = steps, highest_m

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(self.steps, 1)

    def y(self, error_m: float) -> float:
        value = min(max(error_m, LOWEST_M), self.highest_m)
        share = math.log(value / LOWEST_M) / math.log(self.highest_m / LOWEST_M)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _axes(scale: _Scale) -> list[str]:
    lines = []
    for value, text in TICKS_M.items():
        if LOWEST_M <= value <= scale.highest_m:
            y = scale.y(value)
            lines.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
            )
    bottom = HEIGHT - BOTTOM
    lines.append(
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>'
    )
    for step in _ticks(scale.steps):
        lines.append(
            f'<text class="tick" x="{scale.x(step):.1f}" y="{bottom + 17}" '
            f'text-anchor="middle">{step}</text>'
        )
    lines.append(
        f'<text class="tick" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" '
        'text-anchor="middle">steps</text>'
    )
    return lines


def _ticks(steps: int) -> Sequence[int]:
    gap = next((g for g in (1, 2, 4, 8, 16, 32, 64, 128) if steps / g <= 8), 256)
    return range(0, steps + 1, gap)


def _limit(scale: _Scale, half_m: float) -> str:
    y = scale.y(half_m)
    return (
        f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{WIDTH - RIGHT}" y="{y - 5:.1f}" text-anchor="end">'
        "half a diameter</text>"
    )


def _curve(scale: _Scale, values: Sequence[float], name: str) -> str:
    """A line broken where nothing was measured."""
    parts, pen = [], "M"
    for step, value in enumerate(values, start=1):
        if not math.isfinite(value):
            pen = "M"
            continue
        parts.append(f"{pen}{scale.x(step):.1f} {scale.y(value):.1f}")
        pen = "L"
    title = escape(name)
    return (
        f'<path class="curve {row_class(name)}" d="{"".join(parts)}"><title>{title}</title></path>'
    )


def legend(rows: Mapping[str, object]) -> list[tuple[str, str]]:
    """(name, style class) of every row with a curve."""
    return [(name, row_class(name)) for name in rows]
