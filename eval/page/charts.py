"""Error over horizon as inline SVG; colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from worldsim.eval.clips import Clip
from worldsim.eval.score import Report

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 14, 38
LOWEST_M = 5e-4
"""Errors below this are drawn at the bottom edge of the logarithmic scale."""
FLOOR_QUANTILE = 0.95
BODY_STYLES = 8
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
    floors = [clip.floor_m[body] for clip in report.clips if body in clip.floor_m]
    lines = [*_axes(scale), _band(scale, floors)]
    # The model last, so that it lies on top.
    for name in sorted(curves, key=lambda name: name == "model"):
        lines.append(_curve(scale, curves[name], name))
    lines.append(_limit(scale, half))
    label = escape(f"Median position error of the {body} by step")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(lines)}</svg>"
    )


def clip_chart(report: Report, clip: Clip) -> str:
    """Position error of every body of one clip; a line that moves with the film marks the step."""
    values = [v for row in clip.error_m.values() for v in row if math.isfinite(v)]
    scale = _Scale(report.steps, min(max([0.1, *values]) * 1.15, 20.0))
    lines = [*_axes(scale), _band(scale, list(clip.floor_m.values()))]
    for number, (body, row) in enumerate(clip.error_m.items()):
        lines.append(_path(scale, row, f"body-{number % BODY_STYLES}", body))
    top, bottom = TOP, HEIGHT - BOTTOM
    lines.append(f'<line class="playhead" x1="{LEFT}" x2="{LEFT}" y1="{top}" y2="{bottom}"/>')
    label = escape(f"Position error by step, episode {clip.episode + 1}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" '
        f'data-left="{LEFT}" data-right="{WIDTH - RIGHT}" data-steps="{report.steps}">'
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


def _band(scale: _Scale, rows: Sequence[Sequence[float]]) -> str:
    """The floor as a band: from nothing to what 95 % of the rows reach at each step."""
    points = []
    for step in range(1, scale.steps + 1):
        values = [row[step - 1] for row in rows if len(row) >= step]
        known = [value for value in values if math.isfinite(value)]
        if known:
            points.append((scale.x(step), scale.y(float(np.quantile(known, FLOOR_QUANTILE)))))
    if not points:
        return ""
    bottom = HEIGHT - BOTTOM
    corners = [(points[0][0], bottom), *points, (points[-1][0], bottom)]
    shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon class="band" points="{shape}"><title>floor</title></polygon>'


def _curve(scale: _Scale, values: Sequence[float], name: str) -> str:
    return _path(scale, values, row_class(name), name)


def _path(scale: _Scale, values: Sequence[float], style: str, name: str) -> str:
    """A line broken where nothing was measured."""
    parts, pen = [], "M"
    for step, value in enumerate(values, start=1):
        if not math.isfinite(value):
            pen = "M"
            continue
        parts.append(f"{pen}{scale.x(step):.1f} {scale.y(value):.1f}")
        pen = "L"
    title = escape(name)
    return f'<path class="curve {style}" d="{"".join(parts)}"><title>{title}</title></path>'


def legend(rows: Mapping[str, object]) -> list[tuple[str, str]]:
    """(name, style class) of every row with a curve."""
    return [(name, row_class(name)) for name in rows]
