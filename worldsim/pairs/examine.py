"""One start of an examination: its clips made, read and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.ceiling import reruns
from worldsim.data.dataset import Dataset
from worldsim.dreams import Dreamer
from worldsim.episode import Episode
from worldsim.eval.actions.locality import Locality, Rest, locality, rest
from worldsim.eval.actions.pair import Pair
from worldsim.eval.actions.response import Dose, Response, dose_response, response
from worldsim.eval.actions.spread import Spread, spread
from worldsim.eval.case import Case
from worldsim.eval.chaos import reading_error_m
from worldsim.eval.evidence import Evidence
from worldsim.eval.laws.tracks import track
from worldsim.eval.reading.episodes import Reader, key, read_episode
from worldsim.eval.reading.reading import Reading
from worldsim.pairs.plan import DOSED, NULL, ONE, ONSET, OTHER, Plan, actions_of
from worldsim.pairs.worlds import check_replay, futures, simulated
from worldsim.sim.scenarios import find_scenario

Float = NDArray[np.float64]

MODEL, SIMULATOR, SECOND_RUN = "model", "simulator", "second run"
BLIND, SWAPPED = "action-blind", "swapped"
ROWS = (MODEL, SIMULATOR, SECOND_RUN, BLIND, SWAPPED)
LEAST_RUNS = 16


@dataclass(frozen=True)
class Found:
    """What one start shows, by row.

    `simulator` is its own pictures read; `second run` places of the simulator again, its start off
    by the reading's error; `action-blind` one clip for all actions; `swapped` each clip for the
    other. For the spread the simulator's draws are further runs, not read. `still` says that all
    draws of the model are one. `unreadable` lists what could not be read, and why.
    """

    episode: int
    response: dict[str, Response]
    dose: dict[str, Dose]
    locality: dict[str, Locality]
    rest: dict[str, Rest]
    spread: dict[str, Spread]
    still: bool
    unreadable: tuple[str, ...]


def examine(plan: Plan, number: int) -> Found:
    """Examine start `number` of a plan. Raises InputError where it cannot be simulated again."""
    find_scenario(str(Dataset(plan.data).meta["scenario"]))  # "module:name" registers it
    recorded, actions = actions_of(plan, number)
    references = simulated(recorded, actions)
    check_replay(recorded, references[ONE])
    dreamer = Dreamer(plan.model, plan.start_frames, plan.passes)
    dreams = {label: dreamer(references[ONE], acted, plan.seed) for label, acted in actions.items()}
    reader = _remembering()
    with reruns() as rerun:
        cases = {
            label: Case.of(one, plan.start_frames, rerun if label != NULL else None, reader)
            for label, one in references.items()
        }
    rows = _rows(cases, references, dreams)
    unreadable = {of.unreadable for of in rows[MODEL].values() if of.unreadable}
    spreads, still = _spreads(plan, number, cases[ONE], dreamer)
    return Found(
        plan.episodes()[number],
        {name: response(_pair(row, OTHER)) for name, row in rows.items()},
        {name: _dose(row) for name, row in rows.items() if DOSED[0] in row},
        {name: locality(_pair(row, OTHER)) for name, row in rows.items()},
        {name: rest(row[NULL]) for name, row in rows.items() if NULL in row},
        spreads,
        still,
        tuple(sorted(unreadable)),
    )


def _rows(
    cases: Mapping[str, Case], references: Mapping[str, Episode], dreams: Mapping[str, Episode]
) -> dict[str, dict[str, Evidence]]:
    """Evidence by row and label."""
    second = {
        label: case.placed(case.runs_m[0])
        for label, case in cases.items()
        if case.runs_m is not None
    }
    exchanged = {ONE: OTHER, OTHER: ONE}
    rows = {
        MODEL: {label: case.evidence(dreams[label]) for label, case in cases.items()},
        SIMULATOR: {label: case.floor_evidence() for label, case in cases.items()},
        BLIND: {
            label: case.evidence(references[ONE]) for label, case in cases.items() if label != NULL
        },
        SWAPPED: {
            label: cases[label].evidence(references[other]) for label, other in exchanged.items()
        },
    }
    return rows | ({SECOND_RUN: second} if ONE in second and OTHER in second else {})


def _pair(row: Mapping[str, Evidence], label: str) -> Pair:
    return Pair(row[ONE], row[label], ONSET)


def _dose(row: Mapping[str, Evidence]) -> Dose:
    return dose_response([response(_pair(row, label)) for label in DOSED if label in row])


def _spreads(
    plan: Plan, number: int, case: Case, dreamer: Dreamer
) -> tuple[dict[str, Spread], bool]:
    """Spread of the model and of the simulator itself, and whether all draws are one."""
    start, bodies = case.start, case.truth.indices
    sigma_m = reading_error_m(case.read_m, case.truth)
    runs, draws = max(LEAST_RUNS, plan.draws), plan.draws
    rng = np.random.default_rng([plan.seed, number, 1])
    both = futures(case.reference, start, runs + draws, sigma_m, rng)[:, 1:][:, :, bodies]
    evidence = case.floor_evidence()
    read_m = np.stack([track(evidence, case.floor, i).sigma_m[1:] for i in bodies], axis=1)
    seen = case.truth.visible[1:]
    drawn, still = _draws(plan, case, dreamer)
    return {
        MODEL: spread(drawn, both[:runs], read_m, seen),
        SIMULATOR: spread(both[runs:], both[:runs], read_m, seen),
    }, still


def _draws(plan: Plan, case: Case, dreamer: Dreamer) -> tuple[Float, bool]:
    """Places (K, S, M, 3) of the model's draws as read; two that are alike stand for all."""
    reference, places = case.reference, []
    first: Episode | None = None
    for seed in range(plan.draws):
        clip = dreamer(reference, reference.actions, plan.seed + seed)
        places.append(case.evidence(clip).places_m[1:])
        if first is not None and seed == 1 and np.array_equal(clip.frames, first.frames):
            return np.stack([places[0]] * plan.draws), True
        first = first or clip
    return np.stack(places), False


def _remembering() -> Reader:
    """Reads each clip once."""
    known: dict[str, Reading] = {}

    def reader(episode: Episode, reference: Episode) -> Reading:
        name = key(episode, reference.scene)
        if name not in known:
            known[name] = read_episode(episode, reference)
        return known[name]

    return reader
