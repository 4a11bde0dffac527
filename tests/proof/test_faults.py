"""What holds for every kind of fault: true before its onset, wrong after it, and drawn alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from worldsim.errors import InputError
from worldsim.proof.clips.truths import SCENARIOS, Truths, number_of
from worldsim.proof.controls import CONTROLS, Control
from worldsim.proof.faults import FAULTS, Fault, Sight, find_fault, planted
from worldsim.proof.faults.fault import changed_px
from worldsim.proof.plan import Plan, magnitude_of, place_of, plan
from worldsim.sim.simulator import Simulator

Plans = Callable[..., Plan]
KINDS = list(FAULTS)


@pytest.mark.parametrize("kind", KINDS)
def test_true_until_the_onset_and_wrong_after_it(plans: Plans, kind: str) -> None:
    made = plans(kind)  # clip 0: the grossest magnitude, in the first of the kind's scenarios
    truth, faulty, onset = made.truth, made.faulty, made.cue.onset
    assert np.array_equal(faulty.frames[: onset + 1], truth.frames[: onset + 1])
    assert np.array_equal(faulty.depth_m[: onset + 1], truth.depth_m[: onset + 1])
    assert changed_px(truth, faulty)[onset + 1 :].max() >= 12
    assert faulty.states is None and faulty.contacts is None and faulty.source == "planted"
    assert faulty.scene is truth.scene and faulty.actions is truth.actions


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_world_without_the_fault_is_the_truth(
    plans: Plans, simulator: Simulator, kind: str
) -> None:
    made = plans(kind)
    again = planted(lambda run, cue, magnitude: None, made.truth, made.cue, 0.0, simulator)
    assert np.array_equal(again.frames, made.truth.frames)
    assert np.array_equal(again.depth_m, made.truth.depth_m)


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_happens_to_is_in_view(plans: Plans, kind: str) -> None:
    made, fault = plans(kind), FAULTS[kind]
    sight, cue = Sight(made.truth), made.cue
    if cue.body and kind != "vanish-hidden":
        assert sight.in_view(sight.scene.index(cue.body), cue.onset)
    assert made.truth.scene.scenario == fault.scenarios[0]


def test_a_clip_is_a_function_of_its_kind_part_and_number(
    truths: Truths, simulator: Simulator, plans: Plans
) -> None:
    fault, first = FAULTS["teleport"], plans("teleport")
    again = plan(fault, "faulty", 0, Truths(truths.seed), simulator)
    assert again.number == first.number and again.cue == first.cue
    assert np.array_equal(again.faulty.frames, first.faulty.frames)
    clean = plan(fault, "clean", 0, truths, simulator)
    assert clean.number != first.number
    assert not np.array_equal(clean.truth.frames[0], first.truth.frames[0])


def test_seeds_of_all_parts_are_disjoint() -> None:
    parts = ["faulty", "clean", "calibration", "stress"]
    numbers = {
        number_of(scenario, part, clip, attempt)
        for part in parts
        for scenario in SCENARIOS
        for clip in (0, 1, 199)
        for attempt in (0, 127)
    }
    assert len(numbers) == len(parts) * len(SCENARIOS) * 3 * 2


@pytest.mark.parametrize("kind", KINDS)
def test_magnitudes_grow_and_scenarios_take_turns_at_each(kind: str) -> None:
    fault = FAULTS[kind]
    assert list(fault.magnitudes) == sorted(set(fault.magnitudes)) and len(fault.magnitudes) == 5
    clips = range(5 * len(fault.scenarios))
    met = {(magnitude_of(fault.magnitudes, i), place_of(fault, i)[0]) for i in clips}
    assert len(met) == len(clips)


@pytest.mark.parametrize("kind", [*FAULTS.values(), *CONTROLS.values()], ids=lambda kind: kind.name)
def test_no_two_clips_of_a_kind_are_of_one_place(kind: Fault | Control) -> None:
    places = [place_of(kind, clip) for clip in range(200)]
    assert len(set(places)) == 200
    for scenario in kind.scenarios:
        numbers = [number for name, number in places if name == scenario]
        assert numbers == list(range(len(numbers)))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="telepor"):
        find_fault("telepor")
