"""Hinges: bodies that turn about an axis, under a torque or at a commanded rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Tilt, Torque
from worldsim.sim.camera import Camera
from worldsim.sim.scene import Body, Scene
from worldsim.sim.simulator import Simulator

PIVOT_M = (0.2, -0.1, 1.0)
ARM_M = (0.5, 0.04, 0.06)
BRIEF = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
AXES = st.sampled_from([(0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.6, 0.8)])
FULL, NULL, BACK = (np.array([value], np.float32) for value in (1.0, 0.0, -1.0))


def body(name: str, at_m: tuple[float, float, float], **values: object) -> Body:
    """An undamped box of the arm's size, unless told otherwise."""
    common = {
        "shape": "box",
        "size_m": ARM_M,
        "color_rgb": (0.5, 0.5, 0.5),
        "mass_kg": 1.0,
        "role": "actuated",
        "linear_damping": 0.0,
        "angular_damping": 0.0,
    }
    return Body(name=name, position_m=at_m, **{**common, **values})  # type: ignore[arg-type]


def arm(
    kind: type[Torque] | type[Tilt] = Torque,
    axis: tuple[float, float, float] = (0.0, 1.0, 0.0),
    scale: float = 1.0,
    gravity_m_s2: float = 0.0,
    frame_rate_hz: int = 240,
    **values: object,
) -> Scene:
    """An arm beside its hinge, with a weight on its end and a marker on its top."""
    x_m, y_m, z_m = PIVOT_M
    bodies = (
        body("arm", (x_m + 0.3, y_m, z_m), **values),
        body("weight", (x_m + 0.6, y_m, z_m), size_m=(0.1, 0.1, 0.1), attached_to="arm"),
        body(
            "mark",
            (x_m + 0.3, y_m, z_m + 0.031),
            size_m=(0.1, 0.04, 0.001),
            role="marker",
            mass_kg=0.0,
            attached_to="arm",
            orientation_xyzw=(0.0, 0.0, np.sin(0.2), np.cos(0.2)),
        ),
    )
    return Scene(
        scenario="hinge",
        bodies=bodies,
        camera=Camera((0.0, -4.0, 1.0), (0.0, 0.0, 1.0), near_m=0.5, far_m=9.0),
        action_spec=ActionSpec((ActionChannel("turn", "", scale),)),
        actuator=kind("arm", pivot_m=PIVOT_M, axis=axis),
        gravity_m_s2=(0.0, 0.0, -gravity_m_s2),
        frame_rate_hz=frame_rate_hz,
    )


def turned(scene: Scene, turn: Rotation) -> Scene:
    """The scene with the arm and all on it turned about the pivot."""

    def moved(one: Body) -> Body:
        at_m = np.array(PIVOT_M) + turn.apply(np.subtract(one.position_m, PIVOT_M))
        faces = (turn * Rotation.from_quat(one.orientation_xyzw)).as_quat()
        return replace(one, position_m=tuple(at_m.tolist()), orientation_xyzw=tuple(faces.tolist()))

    return replace(scene, bodies=tuple(moved(one) for one in scene.bodies))


def angle_rad(simulator: Simulator, axis: tuple[float, float, float]) -> float:
    """How far the arm has turned from the scene's start."""
    start = Rotation.from_quat(simulator.scene.bodies[0].orientation_xyzw)
    now = Rotation.from_quat(simulator.state()["orientation_xyzw"][0])
    return float((now * start.inv()).as_rotvec() @ np.array(axis))


def faces(state: dict[str, NDArray[np.float64]]) -> Rotation:
    return Rotation.from_quat(state["orientation_xyzw"])


@given(
    kind=st.sampled_from([Torque, Tilt]),
    axis=AXES,
    turn=st.tuples(*[st.floats(-3.0, 3.0)] * 3).map(Rotation.from_rotvec),
)
@BRIEF
def test_poses_after_reset_are_those_of_the_scene(
    simulator: Simulator,
    kind: type[Torque] | type[Tilt],
    axis: tuple[float, float, float],
    turn: Rotation,
) -> None:
    scene = turned(arm(kind, axis), turn)
    simulator.reset(scene)
    state = simulator.state()
    assert np.allclose(state["position_m"], [one.position_m for one in scene.bodies], atol=1e-9)
    wanted = Rotation.from_quat([one.orientation_xyzw for one in scene.bodies])
    assert (faces(state) * wanted.inv()).magnitude().max() < 1e-6
    assert not state["velocity_m_s"].any() and not state["angular_velocity_rad_s"].any()


