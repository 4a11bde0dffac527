"""Orbit's camera moves as commanded, and its pose with the states says what the picture shows."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.actions import ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Orbit
from worldsim.sim.camera import Camera
from worldsim.sim.look import LOOKS
from worldsim.sim.scenarios import make_scene
from worldsim.sim.scenarios.orbit import PITCH_RAD_S
from worldsim.sim.scene import Scene, Split
from worldsim.sim.simulator import Simulator

SPLITS = get_args(Split)
SEEDS = st.integers(0, 2**31)
BRIEF = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
STILL = np.zeros(3, np.float32)
YAW, PITCH, DOLLY = np.eye(3, dtype=np.float32)
# Bodies that start on the ground sink into it by PyBullet's contactSlop of 1e-5 m and creep.
SINK_M = 2.5e-5

State = dict[str, NDArray[np.float64]]


def seen_from(scene: Scene, state: State) -> Camera:
    """The camera of a moment, by nothing but the pose of its body."""
    camera = scene.index("camera")
    eye_m = state["position_m"][camera]
    ahead = Rotation.from_quat(state["orientation_xyzw"][camera]).as_matrix()[:, 2]
    return replace(scene.camera, position_m=tuple(eye_m), target_m=tuple(eye_m + ahead))


def place(scene: Scene, state: State) -> NDArray[np.float64]:
    """Yaw, pitch and distance to the axis of the camera."""
    camera = seen_from(scene, state)
    x_m, y_m, _ = camera.position_m
    ahead = camera.world_from_camera[:3, 2]
    return np.array([np.arctan2(y_m, x_m), np.arcsin(ahead[2]), np.hypot(x_m, y_m)])


def frozen(scene: Scene) -> Scene:
    """The scene with bodies that cannot move at all."""
    bodies = (
        replace(body, role="static", mass_kg=0.0) if body.role == "free" else body
        for body in scene.bodies
    )
    return replace(scene, bodies=tuple(bodies))


def quick(scene: Scene) -> Scene:
    """Frozen, so that one physics step a frame is enough."""
    return replace(frozen(scene), physics_rate_hz=scene.frame_rate_hz)


def pixels_that_differ(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int((one != other).any(-1).sum())


@given(seed=SEEDS, split=st.sampled_from(SPLITS))
@BRIEF
def test_the_camera_is_a_body_with_the_scenes_camera_pose(
    simulator: Simulator, seed: int, split: Split
) -> None:
    scene = make_scene("orbit", seed, split, width_px=96, height_px=96)
    body = scene.body("camera")
    assert (body.role, scene.actuator.body) == ("camera", "camera")
    assert body.position_m == scene.camera.position_m
    assert body.orientation_xyzw == scene.camera.orientation_xyzw
    simulator.reset(scene)
    state = simulator.state()
    assert simulator.camera == scene.camera
    assert np.array_equal(state["position_m"][-1], scene.camera.position_m)
    rebuilt = seen_from(scene, state).world_from_camera
    assert np.allclose(rebuilt, scene.camera.world_from_camera, atol=1e-12)


# The camera, commanded.


@given(seed=SEEDS, values=st.tuples(*[st.floats(-1.0, 1.0, width=32)] * 3))
@BRIEF
def test_rates_are_the_commanded_ones(
    simulator: Simulator, seed: int, values: tuple[float, float, float]
) -> None:
    """Within rounding, in the first frame; pitch only down, where its limit is far."""
    scene = make_scene("orbit", seed)
    simulator.reset(scene)
    before = place(scene, simulator.state())
    values = (values[0], -abs(values[1]), values[2])
    simulator.step(values)
    state = simulator.state()
    moved = place(scene, state) - before
    moved[0] = (moved[0] + np.pi) % (2.0 * np.pi) - np.pi
    commanded = np.float64(np.float32(values)) * scene.action_spec.scales * scene.dt_s
    assert moved == pytest.approx(commanded, abs=1e-9)
    assert [c.name for c in scene.action_spec.channels] == ["yaw", "pitch", "dolly"]
    assert scene.action_spec.scales[1] == PITCH_RAD_S
    step_m = state["position_m"][-1] - scene.camera.position_m
    assert state["velocity_m_s"][-1] == pytest.approx(step_m / scene.dt_s)


def test_velocities_of_the_camera(simulator: Simulator) -> None:
    """One channel at a time: where it goes and how it turns."""
    scene = make_scene("orbit", 0)
    yaw, _, distance_m = place(scene, start(simulator, scene))
    yaw_rad_s, pitch_rad_s, dolly_m_s = scene.action_spec.scales
    simulator.step(YAW)
    state = simulator.state()
    half_rad = 0.5 * yaw_rad_s * scene.dt_s
    middle = yaw + half_rad  # a chord points along the middle of its arc
    chord_m_s = 2.0 * distance_m * np.sin(half_rad) / scene.dt_s
    way = chord_m_s * np.array([-np.sin(middle), np.cos(middle), 0.0])
    assert state["velocity_m_s"][-1] == pytest.approx(way, abs=1e-9)
    assert state["angular_velocity_rad_s"][-1] == pytest.approx([0.0, 0.0, yaw_rad_s], abs=1e-9)
    right = seen_from(scene, start(simulator, scene)).world_from_camera[:3, 0]
    simulator.step(PITCH)
    state = simulator.state()
    assert not state["velocity_m_s"][-1].any()
    assert state["angular_velocity_rad_s"][-1] == pytest.approx(pitch_rad_s * right, abs=1e-9)
    start(simulator, scene)
    simulator.step(-DOLLY)
    state = simulator.state()
    inward = -dolly_m_s * np.array([np.cos(yaw), np.sin(yaw), 0.0])
    assert state["velocity_m_s"][-1] == pytest.approx(inward, abs=1e-9)
    assert np.abs(state["angular_velocity_rad_s"][-1]).max() < 1e-9


def start(simulator: Simulator, scene: Scene) -> State:
    simulator.reset(scene)
    return simulator.state()


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_limits_hold_and_keep_the_camera_off_bodies_and_ground(
    simulator: Simulator, split: Split, sign: float
) -> None:
    scene = quick(make_scene("orbit", 1, split))
    assert isinstance(scene.actuator, Orbit)
    simulator.reset(scene)
    places = []
    for _ in range(80):
        simulator.step(sign * (PITCH + DOLLY))
        state = simulator.state()
        places.append(place(scene, state))
        assert state["position_m"][-1, 2] == scene.camera.position_m[2]
    _, pitch_rad, distance_m = np.array(places).T
    side = 1 if sign > 0 else 0
    assert pitch_rad[-1] == pytest.approx(scene.actuator.pitch_rad[side])
    assert distance_m[-1] == pytest.approx(scene.actuator.distance_m[side])
    assert not state["velocity_m_s"][-1].any()
    for values, limits in (
        (pitch_rad, scene.actuator.pitch_rad),
        (distance_m, scene.actuator.distance_m),
    ):
        assert limits[0] - 1e-9 <= values.min() and values.max() <= limits[1] + 1e-9
    tallest_m = max(body.height_m for body in scene.bodies[1:])
    assert scene.camera.position_m[2] > tallest_m + 0.5
    assert (simulator.render()[2] > 0).all()  # the ground fills the picture


@pytest.mark.parametrize("split", SPLITS)
def test_a_full_turn_comes_back_to_the_same_frame(simulator: Simulator, split: Split) -> None:
    """Colours and segmentation to the bit, depth within rounding, where bodies cannot move.

    Bodies that can sink by 11 um into the ground meanwhile: up to 3 of 4096 pixels differ.
    """
    frames = 50
    for seed in range(3):
        scene = make_scene("orbit", seed, split)
        yaw = replace(scene.action_spec.channels[0], scale=2.0 * np.pi / frames / scene.dt_s)
        spec = ActionSpec((yaw, *scene.action_spec.channels[1:]))
        for turned, limit_px in ((frozen(scene), 0), (scene, 8)):
            simulator.reset(replace(turned, action_spec=spec))
            first, before = simulator.render(), simulator.state()
            for _ in range(frames // 2):
                simulator.step(YAW)
            assert pixels_that_differ(simulator.render()[0], first[0]) > 50
            for _ in range(frames // 2):
                simulator.step(YAW)
            last, after = simulator.render(), simulator.state()
            assert np.allclose(before["position_m"][-1], after["position_m"][-1], atol=1e-12)
            assert pixels_that_differ(first[0], last[0]) <= limit_px
            if not limit_px:
                assert np.array_equal(first[2], last[2])
                assert np.abs(first[1] - last[1]).max() < 2e-5


@pytest.mark.parametrize("split", SPLITS)
def test_the_null_action_keeps_the_frame(simulator: Simulator, split: Split) -> None:
    """To the bit, before and after moves, where bodies cannot move; else but for a few pixels."""
    for seed in range(3):
        scene = make_scene("orbit", seed, split)
        for still, limit_px in ((frozen(scene), 0), (scene, 8)):
            simulator.reset(still)
            for action in (STILL, YAW - DOLLY):
                simulator.step(action)
                camera, first = simulator.camera, simulator.render()
                for _ in range(10):
                    simulator.step(STILL)
                assert simulator.camera is camera
                last = simulator.render()
                assert pixels_that_differ(first[0], last[0]) <= limit_px
                if not limit_px:
                    assert all(np.array_equal(a, b) for a, b in zip(first, last, strict=True))


def test_bodies_stay_at_rest_while_the_camera_moves(simulator: Simulator) -> None:
    for split in SPLITS:
        scene = make_scene("orbit", 2, split)
        free = [index for index, body in enumerate(scene.bodies) if body.role == "free"]
        before = start(simulator, scene)
        rng = np.random.default_rng(0)
        for _ in range(60):
            simulator.step(rng.uniform(-1.0, 1.0, 3).astype(np.float32))
        after = simulator.state()
        assert np.abs(after["position_m"][free] - before["position_m"][free]).max() < SINK_M
        turned = after["orientation_xyzw"][free] - before["orientation_xyzw"][free]
        assert np.abs(turned).max() < 1e-3
        assert np.abs(after["velocity_m_s"][free]).max() < 5e-4


def test_states_and_camera_say_where_a_sphere_is_drawn(simulator: Simulator) -> None:
    """At 64 px within half a pixel, on average 0.1; 1.5 are allowed."""
    misses_px: list[float] = []
    for seed in range(9):
        scene = quick(make_scene("orbit", seed, SPLITS[seed % 3])).with_look(LOOKS["tiny"])
        balls = [index for index, body in enumerate(scene.bodies) if body.shape == "sphere"]
        rng = np.random.default_rng(seed)
        simulator.reset(scene)
        for step in range(32 if balls else 0):
            if step % 8 == 0:
                action = rng.uniform(-1.0, 1.0, 3).astype(np.float32)
            simulator.step(action)
            camera = seen_from(scene, simulator.state())
            centre_px, depth_m = camera.project(simulator.state()["position_m"][balls[0]])
            rows, columns = np.nonzero(simulator.render()[2] == balls[0] + 1)
            radius_px = camera.focal_px * scene.bodies[balls[0]].size_m[0] / depth_m
            whole = len(rows) > 0.9 * np.pi * radius_px**2
            if whole and min(*rows, *columns) > 0 and max(*rows, *columns) < 63:
                drawn_px = np.array([columns.mean(), rows.mean()]) + camera.sample_px
                misses_px.append(float(np.abs(drawn_px - centre_px).max()))
    assert len(misses_px) > 100
    assert max(misses_px) < 0.6 and np.mean(misses_px) < 0.15


# What the actuator refuses.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target_m": (0.3, 0.2, 0.0)}, "faces the vertical axis"),
        ({"up": (0.0, 0.6, 0.8)}, "faces the vertical axis"),
        ({"position_m": (0.0, -1.7, 1.1)}, "the pose of the scene's camera"),
    ],
)
def test_a_camera_that_cannot_orbit_is_refused(
    simulator: Simulator, change: dict[str, tuple[float, float, float]], message: str
) -> None:
    scene = make_scene("orbit", 0)
    with pytest.raises(InputError, match=message):
        simulator.reset(replace(scene, camera=replace(scene.camera, **change)))


@pytest.mark.parametrize("limits", [{"pitch_rad": (-1.2, -0.9)}, {"distance_m": (0.5, 1.2)}])
def test_a_start_out_of_the_limits_is_refused(
    simulator: Simulator, limits: dict[str, tuple[float, float]]
) -> None:
    with pytest.raises(InputError, match="out of its limits"):
        simulator.reset(replace(make_scene("orbit", 0), actuator=Orbit(**limits)))
