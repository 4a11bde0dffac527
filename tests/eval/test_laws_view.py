"""Rotation and 3D consistency: turns of balls, slip, spin in flight, points in space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tests.eval.handmade import BOX, SCENE, clean, copied, measured
from worldsim.episode import Episode
from worldsim.eval.case import Case
from worldsim.eval.checks.measure import Measure
from worldsim.eval.evidence import Evidence
from worldsim.eval.laws.balls import ball_turns
from worldsim.proof import controls
from worldsim.proof.clips.film import film, shots_of
from worldsim.proof.clips.truths import Truths, number_of

Frames = NDArray[np.uint8]


def case_of(scenario: str) -> Case:
    pytest.importorskip("pybullet")
    return Case.of(Truths(seed=0)(number_of(scenario, "lawc", 1)), 1, None)


@pytest.fixture(scope="module")
def rolling() -> Case:
    """A true clip of balls that roll."""
    return case_of("collide")


@pytest.fixture(scope="module")
def orbiting() -> Case:
    """A true clip of a camera that goes round a scene."""
    return case_of("orbit")


def filmed(case: Case, turns: Callable[[str, NDArray[np.float64]], NDArray[np.float64]]) -> Episode:
    """The clip with the orientations (T+1, 4) of each body by its name changed."""
    states = case.reference.states
    assert states is not None
    changed = states.orientation_xyzw.copy()
    for index, body in enumerate(case.reference.scene.bodies):
        changed[:, index] = turns(body.name, changed[:, index])
    shots = shots_of(case.reference.scene, replace(states, orientation_xyzw=changed))
    drawn = film(case.reference, shots, "planted")
    return replace(drawn, segmentation=None, states=None, contacts=None)


def test_turns_of_a_ball_are_read_from_its_texture(rolling: Case) -> None:
    evidence = rolling.floor_evidence()
    body = evidence.scene.index("cue")
    states = evidence.reference.states
    assert states is not None
    read, sigma_rad = ball_turns(evidence, evidence.reference, evidence.floor, body)
    assert not np.isnan(read).any()
    steps = [
        (Rotation.from_quat(q[1:]) * Rotation.from_quat(q[:-1]).inv()).as_rotvec()
        for q in (read, states.orientation_xyzw[:, body])
    ]
    off_rad = np.linalg.norm(steps[0] - steps[1], axis=1)
    assert np.linalg.norm(steps[1], axis=1).max() > 0.4
    assert np.median(off_rad) < 0.05
    assert off_rad.max() < 0.1
    assert (sigma_rad < 0.1).all()


def test_a_true_clip_raises_no_alarm(rolling: Case) -> None:
    found = measured(rolling.floor_evidence(), "rotation")
    assert found["angular velocity"].alarm == found["slip"].alarm == 0.0
    assert found["angular velocity"].value < 0.5


def test_a_degraded_clip_raises_hardly_any(rolling: Case) -> None:
    worse = controls.degraded(rolling.reference, np.random.default_rng(0))
    found = measured(rolling.evidence(worse), "rotation")
    assert found["angular velocity"].alarm < 2.0
    assert found["slip"].alarm < 1.5


def test_a_ball_that_moves_but_does_not_turn_slides(rolling: Case) -> None:
    still = filmed(rolling, lambda name, turns: np.repeat(turns[:1], len(turns), axis=0))
    found = measured(rolling.evidence(still), "rotation")
    assert found["slip"].value == pytest.approx(1.0, abs=0.15)
    assert found["slip"].alarm > 2.0
    assert found["angular velocity"].alarm > 2.0


def flying(turn_rad: NDArray[np.float64]) -> dict[str, Measure]:
    """Measures of a clip in which the box hangs high, turned so far about z by frame."""
    evidence = clean()
    reading = copied(evidence.reading)
    reading.position_m[:, BOX, 2] += 1.0
    spun = Rotation.from_rotvec(turn_rad[:, None] * [0.0, 0.0, 1.0])
    start = Rotation.from_quat(reading.orientation_xyzw[0, BOX])
    reading.orientation_xyzw[:, BOX] = (spun * start).as_quat()
    return measured(replace(evidence, reading=reading), "rotation")


def test_spin_lasts_in_flight() -> None:
    found = flying(0.4 * np.arange(25))["spin drift"]
    assert found.value == pytest.approx(0.0, abs=1e-6)
    assert found.alarm == pytest.approx(0.0, abs=1e-6)


def test_spin_that_stops_in_flight_is_told() -> None:
    found = flying(0.4 * np.minimum(np.arange(25), 12))["spin drift"]
    assert found.value > 50.0
    assert found.alarm > 1.0


def with_frames(evidence: Evidence, frames: Frames) -> dict[str, Measure]:
    generated = replace(evidence.generated, frames=frames)
    return measured(replace(evidence, generated=generated), "consistency")


def test_a_true_orbit_is_of_one_scene(orbiting: Case) -> None:
    found = measured(orbiting.floor_evidence(), "consistency")
    for name, limit in (("reprojection error", 0.5), ("off the surfaces", 0.02)):
        assert found[name].value < limit
        assert found[name].alarm == 0.0
        assert found[name].measurable == 1.0


def test_a_degraded_orbit_still_is(orbiting: Case) -> None:
    worse = controls.degraded(orbiting.reference, np.random.default_rng(0))
    found = measured(orbiting.evidence(worse), "consistency")
    assert found["reprojection error"].alarm < 1.0
    assert found["off the surfaces"].alarm < 1.0


@pytest.mark.parametrize("px_a_rad", [0.0, 25.0, 50.0])
def test_a_pan_over_one_picture_is_not(orbiting: Case, px_a_rad: float) -> None:
    evidence = orbiting.floor_evidence()
    views = evidence.truth.views
    yaw_rad = np.unwrap(np.arctan2(views[:, 1, 3], views[:, 0, 3]))
    first = evidence.generated.frames[0]
    height, width = first.shape[:2]
    pan = []
    for turned in yaw_rad - yaw_rad[0]:
        shift = np.array([[1.0, 0.0, px_a_rad * turned], [0.0, 1.0, 0.0]])
        pan.append(cv2.warpAffine(first, shift, (width, height), borderMode=cv2.BORDER_REFLECT))
    found = with_frames(evidence, np.stack(pan).astype(np.uint8))
    assert found["reprojection error"].alarm > 3.0
    assert found["off the surfaces"].alarm > 1.0


def test_pictures_without_corners_are_not_passed(orbiting: Case) -> None:
    evidence = orbiting.floor_evidence()
    found = with_frames(evidence, np.full_like(evidence.generated.frames, 128))
    assert np.isinf(found["reprojection error"].alarm)
    assert found["reprojection error"].measurable == 0.0


def test_a_camera_that_rests_gives_no_occasion() -> None:
    assert SCENE.camera is not None
    found = measured(clean(), "consistency")
    assert np.isnan(found["reprojection error"].alarm)
    assert np.isnan(found["reprojection error"].value)


def test_a_frozen_picture_does_not_stand_still_where_the_camera_moves(orbiting: Case) -> None:
    """Bodies at rest are elsewhere in the scene where one picture is seen from other places."""
    frozen, truth = orbiting.frozen(), orbiting.truth
    places = frozen.reading.position_m[:, truth.indices]
    off_m = np.linalg.norm(places - truth.position_m, axis=-1)
    assert np.nanmax(off_m[0]) < 0.01 < 0.05 < np.nanmedian(off_m[-1])
