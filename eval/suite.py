"""evaluate(): generated episodes against their references, beside the floor and the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError

from .baselines import Library, constant_velocity, frozen_frame
from .case import Case
from .limits import check_limits
from .rows import Entry, pixel_row, score_row
from .score import Report, Verdict
from .violations import violations

Float = NDArray[np.float64]
Episodes = Episode | Sequence[Episode]
Baseline = Sequence[Episode | Float]

HORIZONS = (1, 8, 16, 32, 48, 64)


def evaluate(
    generated: Episodes,
    reference: Episodes,
    *,
    start_frames: int = 1,
    training: Iterable[Episode] | Library | None = None,
    shuffled: Episodes | None = None,
    baselines: Mapping[str, Baseline] | None = None,
    horizons: Sequence[int] = HORIZONS,
) -> Report:
    """Judge generated episodes against the simulator's of the same starts and actions.

    The first `start_frames` frames were given to the model and are not scored; step k is the k-th
    frame after them. `training` (a Dataset, episodes or a Library) adds the nearest training clip
    and the mean frame, `shuffled` the model's episodes under other actions, `baselines` anything
    else: episodes, or places in metres (T+1, N, 3) of all bodies, NaN where a body is missing.

    Raises InputError where generated and reference episodes do not pair up.
    """
    episodes, references = _episodes(generated), _episodes(reference)
    _check_pairs("generated", episodes, references)
    cases = [Case.of(episode, start_frames) for episode in references]
    _check_scenes(cases)
    steps = max(case.steps for case in cases)
    horizons = tuple(h for h in sorted(set(horizons)) if 1 <= h <= steps)
    if not horizons:
        raise InputError(f"no horizon lies within the {steps} steps of the reference")
    library = training if isinstance(training, Library | None) else Library.of(training)
    entries = _rows(cases, episodes, library, shuffled, baselines or {})
    floor_entries = [Entry.of(case, case.read_m, case.frames) for case in cases]
    floor = score_row("floor", floor_entries, horizons)
    rows = {name: score_row(name, row, horizons, floor) for name, row in entries.items()}
    rows = {"model": rows.pop("model"), "floor": floor, **rows}
    if library is not None:
        means = [library.repeated(case) for case in cases]
        rows["mean frame"] = pixel_row("mean frame", cases, means, horizons)
    scene, diameter_m = cases[0].reference.scene, _diameters(cases)
    return Report(
        scenario=scene.scenario,
        source=episodes[0].source,
        episodes=len(cases),
        start_frames=start_frames,
        steps=steps,
        frame_rate_hz=scene.frame_rate_hz,
        horizons=horizons,
        diameter_m=diameter_m,
        rows=rows,
        verdicts=_verdicts(entries["model"]),
        floor_verdicts=_verdicts(floor_entries),
        checks=check_limits(rows, diameter_m, len(cases)),
    )


def _rows(
    cases: Sequence[Case],
    generated: Sequence[Episode],
    library: Library | None,
    shuffled: Episodes | None,
    baselines: Mapping[str, Baseline],
) -> dict[str, list[Entry]]:
    """Entries of the model and of every baseline there is."""
    rows = {
        "model": _read(cases, generated),
        "frozen frame": [
            Entry.of(case, frozen_frame(case), np.repeat(case.frames[:1], case.steps + 1, axis=0))
            for case in cases
        ],
        "constant velocity": [Entry.of(case, constant_velocity(case)) for case in cases],
    }
    if library is not None:
        rows["nearest training clip"] = [
            Entry.of(case, library.nearest_clip(case)) for case in cases
        ]
    if shuffled is not None:
        others = _episodes(shuffled)
        _check_pairs("shuffled", others, cases)
        rows["shuffled actions"] = _read(cases, others)
    for name, baseline in baselines.items():
        if name in (*rows, "floor", "mean frame"):
            raise InputError(f"baseline {name!r} has the name of a row of every report; rename it")
        _check_pairs(name, baseline, cases)
        rows[name] = [
            _read([case], [item])[0] if isinstance(item, Episode) else _placed(name, case, item)
            for case, item in zip(cases, baseline, strict=True)
        ]
    return rows


def _read(cases: Sequence[Case], episodes: Sequence[Episode]) -> list[Entry]:
    entries = []
    for case, episode in zip(cases, episodes, strict=True):
        cut = case.cut(episode)
        entries.append(Entry.of(case, case.read(cut), cut.frames))
    return entries


def _placed(name: str, case: Case, position_m: Float) -> Entry:
    shape = (case.reference.steps + 1, len(case.reference.scene.bodies), 3)
    if np.shape(position_m) != shape:
        raise InputError(f"baseline {name!r} holds places {np.shape(position_m)}, needs {shape}")
    return Entry.of(case, position_m[case.start :, list(case.reference.scene.moving)])


def _verdicts(entries: Sequence[Entry]) -> tuple[Verdict, ...]:
    return tuple(
        Verdict(i, e.case.reference.scene.seed, violations(e.case, e.places_m, e.errors))
        for i, e in enumerate(entries)
    )


def _episodes(episodes: Episodes) -> Sequence[Episode]:
    return [episodes] if isinstance(episodes, Episode) else episodes


def _check_pairs(name: str, given: Sequence[object], reference: Sequence[object]) -> None:
    if not len(reference):
        raise InputError("there are no reference episodes to judge by")
    if len(given) != len(reference):
        raise InputError(
            f"{len(given)} {name} and {len(reference)} reference episodes; give one for each"
        )


def _check_scenes(cases: Sequence[Case]) -> None:
    names = {case.truth.bodies for case in cases}
    if len(names) > 1:
        raise InputError("episodes of one report must show the same bodies; evaluate them apart")


def _diameters(cases: Sequence[Case]) -> dict[str, float]:
    """Mean diameter of every moving body in metres."""
    return {
        name: float(np.mean([case.reference.scene.body(name).diameter_m for case in cases]))
        for name in cases[0].truth.bodies
    }
