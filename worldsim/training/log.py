"""A run's diary: metrics.jsonl, a progress line and the picture of the loss curve."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

METRICS = "metrics.jsonl"
CURVE = "loss.svg"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 360, 64, 44, 28


class Diary:
    """Appends one JSON line an entry; on resume drops what came after the resumed step."""

    def __init__(self, folder: Path, step: int, total: float, unit: str, progress: bool) -> None:
        self.path = folder / METRICS
        self.entries = [e for e in read(folder) if e["step"] <= step]
        _replace(self.path, "".join(json.dumps(entry) + "\n" for entry in self.entries))
        self.bar = tqdm(
            total=round(total, 2),
            unit=unit,
            disable=None if progress else True,
            dynamic_ncols=True,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n:.1f}/{total:g} {unit} {postfix}",
        )

    def note(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def show(self, done: float, text: str) -> None:
        self.bar.n = min(round(done, 2), self.bar.total)
        self.bar.set_postfix_str(text, refresh=True)

    def close(self, folder: Path) -> None:
        self.bar.close()
        draw_curve(self.entries, folder / CURVE)


def read(folder: Path) -> list[dict[str, Any]]:
    """The entries of a run; a line cut off by a crash is left out."""
    path = folder / METRICS
    if not path.is_file():
        return []
    entries = []
    for line in path.read_text().splitlines():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return entries


def draw_curve(entries: list[dict[str, Any]], path: Path) -> None:
    """Training loss and held-out one-step ratio over steps, logarithmic, as SVG."""
    curves = {
        "training loss": ("loss", "#3b6ea5"),
        "held-out one-step error / frozen frame": ("one_step_ratio", "#c2571a"),
    }
    points = {
        label: np.array([(e["step"], e[key]) for e in entries if e.get(key, 0) > 0], float)
        for label, (key, _) in curves.items()
    }
    drawn = [values for values in points.values() if len(values)]
    if not drawn:
        return
    last = max(float(values[:, 0].max()) for values in drawn)
    low = np.floor(np.log10(min(values[:, 1].min() for values in drawn)))
    high = np.ceil(np.log10(max(values[:, 1].max() for values in drawn)) + 1e-9)
    wide, tall = _WIDTH - _LEFT - 28, _HEIGHT - _BOTTOM - _TOP

    def place(step: float, value: float) -> tuple[float, float]:
        share = (np.log10(value) - low) / max(high - low, 1)
        return _LEFT + wide * step / last, _TOP + tall * (1 - share)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#555">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for power in np.arange(low, high + 1):
        y = place(0, 10.0**power)[1]
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_LEFT + wide}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{10.0**power:g}", "end"))
    for share in np.linspace(0, 1, 6):
        x = _LEFT + wide * share
        parts.append(_text(x, _TOP + tall + 18, f"{share * last:.0f}", "middle"))
    parts.append(_text(_LEFT + wide / 2, _HEIGHT - 6, "step", "middle"))
    for row, (label, (_, colour)) in enumerate(curves.items()):
        values = points[label]
        if len(values):
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in values))
            stroke = f'fill="none" stroke="{colour}" stroke-width="1.6"'
            parts.append(f'<polyline points="{line}" {stroke}/>')
            parts.append(_text(_LEFT + 12 + 180 * row, 18, label, "start", colour))
    _replace(path, "".join(parts) + "</svg>\n")


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#555") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    os.replace(draft, path)
