"""Scores of one row of a report (model, floor or a baseline) over all its episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.horizon import failures, first
from worldsim.eval.checks.measure import Measure
from worldsim.eval.checks.motion import MOVED_M, passes, path_ratios
from worldsim.eval.checks.permanence import all_found
from worldsim.eval.reference.pixels import one_step_errors, psnr_db

from .evidence import Evidence
from .score import BodyScores, Row, Score
from .statistics import censored, per_step, ratio, ratio_of_means, summary

Float = NDArray[np.float64]
Clip = NDArray[np.uint8] | Float
Shown = Sequence[tuple[Evidence, int]]
"""Clips that show a body, and its place among the moving bodies of each."""

ByHorizon = dict[int, Score]
MeasuredClip = Mapping[str, Sequence[Measure]]

COUNTED = ("share", "bodies")
"""Units of which reports show the mean over episodes; of the others the median."""


def score_row(
    name: str,
    entries: Sequence[Evidence],
    horizons: Sequence[int],
    measured: Sequence[MeasuredClip],
    floor: Row | None = None,
    model: Sequence[Evidence] = (),
) -> Row:
    """Score a row; `measured` holds each clip's measures by check.

    `floor`, where given, is noted beside every number, and the row held against the evidence of
    the `model`.
    """
    steps = max(entry.steps for entry in entries)
    bodies: dict[str, BodyScores] = {}
    for body in dict.fromkeys(body for entry in entries for body in entry.truth.bodies):
        clips = [(e, e.truth.bodies.index(body)) for e in entries if body in e.truth.bodies]
        bodies[body] = _body(clips, horizons, steps)
    found = padded([all_found(e.errors)[1:].astype(float) for e in entries], steps)
    row = Row(
        name,
        bodies,
        _horizon([first(failures(entry)) for entry in entries], entries, steps),
        replace(
            summary("frames with every body found", "share", np.nanmean(found, axis=1), np.mean),
            per_step=per_step(found, np.mean),
        ),
        checks=_checks(entries, measured, steps),
        overall=_overall(entries, horizons, steps),
        lead=_lead(entries, model, horizons, steps, 0.0) if model else {},
        moved_lead=_lead(entries, model, horizons, steps, MOVED_M) if model else {},
    )
    if all(entry.pictured and not entry.unreadable for entry in entries):
        pixels = pixel_row(
            name,
            [e.reference.frames for e in entries],
            [e.generated.frames for e in entries],
            horizons,
        )
        row = replace(row, psnr=pixels.psnr, one_step_ratio=pixels.one_step_ratio)
    return row if floor is None else _beside(row, floor)


def pixel_row(
    name: str, wanted: Sequence[NDArray[np.uint8]], frames: Sequence[Clip], horizons: Sequence[int]
) -> Row:
    """Row of pixel scores alone, for clips (S+1, H, W, 3) that begin at the last start frame."""
    pairs = list(zip(frames, wanted, strict=True))
    values = padded([psnr_db(a[1:], b[1:]) for a, b in pairs], max(len(b) - 1 for b in wanted))
    psnr = {h: summary("PSNR", "dB", values[:, h - 1], np.mean) for h in horizons}
    made, kept = np.array([one_step_errors(a, b) for a, b in pairs]).T
    ratio = float(made.sum() / kept.sum()) if kept.sum() > 0.0 else float("nan")
    one_step = Score("one-step squared error over frozen frame", ratio, "ratio", len(pairs))
    return Row(name, psnr=psnr, one_step_ratio=one_step)


def padded(rows: Sequence[Float], steps: int) -> Float:
    """Rows of different lengths as one array (E, steps), NaN where a row has ended."""
    table = np.full((len(rows), steps), np.nan)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    return table


def _checks(
    entries: Sequence[Evidence], clips: Sequence[MeasuredClip], steps: int
) -> dict[str, dict[str, Score]]:
    """Scores of every quantity of every check over the clips of a row."""
    return {
        check: {
            quantity[0].name: _quantity(check, quantity, entries, steps)
            for quantity in zip(*(clip[check] for clip in clips), strict=True)
        }
        for check in clips[0]
    }


def _overall(entries: Sequence[Evidence], horizons: Sequence[int], steps: int) -> ByHorizon:
    errors = _mean_errors(entries, steps)
    return {h: summary("position error", "m", errors[:, h - 1]) for h in horizons}


def _lead(
    entries: Sequence[Evidence],
    model: Sequence[Evidence],
    horizons: Sequence[int],
    steps: int,
    moved_m: float,
) -> ByHorizon:
    """The model's lead over the bodies that are further than this from where they started."""
    apart = _mean_errors(entries, steps, moved_m) - _mean_errors(model, steps, moved_m)
    return {h: summary("lead of the model", "m", apart[:, h - 1], np.mean) for h in horizons}


