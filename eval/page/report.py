"""A report as files: report.json, a self-contained report.html, a film and a contact sheet."""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from worldsim.data.atomic import write_whole
from worldsim.data.workers import Each
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.clips import Clip, worst_first
from worldsim.eval.score import Report, Score

from .charts import clip_chart, legend, position_chart
from .table import ends, horizon_text, number, share, short
from .video import contact_sheet, side_by_side, write_image, write_video

FILMED = 3
"""At most this many episodes, the worst, are filmed; the contact sheet shows the worst."""


def write_report(
    report: Report,
    out_dir: str | Path,
    generated: Episode | Sequence[Episode],
    reference: Episode | Sequence[Episode],
    each: Each = map,
) -> list[Path]:
    """Write a report and pictures of its worst episodes into `out_dir`; the paths written.

    report.json, report.html (which holds the films and the sheet itself), worst_1.webm and so on,
    and contact_sheet.png of the worst. `each` writes the films (worldsim.data.workers has one over
    processes). Raises InputError where generated and reference do not pair up.
    """
    made = [generated] if isinstance(generated, Episode) else list(generated)
    true = [reference] if isinstance(reference, Episode) else list(reference)
    if len(made) != len(true) or not made:
        raise InputError(f"{len(made)} generated and {len(true)} reference episodes; pair them up")
    worst = worst_first([clip for clip in report.clips if clip.episode < len(made)])[:FILMED]
    pairs = [(made[clip.episode], true[clip.episode]) for clip in worst]
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    films = [out / f"worst_{rank}.webm" for rank, _ in enumerate(pairs, start=1)]
    filming = _Filming(report.start_frames, report.frame_rate_hz)
    list(each(filming, list(zip(films, pairs, strict=True))))
    sheet = write_image(out / "contact_sheet.png", contact_sheet(*pairs[0], report.start_frames))
    values, page = out / "report.json", out / "report.html"
    write_whole(values, f"{report.to_json()}\n".encode())
    shown = [
        Shown(clip, clip_chart(report, clip), base64.b64encode(path.read_bytes()).decode())
        for clip, path in zip(worst, films, strict=True)
    ]
    write_whole(page, render(report, shown, sheet.read_bytes()).encode())
    return [page, values, *films, sheet]


@dataclass(frozen=True)
class _Filming:
    """Writes the film of a generated episode beside its reference, in any process."""

    start_frames: int
    frame_rate_hz: float

    def __call__(self, wanted: tuple[Path, tuple[Episode, Episode]]) -> Path:
        path, (made, true) = wanted
        frames = side_by_side([made], [true], self.start_frames)
        return write_video(path, frames, self.frame_rate_hz, 1, "VP8")


@dataclass(frozen=True)
class Shown:
    """A clip on the page: its record, its curves (SVG) and its film (WebM, base64)."""

    clip: Clip
    chart: str
    film: str

    @property
    def broken(self) -> list[tuple[str, float]]:
        """Laws above their line with their levels, the highest first."""
        over = [(law, level) for law, level in self.clip.levels.items() if level > 1.0]
        return sorted(over, key=lambda pair: -pair[1])


def render(report: Report, shown: Sequence[Shown], sheet: bytes) -> str:
    """The page as text, films and sheet (PNG) within it."""
    source = Path(__file__).with_name("report.html.j2").read_text()
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(
        metres=metres,
        percent=percent,
        horizon=horizon_text,
        short=short,
        number=number,
        share=share,
        lasting=lasting,
        times=times,
    )
    bodies = {name: row for name, row in report.rows.items() if row.bodies}
    return environment.from_string(source).render(
        report=report,
        rows=bodies,
        leads={name: row for name, row in bodies.items() if row.lead},
        pixel_rows={name: row for name, row in report.rows.items() if row.psnr},
        charts={body: position_chart(report, body) for body in report.diameter_m},
        legend=legend(bodies),
        headline=headline(report),
        shown=shown,
        splits=list(dict.fromkeys(ruling.split for ruling in report.rulings["model"])),
        rulings={
            name: {(ruling.law, ruling.split): ruling for ruling in of}
            for name, of in report.rulings.items()
        },
        sheet=base64.b64encode(sheet).decode(),
    )


def headline(report: Report) -> str:
    """The report in one sentence."""
    model, step = report.rows["model"], report.horizons[-1]
    last = {body: scores.position[step] for body, scores in model.bodies.items()}
    off = [f"{name} {metres(one)} m off" for name, one in last.items() if not math.isnan(one.value)]
    bodies = f"{', '.join(off)} (median)" if off else "no body is to be seen"
    found: Counter[str] = Counter(ruling.verdict for ruling in report.rulings["model"])
    verdicts = ("held", "broken", "undecided", "not measured")
    laws = ", ".join(f"{found[verdict]} {verdict}" for verdict in verdicts if found[verdict])
    return f"After {step} steps: {bodies}. Laws and checks: {laws}."


def lasting(score: Score) -> str:
    """A score's 95 % interval as text, nothing where it has none."""
    return "" if score.interval is None else " – ".join(ends(score))


def times(level: float) -> str:
    """A level for people: 2.4 times the line."""
    if math.isinf(level):
        return "missing"
    return "over 100 times the line" if level > 100.0 else f"{level:.2g} times the line"


def metres(score: Score) -> str:
    return "–" if math.isnan(score.value) else f"{score.value:.3f}"


def percent(score: Score) -> str:
    return "–" if math.isnan(score.value) else f"{100.0 * score.value:.0f} %"