@given(axis=AXES, rate_rad_s=st.floats(-4.0, 4.0))
@BRIEF
def test_what_is_attached_keeps_its_place_and_velocities_are_those_of_the_motion(
    simulator: Simulator, axis: tuple[float, float, float], rate_rad_s: float
) -> None:
    turning = tuple(rate_rad_s * value for value in axis)
    scene = arm(axis=axis, gravity_m_s2=9.81, angular_velocity_rad_s=turning)
    simulator.reset(scene)
    first = last = simulator.state()
    assert np.allclose(first["angular_velocity_rad_s"], turning, atol=1e-9)
    for _ in range(120):
        simulator.step(FULL)
        state = simulator.state()
        turn = faces(state)[0] * faces(first)[0].inv()
        placed_m = np.array(PIVOT_M) + turn.apply(first["position_m"] - PIVOT_M)
        assert np.allclose(state["position_m"], placed_m, atol=1e-6)
        assert (faces(state) * (turn * faces(first)).inv()).magnitude().max() < 1e-6

        spin = state["angular_velocity_rad_s"]
        assert np.allclose(spin, spin[0], atol=1e-9)
        around = np.cross(spin, state["position_m"] - PIVOT_M)
        assert np.allclose(state["velocity_m_s"], around, atol=1e-5)
        moved_m = state["position_m"] - last["position_m"]
        # The chord of a step against the speed at its end: a turn of w dt off. PyBullet keeps the
        # places of links to 1e-7 m.
        slack = np.linalg.norm(spin[0]) ** 2 * 0.65 / 240.0 + 1e-4
        assert np.allclose(moved_m * 240.0, state["velocity_m_s"], atol=slack)
        last = state


@given(axis=AXES, torque_n_m=st.floats(0.05, 2.0))
@BRIEF
def test_a_torque_speeds_up_the_whole_arm(
    simulator: Simulator, axis: tuple[float, float, float], torque_n_m: float
) -> None:
    """Without gravity: torque times time is moment of inertia times rate, within 0.1 %."""
    scene = arm(axis=axis, scale=torque_n_m)
    inertia = np.zeros((3, 3))
    for one in scene.bodies:
        squares = np.square(one.size_m)
        inertia += one.mass_kg / 12.0 * np.diag(squares.sum() - squares)
        out_m = np.subtract(one.position_m, PIVOT_M)
        inertia += one.mass_kg * (out_m @ out_m * np.eye(3) - np.outer(out_m, out_m))
    simulator.reset(scene)
    for _ in range(24):
        simulator.step(0.5 * FULL)
    rate_rad_s = simulator.state()["angular_velocity_rad_s"][0] @ np.array(axis)
    about_axis = np.array(axis) @ inertia @ np.array(axis)
    assert about_axis * rate_rad_s == pytest.approx(0.5 * torque_n_m * 0.1, rel=1e-3)
    for _ in range(24):
        simulator.step(NULL)
    coasting = simulator.state()["angular_velocity_rad_s"][0] @ np.array(axis)
    assert coasting == pytest.approx(rate_rad_s, rel=1e-3)


@given(axis=AXES, rate_rad_s=st.floats(0.1, 1.5))
@BRIEF
def test_a_tilt_follows_the_rate_and_stops_at_its_reach(
    simulator: Simulator, axis: tuple[float, float, float], rate_rad_s: float
) -> None:
    scene = arm(Tilt, axis, scale=rate_rad_s, gravity_m_s2=9.81, frame_rate_hz=20)
    simulator.reset(scene)
    for frame in range(1, 5):
        simulator.step(0.5 * FULL)
        assert angle_rad(simulator, axis) == pytest.approx(0.025 * rate_rad_s * frame, abs=1e-3)
    for _ in range(int(np.ceil(0.5 / (0.05 * rate_rad_s)))):
        simulator.step(FULL)
        assert angle_rad(simulator, axis) < 0.501
    assert angle_rad(simulator, axis) == pytest.approx(0.5, abs=1e-3)
    simulator.step(BACK)
    assert angle_rad(simulator, axis) == pytest.approx(0.5 - 0.05 * rate_rad_s, abs=1e-3)


