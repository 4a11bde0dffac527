"""Solidity and support: what stands in another body, passes through it, or hangs in the air."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.eval.handmade import BOX, ONSET, PUSHER, SCENE, SPHERE, clean, copied, measured, vanish
from worldsim.eval.case import Case
from worldsim.eval.evidence import Evidence
from worldsim.eval.laws.gaps import inside_m
from worldsim.eval.reading.reading import Reading
from worldsim.proof.clips.truths import Truths, number_of
from worldsim.proof.faults import FAULTS
from worldsim.proof.plan import plan
from worldsim.sim.meshes.library import primitive
from worldsim.sim.scene import Body
from worldsim.sim.simulator import Simulator

RADIUS_M = SCENE.bodies[SPHERE].size_m[0]
UP = np.array([0.0, 0.0, 1.0])


@cache
def true_clip() -> Evidence:
    """Pusher and sphere stop before they would run into the wall."""
    evidence = clean()
    for reading in (evidence.reading, evidence.floor):
        reading.position_m[:, [PUSHER, SPHERE], 0] = np.minimum(
            reading.position_m[:, [PUSHER, SPHERE], 0], 0.15
        )
    return evidence


def edited() -> tuple[Evidence, Reading]:
    """A true clip, and its reading to be edited in place."""
    evidence = true_clip()
    reading = copied(evidence.reading)
    return replace(evidence, reading=reading), reading


def test_a_clip_equal_to_its_reference_raises_no_alarm() -> None:
    found = measured(clean(), "solidity", "support")
    assert found["interpenetration"].alarm == found["tunnelling"].alarm == 0.0
    assert found["floating"].alarm == found["settling"].alarm == 0.0


@given(st.floats(0.2, 0.9))
@settings(max_examples=4, deadline=None)
def test_depth_of_a_ball_in_a_pusher(share: float) -> None:
    evidence, reading = edited()
    deep_m, frames = share * RADIUS_M, slice(ONSET, ONSET + 6)
    reading.position_m[frames, SPHERE, :2] = reading.position_m[frames, PUSHER, :2]
    reading.position_m[frames, SPHERE, 0] += SCENE.bodies[PUSHER].size_m[0] + RADIUS_M - deep_m
    found = measured(evidence, "solidity")["interpenetration"]
    assert found.value == pytest.approx(deep_m, abs=1e-3)
    assert found.alarm > 1.0 or share < 0.4
    assert found.alarm < 1.0 or found.step == ONSET


def test_a_ball_that_comes_out_on_the_other_side_has_passed_through() -> None:
    evidence, reading = edited()
    reading.position_m[:, SPHERE] = reading.position_m[:, BOX]
    reading.position_m[:ONSET, SPHERE, 0] -= 0.1
    reading.position_m[ONSET:, SPHERE, 0] += 0.1
    found = measured(evidence, "solidity")
    assert found["tunnelling"].value == 1.0
    assert found["tunnelling"].step == ONSET


def test_a_ball_that_was_lost_between_may_have_gone_round() -> None:
    evidence, reading = edited()
    reading.position_m[:, SPHERE] = reading.position_m[:, BOX]
    reading.position_m[:ONSET, SPHERE, 0] -= 0.1
    reading.position_m[ONSET:, SPHERE, 0] += 0.1
    vanish(reading, SPHERE, slice(ONSET - 1, ONSET + 1))
    assert measured(evidence, "solidity")["tunnelling"].value == 0.0


def test_a_ball_that_bounces_off_has_not_passed() -> None:
    evidence, reading = edited()
    reading.position_m[:, SPHERE] = reading.position_m[:, BOX]
    away = 0.12 + 0.02 * np.abs(np.arange(len(reading.position_m)) - ONSET)
    reading.position_m[:, SPHERE, 0] -= away
    assert measured(evidence, "solidity")["tunnelling"].value == 0.0


def test_the_hole_of_a_mesh_is_not_in_it() -> None:
    mesh = primitive("torus")
    size_m = tuple(0.4 * edge for edge in mesh.extents)
    ring = Body("ring", "mesh", size_m, (1.0, 0.0, 0.0), (0.0, 0.0, 0.0), mesh=mesh)
    assert inside_m(ring, np.zeros(3)) < -0.02
    pieces = 0.4 * np.array([np.mean(piece, axis=0) for piece in mesh.pieces])
    assert (inside_m(ring, pieces) > 0.005).all()


def test_a_ball_that_hangs_floats_from_then_on() -> None:
    evidence, reading = edited()
    reading.position_m[ONSET:, SPHERE] = reading.position_m[ONSET, SPHERE] + 0.1 * UP
    found = measured(evidence, "support")["floating"]
    assert found.alarm > 5.0
    assert found.step is not None and ONSET <= found.step <= ONSET + 4


def test_a_ball_that_falls_does_not_float() -> None:
    evidence, reading = edited()
    t = SCENE.dt_s * np.arange(8)
    height_m = 3.0 - 0.5 * 9.81 * t**2
    fall = np.array(SCENE.gravity_m_s2)
    reading.position_m[ONSET : ONSET + 8, SPHERE] += 3.0 * UP + 0.5 * fall * t[:, None] ** 2
    assert height_m.min() > RADIUS_M  # it is still in the air
    found = measured(evidence, "support")["floating"]
    assert found.value == 0.0
    assert found.alarm < 1.0


def test_a_box_that_comes_to_rest_elsewhere_has_not_settled() -> None:
    evidence, reading = edited()
    reading.position_m[ONSET:, BOX, 1] += 0.05
    found = measured(evidence, "support")["settling"]
    assert found.alarm > 1.0
    assert found.value > 0.0


@pytest.fixture(scope="module")
def toppled() -> Evidence:
    """A true clip in which dominoes fall."""
    pytest.importorskip("pybullet")
    truth = Truths(seed=0)(number_of("topple", "lawc", 1))
    return Case.of(truth, 1, None).floor_evidence()


def test_a_true_fall_is_scored_as_one(toppled: Evidence) -> None:
    found = measured(toppled, "support", "solidity")
    assert found["toppled"].value == 1.0
    assert found["toppled"].alarm == found["topple time"].alarm == 0.0
    assert found["interpenetration"].alarm == 0.0


def test_a_domino_that_stays_up_is_told(toppled: Evidence) -> None:
    reading = copied(toppled.reading)
    for index, body in enumerate(toppled.scene.bodies):
        if "domino" in body.name:
            reading.orientation_xyzw[:, index] = reading.orientation_xyzw[0, index]
    found = measured(replace(toppled, reading=reading), "support")
    assert found["toppled"].value == 0.0
    assert found["toppled"].alarm >= 1.0


def test_a_domino_that_falls_late_is_late_by_so_many_frames(toppled: Evidence) -> None:
    reading, late = copied(toppled.reading), 3
    marked = toppled.scene.index("marked_domino")
    turns = toppled.reading.orientation_xyzw[:, marked]
    reading.orientation_xyzw[late:, marked] = turns[:-late]
    reading.orientation_xyzw[:late, marked] = turns[0]
    found = measured(replace(toppled, reading=reading), "support")["topple time"]
    assert found.alarm > 1.0
    assert found.value > 0.0


def test_turning_a_box_by_a_likeness_of_its_own_tilts_nothing() -> None:
    evidence, reading = edited()
    flip = Rotation.from_euler("x", 180.0, degrees=True)
    turns = Rotation.from_quat(reading.orientation_xyzw[ONSET:, BOX]) * flip
    reading.orientation_xyzw[ONSET:, BOX] = turns.as_quat()
    assert measured(evidence, "support")["settling tilt"].alarm == pytest.approx(0.0, abs=1e-6)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    pytest.importorskip("pybullet")
    with Simulator(seen=False) as one:
        yield one


@pytest.mark.parametrize(
    ("kind", "clip", "name"),
    [("penetrate", 10, "interpenetration"), ("float", 5, "floating")],
)
def test_planted_faults_are_found(simulator: Simulator, kind: str, clip: int, name: str) -> None:
    made = plan(FAULTS[kind], "faulty", clip, Truths(seed=0), simulator)
    case = Case.of(made.truth, 1, None)
    blind = replace(made.faulty, segmentation=None, states=None, contacts=None)
    found = measured(case.evidence(blind), "solidity", "support")
    true = measured(case.floor_evidence(), "solidity", "support")
    assert found[name].alarm > 5.0
    assert true[name].alarm == 0.0
    step = found[name].step
    assert step is not None and step > made.cue.onset
