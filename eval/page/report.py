"""A report as files: report.json, a self-contained report.html, a film and a contact sheet."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from pathlib import Path

import jinja2

from worldsim.data.atomic import write_whole
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.score import Report, Score

from .charts import legend, position_chart
from .table import ends, horizon_text, number, share, short
from .video import contact_sheet, side_by_side, write_image, write_video

FILMED = 3
"""At most this many episodes go into the film; the contact sheet shows the first."""


def write_report(
    report: Report,
    out_dir: str | Path,
    generated: Episode | Sequence[Episode],
    reference: Episode | Sequence[Episode],
) -> list[Path]:
    """Write a report and pictures of its first episodes into `out_dir`; the paths written.

    report.json, report.html (which holds the film and the sheet itself), side_by_side.webm and
    contact_sheet.png. Raises InputError where generated and reference do not pair up.
    """
    made = [generated] if isinstance(generated, Episode) else list(generated)
    true = [reference] if isinstance(reference, Episode) else list(reference)
    if len(made) != len(true) or not made:
        raise InputError(f"{len(made)} generated and {len(true)} reference episodes; pair them up")
    made, true, out = made[:FILMED], true[:FILMED], Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    film = side_by_side(made, true, report.start_frames)
    video = write_video(out / "side_by_side.webm", film, report.frame_rate_hz, least_px=1)
    sheet = write_image(
        out / "contact_sheet.png", contact_sheet(made[0], true[0], report.start_frames)
    )
    values, page = out / "report.json", out / "report.html"
    write_whole(values, f"{report.to_json()}\n".encode())
    write_whole(page, render(report, video.read_bytes(), sheet.read_bytes()).encode())
    return [page, values, video, sheet]


def render(report: Report, video: bytes, sheet: bytes) -> str:
    """The page as text, film (WebM) and sheet (PNG) within it."""
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
    )
    bodies = {name: row for name, row in report.rows.items() if row.bodies}
    return environment.from_string(source).render(
        report=report,
        rows=bodies,
        pixel_rows={name: row for name, row in report.rows.items() if row.psnr},
        charts={body: position_chart(report, body) for body in report.diameter_m},
        legend=legend(bodies),
        headline=headline(report),
        video=base64.b64encode(video).decode(),
        sheet=base64.b64encode(sheet).decode(),
    )


def headline(report: Report) -> str:
    """The report in one sentence."""
    model, step = report.rows["model"], report.horizons[-1]
    parts = [
        f"{body} {metres(scores.position[step])} m off" for body, scores in model.bodies.items()
    ]
    clean = sum(not verdict.violations for verdict in report.verdicts)
    return (
        f"After {step} steps: {', '.join(parts)} (median); "
        f"{clean} of {report.episodes} episodes without a violation."
    )


def lasting(score: Score) -> str:
    """A score's 95 % interval as text, nothing where it has none."""
    return "" if score.interval is None else " – ".join(ends(score))


def metres(score: Score) -> str:
    return "–" if math.isnan(score.value) else f"{score.value:.3f}"


def percent(score: Score) -> str:
    return "–" if math.isnan(score.value) else f"{100.0 * score.value:.0f} %"
