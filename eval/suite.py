"""evaluate(): generated episodes against their references, beside the floor and the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.data.workers import Each
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.checks.position import judged
from worldsim.eval.checks.registry import chosen, measure_by_check
from worldsim.eval.reading.episodes import Reader, read_episode
from worldsim.eval.verdicts.lines import read_limits
from worldsim.eval.verdicts.rulings import rulings

from .baselines import Library, constant_velocity
from .case import Case
from .chaos import Rerun
from .clips import clip_of
from .evidence import Evidence
from .limits import check_limits
from .rows import MeasuredClip, pixel_row, score_row
from .score import Report, Row, Unreadable, Verdict
from .violations import violations

Float = NDArray[np.float64]
Episodes = Episode | Sequence[Episode]
Baseline = Sequence[Episode | Float]

HORIZONS = (1, 8, 16, 32, 48, 64)
SECOND_RUN = "second simulator run"
"""The simulator again, from starts that differ by the reading's error."""
OWN_ROWS = ("floor", "mean frame")
RULED = ("model", "floor")
"""Rows of which a report says what law they keep."""


@dataclass(frozen=True)
class _Measuring:
    """Measures all rows of one case, one after the other: what they share is computed once."""

    checks: tuple[str, ...]

    def __call__(self, rows: Sequence[Evidence]) -> list[MeasuredClip]:
        return [measure_by_check(row, self.checks) for row in rows]


def evaluate(
    generated: Episodes,
    reference: Episodes,
    *,
    start_frames: int = 1,
    training: Iterable[Episode] | Library | None = None,
    shuffled: Episodes | None = None,
    baselines: Mapping[str, Baseline] | None = None,
    horizons: Sequence[int] = HORIZONS,
    checks: Iterable[str] | None = None,
    rerun: Rerun | None = None,
    reader: Reader = read_episode,
    each: Each = map,
) -> Report:
    """Judge generated episodes against the simulator's of the same starts and actions.

    The first `start_frames` frames were given to the model and are not scored; step k is the k-th
    frame after them. `training` (a Dataset, episodes or a Library) adds the nearest training clip
    and the mean frame, `shuffled` the model's episodes under other actions, `baselines` anything
    else: episodes, or places in metres (T+1, N, 3) of all bodies, NaN where a body is missing.
    `checks` names those to make, all where it is None. `rerun` (worldsim.ceiling has one) adds a
    second run of the simulator and the chaos ceiling. `reader` reads the episodes, `each`
    measures them (worldsim.data.workers has one over processes).

    Bodies are grouped by name: episodes need not show the same ones. An episode that cannot be
    read is reported as unreadable and counts as the worst.

    Raises InputError where generated and reference episodes do not pair up, where no episode of a
    row can be read, and on unknown checks.
    """
    names = chosen(checks)
    episodes, references = _episodes(generated), _episodes(reference)
    _check_pairs("generated", episodes, references)
    _check_scenes(references)
    cases = [Case.of(episode, start_frames, rerun, reader) for episode in references]
    steps = max(case.steps for case in cases)
    horizons = _horizons(horizons, steps)
    library = training if isinstance(training, Library | None) else Library.of(training)
    entries = _rows(cases, episodes, library, shuffled, baselines or {})
    floor_entries = [case.floor_evidence() for case in cases]
    everything = {"floor": floor_entries, **entries}
    measured = each(_Measuring(names), zip(*everything.values(), strict=True))
    measured = tqdm(measured, "measuring", len(cases), unit="clip", disable=None)
    clips = dict(zip(everything, zip(*measured, strict=True), strict=True))
    rows = _scored(entries, floor_entries, clips, horizons)
    if library is not None:
        rows["mean frame"] = _mean_frame(library, cases, horizons)
    scene, diameter_m = cases[0].reference.scene, _diameters(cases)
    lines = read_limits(width_px=scene.camera.width_px).get(scene.scenario)
    splits = [episode.scene.split for episode in references]
    return Report(
        scenario=scene.scenario,
        source=_source(episodes),
        episodes=len(cases),
        start_frames=start_frames,
        steps=steps,
        frame_rate_hz=scene.frame_rate_hz,
        horizons=horizons,
        diameter_m=diameter_m,
        rows=rows,
        verdicts=_verdicts(entries["model"]),
        floor_verdicts=_verdicts(floor_entries),
        checks=names,
        unreadable=tuple(_unreadable(entries)),
        clips=tuple(
            clip_of(i, *entry, lines)
            for i, entry in enumerate(
                zip(entries["model"], floor_entries, clips["model"], strict=True)
            )
        ),
        limits=check_limits(rows, diameter_m, len(cases)),
        rulings={
            name: rulings(list(zip(splits, clips[name], strict=True)), lines, names)
            for name in RULED
        },
    )


