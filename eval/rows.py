"""Scores of one row of a report (model, floor or a baseline) over all its episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.horizon import TOLERANCE_DIAMETERS, first_failure, median_step, survival
from worldsim.eval.checks.motion import MOVED_M, passes, path_ratio
from worldsim.eval.checks.permanence import all_found
from worldsim.eval.checks.position import Errors, errors
from worldsim.eval.reference.pixels import one_step_errors, psnr_db

from .case import Case
from .score import BodyScores, Row, Score
from .statistics import per_step, ratio, ratio_of_means, summary

Float = NDArray[np.float64]
BY_STEP = (
    "position",
    "lateral",
    "along_view",
    "image_px",
    "lost",
    "moved_ratio",
    "moved_found",
)
Clip = NDArray[np.uint8] | Float


@dataclass(frozen=True)
class Entry:
    """One episode of a row: places (S+1, M, 3) of its bodies and, where there are any, frames."""

    case: Case
    places_m: Float
    errors: Errors
    frames: Clip | None = None

    @classmethod
    def of(cls, case: Case, places_m: Float, frames: Clip | None = None) -> Entry:
        return cls(case, places_m, errors(places_m, case.truth), frames)


def score_row(
    name: str, entries: Sequence[Entry], horizons: Sequence[int], floor: Row | None = None
) -> Row:
    """Score a row; `floor`, where given, is noted beside every number."""
    steps = max(entry.case.steps for entry in entries)
    bodies = {}
    for index, body in enumerate(entries[0].case.truth.bodies):
        scores = _body(entries, index, horizons, steps)
        bodies[body] = scores if floor is None else _beside(scores, floor.bodies[body])
    found = padded([all_found(e.errors)[1:].astype(float) for e in entries], steps)
    row = Row(
        name,
        bodies,
        _any_body_horizon(entries, steps),
        replace(
            summary("frames with every body found", "share", np.nanmean(found, axis=1), np.mean),
            per_step=per_step(found, np.mean),
        ),
    )
    frames = [entry.frames for entry in entries if entry.frames is not None]
    if len(frames) < len(entries):
        return row
    pixels = pixel_row(name, [entry.case for entry in entries], frames, horizons)
    return replace(row, psnr=pixels.psnr, one_step_ratio=pixels.one_step_ratio)


def pixel_row(
    name: str, cases: Sequence[Case], frames: Sequence[Clip], horizons: Sequence[int]
) -> Row:
    """Row of pixel scores alone, for clips (S+1, H, W, 3) that begin at the last start frame."""
    pairs = list(zip(frames, (case.frames for case in cases), strict=True))
    values = padded([psnr_db(a[1:], b[1:]) for a, b in pairs], max(case.steps for case in cases))
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


def _body(entries: Sequence[Entry], body: int, horizons: Sequence[int], steps: int) -> BodyScores:
    def table(name: str) -> Float:
        return padded([getattr(e.errors, name)[1:, body] for e in entries], steps)

    total, lateral, along = table("total_m"), table("lateral_m"), table("along_m")
    visible = padded([e.errors.visible[1:, body].astype(float) for e in entries], steps)
    lost = np.where(visible == 1.0, table("lost").astype(float), np.nan)
    truth = [e.case.truth.position_m[:, body] for e in entries]
    still = padded([np.linalg.norm(t[1:] - t[0], axis=-1) for t in truth], steps)
    still = np.where(still > MOVED_M, still, np.nan)
    gates = [
        passes(path_ratio(e.places_m[:, body], t, _diameter(e, body)))
        for e, t in zip(entries, truth, strict=True)
    ]
    judged = np.array([float(gate) for gate in gates if gate is not None])

    def by_step(name: str, unit: str, values: Float) -> dict[int, Score]:
        statistic = np.mean if unit == "share" else np.median
        return {h: summary(name, unit, values[:, h - 1], statistic) for h in horizons}

    curve = per_step(total, np.median)
    failures = [
        first_failure(e.errors.total_m[1:, body], TOLERANCE_DIAMETERS * _diameter(e, body))
        for e in entries
    ]
    return BodyScores(
        curve=Score("position error", curve[-1], "m", len(entries), per_step=curve),
        position=by_step("position error", "m", total),
        lateral=by_step("lateral error", "m", lateral),
        along_view=by_step("error along the view", "m", along),
        image_px={
            h: summary("error in the image", "px", table("image_px")[:, h - 1], np.mean)
            for h in horizons
        },
        lost=by_step("lost", "share", lost),
        moved_ratio={
            h: ratio("error of moved over no motion", total[:, h - 1], still[:, h - 1])
            for h in horizons
        },
        moved_found={
            h: ratio_of_means(
                "moved", np.where(lost == 0.0, total, np.nan)[:, h - 1], still[:, h - 1]
            )
            for h in horizons
        },
        valid_horizon=_horizon(failures, entries, steps),
        motion=summary("motion gate passed", "share", judged, np.mean),
    )


def _diameter(entry: Entry, body: int) -> float:
    return entry.case.reference.scene.body(entry.case.truth.bodies[body]).diameter_m


def _horizon(failures: Sequence[int | None], entries: Sequence[Entry], steps: int) -> Score:
    # Index 0 of a failure is step 1.
    at = [None if failure is None else failure + 1 for failure in failures]
    curve = survival(at, [entry.case.steps for entry in entries], steps)
    return Score(
        "valid horizon", median_step(curve), "steps", len(at), per_step=tuple(curve.tolist())
    )


def _any_body_horizon(entries: Sequence[Entry], steps: int) -> Score:
    failures = []
    for entry in entries:
        firsts = [
            first_failure(entry.errors.total_m[1:, i], TOLERANCE_DIAMETERS * _diameter(entry, i))
            for i in range(len(entry.case.truth.bodies))
        ]
        failed = [first for first in firsts if first is not None]
        failures.append(min(failed) if failed else None)
    return _horizon(failures, entries, steps)


def _beside(scores: BodyScores, floor: BodyScores) -> BodyScores:
    """Scores with the floor's value noted in each."""
    tables: dict[str, Any] = {
        name: {
            step: replace(score, floor=getattr(floor, name)[step].value)
            for step, score in getattr(scores, name).items()
        }
        for name in BY_STEP
    }
    return replace(
        scores,
        **tables,
        valid_horizon=replace(scores.valid_horizon, floor=floor.valid_horizon.value),
        motion=replace(scores.motion, floor=floor.motion.value),
    )