@pytest.mark.parametrize(("load_kg", "give_rad"), [(0.5, 4e-4), (5.0, 4e-3)])
def test_a_tilt_holds_under_a_load_that_lies_on_it(
    simulator: Simulator, load_kg: float, give_rad: float
) -> None:
    """It gives by twice what the load's torque turns it in a physics step, and does not creep."""
    scene = arm(Tilt, gravity_m_s2=9.81, frame_rate_hz=20)
    x_m, y_m, z_m = scene.body("weight").position_m
    load = body("load", (x_m, y_m, z_m + 0.1), size_m=(0.1, 0.1, 0.1), mass_kg=load_kg, role="free")
    scene = replace(scene, bodies=(*scene.bodies, load))
    simulator.reset(scene)
    angles = []
    for _ in range(60):
        simulator.step(NULL)
        angles.append(angle_rad(simulator, (0.0, 1.0, 0.0)))
    assert np.abs(angles).max() < give_rad
    assert abs(angles[-1] - angles[20]) < 3e-4
    assert simulator.state()["position_m"][3, 2] == pytest.approx(z_m + 0.1, abs=2e-3 + give_rad)


def test_a_tilt_that_lags_turns_back_at_once(simulator: Simulator) -> None:
    scene = arm(Tilt, scale=1.5, frame_rate_hz=20)
    scene = replace(scene, actuator=replace(scene.actuator, torque_n_m=0.2))
    simulator.reset(scene)
    rates_rad_s = []
    for action in (*[FULL] * 10, BACK):
        simulator.step(action)
        rates_rad_s.append(simulator.state()["angular_velocity_rad_s"][0, 1])
    assert 0.0 < rates_rad_s[-1] < rates_rad_s[-2] < 0.5
    assert np.all(np.diff(rates_rad_s[:-1]) > 0.0)


def test_bodies_lie_on_what_is_attached_and_fall_through_its_markers(simulator: Simulator) -> None:
    scene = arm(Tilt, gravity_m_s2=9.81, frame_rate_hz=20)
    mark = replace(scene.body("mark"), position_m=(PIVOT_M[0] + 0.3, PIVOT_M[1] + 0.3, 1.0))
    above_m = {name: np.add(scene.body(name).position_m, (0, 0, 0.1)) for name in ("weight", "arm")}
    above_m["mark"] = np.add(mark.position_m, (0.0, 0.0, 0.1))
    balls = tuple(
        body(f"ball_{name}", tuple(at_m.tolist()), shape="sphere", size_m=(0.02,), role="free")
        for name, at_m in above_m.items()
    )
    bodies = (*(mark if one.name == "mark" else one for one in scene.bodies), *balls)
    scene = replace(scene, bodies=bodies)
    simulator.reset(scene)
    for _ in range(10):
        simulator.step(NULL)
    height_m = dict(zip(above_m, simulator.state()["position_m"][3:, 2].tolist(), strict=True))
    assert height_m["weight"] == pytest.approx(1.05 + 0.02, abs=3e-3)
    assert height_m["arm"] == pytest.approx(1.03 + 0.02, abs=3e-3)
    assert height_m["mark"] < 0.5


def test_a_hinge_knows_its_body() -> None:
    scene = arm()
    with pytest.raises(InputError, match="arm"):
        replace(scene, actuator=Torque("harm", pivot_m=PIVOT_M))
    with pytest.raises(InputError, match="1 action"):
        replace(scene, action_spec=ActionSpec((ActionChannel("a", "", 1.0),) * 2))
    assert Scene.from_json(scene.to_json()) == scene