def _scored(
    entries: Mapping[str, Sequence[Evidence]],
    floor_entries: Sequence[Evidence],
    clips: Mapping[str, Sequence[MeasuredClip]],
    horizons: Sequence[int],
) -> dict[str, Row]:
    """Model, floor, then the baselines, each beside the model's lead over it."""
    floor = score_row("floor", floor_entries, horizons, clips["floor"])
    rows = {
        name: score_row(
            name, row, horizons, clips[name], floor, () if name == "model" else entries["model"]
        )
        for name, row in entries.items()
    }
    return {"model": rows.pop("model"), "floor": floor, **rows}


def _mean_frame(library: Library, cases: Sequence[Case], horizons: Sequence[int]) -> Row:
    means = [library.repeated(case) for case in cases]
    return pixel_row("mean frame", [case.frames for case in cases], means, horizons)


def _horizons(wanted: Sequence[int], steps: int) -> tuple[int, ...]:
    horizons = tuple(h for h in sorted(set(wanted)) if 1 <= h <= steps)
    if not horizons:
        raise InputError(f"no horizon lies within the {steps} steps of the reference")
    return horizons


def _rows(
    cases: Sequence[Case],
    generated: Sequence[Episode],
    library: Library | None,
    shuffled: Episodes | None,
    baselines: Mapping[str, Baseline],
) -> dict[str, list[Evidence]]:
    """Evidence of the model and of every baseline there is."""
    rows = {
        "model": _read(cases, generated),
        "frozen frame": [case.frozen() for case in cases],
        "constant velocity": [case.placed(constant_velocity(case)) for case in cases],
    }
    if library is not None:
        nearest = [case.placed(library.nearest_clip(case)) for case in cases]
        rows["nearest training clip"] = nearest
    if shuffled is not None:
        others = _episodes(shuffled)
        _check_pairs("shuffled", others, cases)
        rows["shuffled actions"] = _read(cases, others)
    second = [case.placed(case.runs_m[0]) for case in cases if case.runs_m is not None]
    if second:
        rows[SECOND_RUN] = second
    for name, baseline in baselines.items():
        if name in (*rows, *OWN_ROWS):
            raise InputError(f"baseline {name!r} has the name of a row of every report; rename it")
        _check_pairs(name, baseline, cases)
        rows[name] = [
            _read([case], [item])[0] if isinstance(item, Episode) else _placed(name, case, item)
            for case, item in zip(cases, baseline, strict=True)
        ]
    return rows


def _read(cases: Sequence[Case], episodes: Sequence[Episode]) -> list[Evidence]:
    """Every episode as evidence. Raises InputError where none of them can be read."""
    found = [case.evidence(episode) for case, episode in zip(cases, episodes, strict=True)]
    if all(evidence.unreadable for evidence in found):
        raise InputError(found[0].unreadable)
    return found


def _placed(name: str, case: Case, position_m: Float) -> Evidence:
    shape = (case.reference.steps + 1, len(case.reference.scene.bodies), 3)
    if np.shape(position_m) != shape:
        raise InputError(f"baseline {name!r} holds places {np.shape(position_m)}, needs {shape}")
    return case.placed(position_m[case.start :, judged(case.reference.scene)])


def _verdicts(entries: Sequence[Evidence]) -> tuple[Verdict, ...]:
    return tuple(Verdict(i, e.scene.seed, violations(e)) for i, e in enumerate(entries))


def _unreadable(rows: Mapping[str, Sequence[Evidence]]) -> Iterable[Unreadable]:
    for name, entries in rows.items():
        for index, entry in enumerate(entries):
            if entry.unreadable:
                yield Unreadable(name, index, entry.unreadable)


def _episodes(episodes: Episodes) -> Sequence[Episode]:
    return [episodes] if isinstance(episodes, Episode) else episodes


def _source(episodes: Sequence[Episode]) -> str:
    """What a report's title calls them."""
    sources = {episode.source for episode in episodes}
    return sources.pop() if len(sources) == 1 else f"{len(sources)} clips"


def _check_pairs(name: str, given: Sequence[object], reference: Sequence[object]) -> None:
    if not len(reference):
        raise InputError("there are no reference episodes to judge by")
    if len(given) != len(reference):
        raise InputError(
            f"{len(given)} {name} and {len(reference)} reference episodes; give one for each"
        )


def _check_scenes(references: Sequence[Episode]) -> None:
    kinds = {(e.scene.scenario, e.scene.frame_rate_hz) for e in references}
    if len(kinds) > 1:
        said = ", ".join(f"{scenario} at {rate} Hz" for scenario, rate in sorted(kinds))
        raise InputError(f"episodes of one report must be of one scenario and rate, not {said}")


def _diameters(cases: Sequence[Case]) -> dict[str, float]:
    """Mean diameter of every moving body in metres, over the episodes that show it."""
    sizes: dict[str, list[float]] = {}
    for case in cases:
        for name, diameter_m in zip(case.truth.bodies, case.truth.diameter_m, strict=True):
            sizes.setdefault(name, []).append(float(diameter_m))
    return {name: float(np.mean(values)) for name, values in sizes.items()}
