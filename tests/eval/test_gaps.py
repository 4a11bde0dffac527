"""Gaps between bodies: exact for balls, true of boxes, and the same seen from either body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from worldsim.eval.laws.gaps import gap
from worldsim.eval.reading.reading import Reading
from worldsim.sim.actuators import Force
from worldsim.sim.scenarios import make_scene
from worldsim.sim.scene import Body, Scene

Float = np.ndarray
GREY = (0.5, 0.5, 0.5)
places = st.tuples(*[st.floats(-0.3, 0.3)] * 3)
turns = st.tuples(*[st.floats(-3.0, 3.0)] * 3)


def scene_of(*bodies: Body) -> Scene:

    base = make_scene("drop", 0)
    actuator = Force(body=bodies[0].name, axes="xy")
    return replace(base, bodies=bodies, actuator=actuator)


def reading_of(poses: list[tuple[tuple[float, ...], Rotation]]) -> Reading:
    """One frame in which every body was found at its pose."""
    count = len(poses)
    position = np.array([[place for place, _ in poses]], float)
    turn = np.array([[rotation.as_quat() for _, rotation in poses]])
    nothing = np.full((1, count), np.nan)
    return Reading(
        position_m=position,
        covariance_m2=np.zeros((1, count, 3, 3)),
        orientation_xyzw=turn,
        found=np.ones((1, count), bool),
        hidden=np.zeros((1, count), bool),
        segmentation=np.zeros((1, 8, 8), np.uint8),
        visible_share=np.ones((1, count)),
        overlap=nothing,
        scale=nothing,
        color_ratio=np.full((1, count, 3), np.nan),
        extra=np.zeros((1, count), np.int64),
    )


def ball(name: str, radius_m: float) -> Body:
    return Body(name, "sphere", (radius_m,), GREY, (0.0, 0.0, 0.0), mass_kg=1.0)


def box(name: str, size_m: tuple[float, float, float]) -> Body:
    return Body(name, "box", size_m, GREY, (0.0, 0.0, 0.0), mass_kg=1.0)


@given(places, places, st.floats(0.02, 0.2), st.floats(0.02, 0.2))
def test_the_gap_of_balls_is_their_distance_less_both_radii(
    one: tuple[float, ...], two: tuple[float, ...], r: float, s: float
) -> None:
    still = Rotation.identity()
    scene = scene_of(ball("a", r), ball("b", s))
    found = gap(reading_of([(one, still), (two, still)]), scene, 0, 1)
    away = np.linalg.norm(np.subtract(one, two))
    assert found.gap_m[0] == pytest.approx(away - r - s, abs=1e-9)
    if away > 1e-3:
        assert found.normal[0] == pytest.approx(np.subtract(one, two) / away, abs=1e-6)


@settings(max_examples=50)
@given(places, turns, places, turns)
def test_a_gap_is_the_same_from_either_body(
    one: tuple[float, ...], a: tuple[float, ...], two: tuple[float, ...], b: tuple[float, ...]
) -> None:
    scene = scene_of(box("a", (0.1, 0.2, 0.15)), box("b", (0.3, 0.1, 0.05)))
    poses = [(one, Rotation.from_rotvec(a)), (two, Rotation.from_rotvec(b))]
    reading = reading_of(poses)
    there, back = gap(reading, scene, 0, 1), gap(reading, scene, 1, 0)
    assert there.gap_m[0] == pytest.approx(back.gap_m[0], abs=1e-12)
    assert np.linalg.norm(there.normal[0]) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("height_m", "wanted"), [(0.15, 0.05), (0.1, 0.0), (0.08, -0.02)])
def test_a_box_over_a_slab(height_m: float, wanted: float) -> None:
    scene = scene_of(box("a", (0.2, 0.2, 0.2)), box("slab", (4.0, 4.0, 0.2)))
    turned, still = Rotation.from_euler("z", 0.6), Rotation.identity()
    poses = [((0.7, -0.4, height_m), turned), ((0, 0, -0.1), still)]
    found = gap(reading_of(poses), scene, 0, 1)
    assert found.gap_m[0] == pytest.approx(wanted, abs=1e-9)
    assert found.normal[0] == pytest.approx([0.0, 0.0, 1.0], abs=1e-9)


def test_a_body_that_was_not_found_has_no_gap() -> None:
    scene = scene_of(ball("a", 0.1), box("b", (0.1, 0.1, 0.1)))
    reading = reading_of([((np.nan,) * 3, Rotation.identity()), ((0, 0, 0), Rotation.identity())])
    assert np.isnan(gap(reading, scene, 0, 1).gap_m).all()