def _mean_errors(entries: Sequence[Evidence], steps: int, moved_m: float = 0.0) -> Float:
    """Position error in m, mean over the bodies of a clip that are to be seen, (E, steps).

    Above 0, `moved_m` leaves out bodies that are no further than that from where they started.
    """
    means = []
    for entry in entries:
        place_m, error_m = entry.truth.position_m, entry.errors.total_m[1:]
        if moved_m > 0.0:
            away_m = np.linalg.norm(place_m[1:] - place_m[0], axis=-1)
            error_m = np.where(away_m > moved_m, error_m, np.nan)
        shown = (~np.isnan(error_m)).sum(1)
        total_m = np.nansum(error_m, axis=1)
        means.append(np.where(shown > 0, total_m / np.maximum(shown, 1), np.nan))
    return padded(means, steps)


def _quantity(
    check: str, measures: Sequence[Measure], entries: Sequence[Evidence], steps: int
) -> Score:
    name, unit = measures[0].name, measures[0].unit
    values = np.array([m.value for m in measures])
    shares = [m.measurable for m in measures if not np.isnan(m.measurable)]
    if check == "horizon" and unit in ("steps", "s"):
        step_s = entries[0].scene.dt_s if unit == "s" else 1.0
        length = np.array([float(entry.steps) for entry in entries])
        score = censored(name, unit, np.round(values / step_s), length, steps, step_s)
    else:
        score = summary(name, unit, values, np.mean if unit in COUNTED else np.median)
    return replace(score, measurable=float(np.mean(shares)) if shares else float("nan"))


def _body(clips: Shown, horizons: Sequence[int], steps: int) -> BodyScores:
    def table(name: str) -> Float:
        return padded([getattr(e.errors, name)[1:, body] for e, body in clips], steps)

    total, diameters = table("total_m"), [_diameter(e, body) for e, body in clips]
    visible = padded([e.errors.visible[1:, body].astype(float) for e, body in clips], steps)
    lost = np.where(visible == 1.0, table("lost").astype(float), np.nan)
    truth = [e.truth.position_m[:, body] for e, body in clips]
    still = padded([np.linalg.norm(t[1:] - t[0], axis=-1) for t in truth], steps)
    still = np.where(still > MOVED_M, still, np.nan)
    gates = [passes(path_ratios(e)[body]) for e, body in clips]
    judged = np.array([float(gate) for gate in gates if gate is not None])
    found = np.where(lost == 0.0, total, np.nan)

    def by_step(name: str, unit: str, values: Float, statistic: Any = np.median) -> Any:
        return {h: summary(name, unit, values[:, h - 1], statistic) for h in horizons}

    curve = per_step(total, np.median)
    return BodyScores(
        curve=Score("position error", curve[-1], "m", len(clips), per_step=curve),
        position=by_step("position error", "m", total),
        diameters=by_step("position error", "diameters", total / np.array(diameters)[:, None]),
        lateral=by_step("lateral error", "m", table("lateral_m")),
        along_view=by_step("error along the view", "m", table("along_m")),
        image_px=by_step("error in the image", "px", table("image_px"), np.mean),
        lost=by_step("lost", "share", lost, np.mean),
        moved_ratio={
            h: ratio("error of moved over no motion", total[:, h - 1], still[:, h - 1])
            for h in horizons
        },
        moved_found={
            h: ratio_of_means("moved", found[:, h - 1], still[:, h - 1]) for h in horizons
        },
        valid_horizon=_horizon(
            [failures(e)[body] for e, body in clips], [e for e, _ in clips], steps
        ),
        motion=summary("motion gate passed", "share", judged, np.mean),
    )


def _diameter(entry: Evidence, body: int) -> float:
    return float(entry.truth.diameter_m[body])


def _horizon(ends: Sequence[int | None], entries: Sequence[Evidence], steps: int) -> Score:
    at = np.array([np.inf if end is None else float(end) for end in ends])
    length = np.array([float(entry.steps) for entry in entries])
    return censored("valid horizon", "steps", at, length, steps)


def _beside(row: Row, floor: Row) -> Row:
    """A row with the floor's value noted in each of its scores."""
    bodies = {
        body: BodyScores(
            **{
                field.name: _noted(
                    getattr(scores, field.name), getattr(floor.bodies[body], field.name)
                )
                for field in fields(BodyScores)
            }
        )
        for body, scores in row.bodies.items()
    }
    return replace(
        row,
        bodies=bodies,
        checks={name: _noted(scores, floor.checks[name]) for name, scores in row.checks.items()},
        overall=_noted(row.overall, floor.overall),
        valid_horizon=_noted(row.valid_horizon, floor.valid_horizon),
        all_found=_noted(row.all_found, floor.all_found),
    )


def _noted(scores: Any, floor: Any) -> Any:
    """A Score, or a dict of them, with the floor's value in each."""
    if isinstance(scores, dict):
        return {key: _noted(score, floor[key]) for key, score in scores.items()}
    return None if scores is None else replace(scores, floor=floor.value)
