"""Every check on hand-made readings: planted faults raise its alarm, what is legal does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from handmade import (
    BOX,
    ONSET,
    PUSHER,
    SPHERE,
    STEPS,
    clean,
    measured,
    shown,
    stand_still,
    vanish,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from worldsim.errors import InputError
from worldsim.eval.checks.registry import CHECKS, measure
from worldsim.eval.evidence import Evidence

AFTER = slice(ONSET, STEPS + 1)
ALL = slice(0, STEPS + 1)


def test_a_true_clip_raises_no_alarm() -> None:
    for m in measure(clean()):
        assert math.isnan(m.alarm) or m.alarm == 0.0, m
        assert m.step is None
        assert math.isnan(m.measurable) or m.measurable == 1.0, m


def test_names_differ_and_stay_whatever_is_read() -> None:
    names = [m.name for m in measure(clean())]
    assert len(set(names)) == len(names)
    empty = clean()
    for body in (PUSHER, SPHERE, BOX):
        vanish(empty.reading, body, slice(0, STEPS + 1))
    unseen = clean({PUSHER: ALL, SPHERE: ALL, BOX: ALL})
    for odd in (empty, unseen):
        assert [m.name for m in measure(odd)] == names
    assert all(math.isnan(m.alarm) or m.alarm == 0.0 for m in measure(unseen))


def test_unknown_checks_name_the_near_ones() -> None:
    with pytest.raises(InputError, match="permanence"):
        measure(clean(), ["permanance"])
    assert {m.name for m in measure(clean(), ["motion"])} == {"path ratio", "moved at rest"}
    assert measure(clean(), []) == []


def test_missing_bodies_pass_no_check() -> None:
    """A clip that shows nothing after its start is the worst everywhere."""
    evidence = clean()
    for body in (PUSHER, SPHERE, BOX):
        vanish(evidence.reading, body, slice(1, STEPS + 1))
    for name in CHECKS:
        if name != "horizon":
            worst = [m for m in measure(evidence, [name]) if not math.isnan(m.alarm)]
            assert all(m.alarm > 5.0 for m in worst), worst
    found = measured(evidence)
    assert found["bodies found"].value == 0.0 and found["bodies found"].measurable == 0.0
    assert found["valid horizon"].value == 1.0 and found["valid horizon"].alarm == 1.0


def test_a_frozen_clip_passes_no_check() -> None:
    evidence = clean()
    stand_still(evidence.reading)
    frames = np.repeat(evidence.generated.frames[:1], STEPS + 1, axis=0)
    found = measured(shown(evidence, frames=frames))
    assert found["path ratio"].value == 0.0 and found["path ratio"].alarm == math.inf
    for name in ("bodies found", "size change", "colour change", "still pixels changed"):
        assert found[name].alarm == math.inf and found[name].measurable == 0.0
    assert found["bodies found"].value == 0.0 and found["size change"].value == math.inf
    assert found["position error"].alarm > 1.0


def test_an_unreadable_clip_is_the_worst() -> None:
    evidence = replace(clean(), unreadable="no depth")
    for m in measure(evidence):
        assert math.isnan(m.alarm) or (m.alarm == math.inf and m.value == m.worst), m


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_position_jump(axis: int) -> None:
    evidence = clean()
    evidence.reading.position_m[AFTER, SPHERE, axis] += 0.05
    found = measured(evidence, "position")
    diameter_m = evidence.scene.body("sphere").diameter_m
    assert found["position error"].alarm == pytest.approx(0.05 / (0.25 * diameter_m))
    assert found["position error"].step == ONSET
    share = (STEPS + 1 - ONSET) / STEPS / 3
    assert found["position error"].value == pytest.approx(0.05 * share)
    assert found["in diameters"].value == pytest.approx(0.05 / diameter_m * share)
    parts = found["lateral error"].value, found["along the view"].value
    assert math.hypot(*parts) == pytest.approx(0.05 * share, rel=1e-2)


def test_position_is_never_aligned() -> None:
    """A world that has shifted as a whole is off."""
    evidence = clean()
    evidence.reading.position_m[:] += 0.04
    assert measured(evidence, "position")["position error"].alarm > 1.0


def test_one_odd_frame_is_no_position_fault() -> None:
    evidence = clean()
    evidence.reading.position_m[ONSET, SPHERE] += 1.0
    assert measured(evidence, "position")["position error"].alarm == 0.0
    assert measured(evidence, "horizon")["valid horizon"].alarm == 0.0


def test_what_the_simulator_may_do_is_legal() -> None:
    evidence = clean()
    evidence.reading.position_m[AFTER, SPHERE, 0] += 0.1
    wide = np.zeros(evidence.truth.visible.shape)
    wide[AFTER] = 0.2
    chaotic = replace(evidence, spread_m=wide)
    assert measured(evidence, "position")["position error"].alarm > 1.0
    assert measured(chaotic, "position")["position error"].alarm < 1.0


def test_a_smeared_clip_earns_no_wider_limit() -> None:
    evidence = clean()
    evidence.reading.position_m[AFTER, SPHERE, 0] += 0.1
    evidence.reading.covariance_m2[:] *= 1e6
    assert measured(evidence, "position")["position error"].alarm > 1.0


@settings(max_examples=20, deadline=None)
@given(st.floats(0.03, 0.5), st.floats(1.05, 3.0))
def test_position_alarm_grows_with_the_error(jump_m: float, factor: float) -> None:
    alarms = []
    for shift_m in (jump_m, jump_m * factor):
        evidence = clean()
        evidence.reading.position_m[AFTER, SPHERE, 0] += shift_m
        alarms.append(measured(evidence, "position")["position error"].alarm)
    assert alarms[1] > alarms[0] > 0.0


def test_horizon_and_its_ceiling() -> None:
    evidence = clean()
    evidence.reading.position_m[AFTER, SPHERE, 0] += 0.1
    spread = np.zeros(evidence.truth.visible.shape)
    spread[20:] = 0.3
    found = measured(replace(evidence, spread_m=spread), "horizon")
    assert found["valid horizon"].value == found["valid horizon"].step == ONSET
    assert found["valid time"].value == pytest.approx(ONSET / 10)
    assert found["share of the ceiling"].value == pytest.approx(ONSET / 20)
    perfect = measured(replace(clean(), spread_m=spread), "horizon")
    assert perfect["valid horizon"].value == math.inf
    assert perfect["share of the ceiling"].value == pytest.approx(STEPS / 20)
    assert math.isnan(measured(clean(), "horizon")["share of the ceiling"].value)


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_motion_gate(factor: float) -> None:
    evidence = clean()
    path = evidence.reading.position_m[:, SPHERE]
    path[:] = path[0] + factor * (path - path[0])
    found = measured(evidence, "motion")
    assert found["path ratio"].value == pytest.approx(factor, rel=0.1)
    assert found["path ratio"].alarm > math.log(2.0)
    assert found["moved at rest"].alarm == 0.0


def test_what_rests_must_rest() -> None:
    evidence = clean()
    evidence.reading.position_m[:, BOX, 0] += np.linspace(0.0, 0.2, STEPS + 1)
    found = measured(evidence, "motion")
    assert found["moved at rest"].alarm > 1.0 and found["path ratio"].alarm == 0.0


def test_lost_bodies_are_counted_and_hidden_ones_are_not() -> None:
    evidence = clean()
    vanish(evidence.reading, SPHERE, AFTER)
    found = measured(evidence, "permanence")["bodies found"]
    frames = STEPS + 1 - ONSET
    assert (found.alarm, found.step) == (frames, ONSET)
    assert found.value == pytest.approx(1.0 - frames / (3 * STEPS))
    evidence.reading.hidden[AFTER, SPHERE] = True
    assert measured(evidence, "permanence")["bodies found"].alarm == 0.0
    assert measured(evidence, "permanence")["bodies found"].value == found.value


def test_what_the_reading_never_finds_is_not_lost_but_not_measurable() -> None:
    evidence = clean()
    for reading in (evidence.reading, evidence.floor):
        vanish(reading, SPHERE, ALL)
    found = measured(evidence, "permanence")["bodies found"]
    assert found.alarm == 0.0 and found.measurable == pytest.approx(2 / 3)


def test_swapped_identities() -> None:
    evidence = clean()
    places = evidence.reading.position_m
    places[AFTER, [SPHERE, BOX]] = places[AFTER, [BOX, SPHERE]]
    found = measured(evidence, "permanence")["identity kept"]
    assert found.alarm == 2 * (STEPS + 1 - ONSET) and found.step == ONSET
    assert measured(evidence, "permanence")["bodies found"].alarm == 0.0


def test_duplicates() -> None:
    evidence = clean()
    evidence.reading.extra[AFTER, SPHERE] = 1
    found = measured(evidence, "permanence")["duplicates"]
    assert found.alarm == STEPS + 1 - ONSET and 0.0 < found.value < 1.0
    evidence.floor.extra[AFTER, SPHERE] = 1
    assert measured(evidence, "permanence")["duplicates"].alarm == 0.0


@pytest.mark.parametrize(("back", "late"), [(14, 0), (17, 3), (12, -2)])
def test_re_emergence(back: int, late: int) -> None:
    evidence = clean({SPHERE: slice(8, 14)})
    if late < 0:
        evidence.reading.position_m[back:14, SPHERE] = 0.0
        evidence.reading.found[back:14, SPHERE] = True
    else:
        vanish(evidence.reading, SPHERE, slice(8, back))
        evidence.reading.hidden[8:back, SPHERE] = True
    found = measured(evidence, "permanence")
    assert found["re-emerged"].value == 1.0
    assert found["lateness"].alarm == abs(late)
    assert found["re-emerged"].alarm == abs(late)
    if late >= 0:
        assert found["place"].value == 0.0


def test_what_never_comes_back_is_missed() -> None:
    evidence = clean({SPHERE: slice(8, 14)})
    vanish(evidence.reading, SPHERE, slice(8, STEPS + 1))
    evidence.reading.hidden[8:, SPHERE] = True
    found = measured(evidence, "permanence")
    assert found["re-emerged"].value == 0.0
    assert found["re-emerged"].alarm == STEPS + 1 - 14
    assert found["place"].value > 0.5 and found["place"].alarm > 5.0


def test_coming_back_elsewhere() -> None:
    evidence = clean({SPHERE: slice(8, 14)})
    evidence.reading.position_m[14:, SPHERE, 1] += 0.1
    found = measured(evidence, "permanence")
    assert found["re-emerged"].alarm == 0.0
    assert found["place"].value == pytest.approx(0.1)


@pytest.mark.parametrize("factor", [0.9, 1.1, 1.2])
def test_size_change(factor: float) -> None:
    evidence = clean()
    evidence.reading.scale[AFTER, SPHERE] *= factor
    found = measured(evidence, "appearance")
    assert found["size change"].alarm == pytest.approx(abs(math.log(factor)))
    assert found["shape change"].alarm == found["colour change"].alarm == 0.0


def test_shape_change() -> None:
    evidence = clean()
    evidence.reading.overlap[AFTER, BOX] = 0.7
    assert measured(evidence, "appearance")["shape change"].alarm == pytest.approx(0.25)


def test_colour_swap_alarms() -> None:
    evidence = clean()
    evidence.reading.color_ratio[AFTER, SPHERE] = (0.4, 1.0, 2.5)
    assert measured(evidence, "appearance")["colour change"].alarm == pytest.approx(math.log(2.5))


def test_another_look_does_not() -> None:
    """Other colours, the same in every frame, are legal; so is what the whole picture does."""
    evidence = clean()
    evidence.reading.color_ratio[:] = (0.8, 1.1, 1.3)
    tint = np.array([0.8, 1.1, 1.3])
    frames = np.clip(evidence.generated.frames * tint, 0, 255).astype(np.uint8)
    found = measured(shown(evidence, frames=frames))
    for name in ("colour change", "still pixels changed", "new objects"):
        assert found[name].alarm == pytest.approx(0.0, abs=1e-6)


def test_an_exposure_that_drifts_is_no_change_of_colour() -> None:
    evidence = clean()
    gain = np.linspace(1.0, 0.7, STEPS + 1)
    frames = (evidence.generated.frames * gain[:, None, None, None]).astype(np.uint8)
    evidence.reading.color_ratio[:] *= gain[:, None, None]
    found = measured(shown(evidence, frames=frames))
    assert found["colour change"].alarm < 0.1
    assert found["still pixels changed"].alarm == 0.0


@pytest.mark.parametrize("body", [PUSHER, BOX])
def test_a_body_without_a_size_is_missing(body: int) -> None:
    evidence = clean()
    evidence.reading.scale[1:, body] = np.nan
    assert measured(evidence, "appearance")["size change"].alarm == math.inf


def painted(evidence: Evidence, rgb: tuple[int, int, int]) -> Evidence:
    frames = evidence.generated.frames.copy()
    frames[AFTER, 40:46, 40:46] = rgb
    return shown(evidence, frames=frames)


def sunk(evidence: Evidence) -> Evidence:
    depth_m = evidence.generated.depth_m.copy()
    depth_m[AFTER] *= 1.1
    return shown(evidence, depth_m=depth_m)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (lambda e: painted(e, (20, 60, 200)), "new objects"),
        (lambda e: painted(e, (20, 60, 200)), "still pixels changed"),
        (sunk, "depth drift"),
    ],
)
def test_static_world_must_stay(fault: Callable[[Evidence], Evidence], name: str) -> None:
    found = measured(fault(clean()), "static")
    assert found[name].alarm > 0.005 and found[name].value > 0.0


def test_what_a_body_has_covered_must_come_out_as_it_was() -> None:
    evidence = clean()
    segmentation = evidence.reference.segmentation
    assert segmentation is not None
    assert (segmentation[8:14, 33, 23] == SPHERE + 1).any()  # it passes here, and has left then
    frames = evidence.generated.frames.copy()
    frames[20:, 30:36, 21:27] = (20, 60, 200)
    assert measured(shown(evidence, frames=frames), "static")["new objects"].alarm > 0.5


def test_shadows_are_legal() -> None:
    found = measured(painted(clean(), (90, 75, 60)), "static")
    assert all(m.alarm == 0.0 for m in found.values())


def test_noise_and_a_body_elsewhere_are_legal_in_the_static_world() -> None:
    rng = np.random.default_rng(0)
    evidence = painted(clean(), (20, 60, 200))
    evidence.reading.segmentation[AFTER, 40:46, 40:46] = SPHERE + 1
    noisy = evidence.generated.frames + rng.normal(0.0, 4.0, evidence.generated.frames.shape)
    found = measured(shown(evidence, frames=np.clip(noisy, 0, 255).astype(np.uint8)), "static")
    assert all(m.alarm == 0.0 for m in found.values())


def test_places_alone_have_no_pictures_to_judge() -> None:
    evidence = replace(clean(), pictured=False)
    for m in measure(evidence, ["appearance", "static"]):
        assert math.isnan(m.value) and math.isnan(m.alarm)
