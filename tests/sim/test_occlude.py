"""Occlude against paper and pencil: a free roll, and what a screen hides of it; and its task."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from solving import solved

from worldsim.agents.explore import Explore
from worldsim.sim.scenarios import Moment, Outcome, make_scene
from worldsim.sim.scenarios.occlude import END_X_M, OCCLUDE, hidden_x_m, stop_m
from worldsim.sim.scene import Scene, Split
from worldsim.sim.shapes import unit_sphere
from worldsim.sim.simulator import Simulator

REST, BRAKE, PUSH = (np.array([value], np.float32) for value in (0.0, -1.0, 1.0))
SPLITS = get_args(Split)
SEEDS = st.integers(0, 2**31)
BRIEF = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def blocked(scene: Scene, x_m: float) -> bool:
    """True where the screen cuts every line of sight from the camera to a ball at x."""
    ball, screen = scene.body("ball"), scene.body("screen")
    surface_m = unit_sphere()[0] * ball.size_m[0] + (x_m, *ball.position_m[1:])
    eye_m = np.array(scene.camera.position_m)
    sights_m = surface_m - eye_m
    # A line is in the box while it is between both of its faces along every axis.
    middle_m, half_m = np.array(screen.position_m), 0.5 * np.array(screen.size_m)
    one, other = ((middle_m + side * half_m - eye_m) / sights_m for side in (-1.0, 1.0))
    entry = np.minimum(one, other).max(axis=1)
    leave = np.maximum(one, other).min(axis=1)
    return bool(np.all((entry < leave) & (entry < 1.0)))


def roll(
    simulator: Simulator, scene: Scene, action: NDArray[np.float32], steps: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Place and speed of the ball along x and its pixels, at the start and after every step."""
    ball = scene.index("ball")
    simulator.reset(scene)
    rows = []
    for step in range(steps + 1):
        if step:
            simulator.step(action)
        state, pixels = simulator.state(), simulator.render()[2] == ball + 1
        rows.append((state["position_m"][ball, 0], state["velocity_m_s"][ball, 0], pixels.sum()))
    x_m, speed_m_s, count = np.array(rows).T
    return x_m, speed_m_s, count.astype(np.int64)


@given(seed=SEEDS, split=st.sampled_from(SPLITS))
@BRIEF
def test_a_ball_let_go_keeps_its_speed_and_reappears_when_and_where_it_should(
    simulator: Simulator, seed: int, split: Split
) -> None:
    """Lines of sight from the start and its speed alone say which frames lack the ball."""
    scene = make_scene("occlude", seed, split)
    ball = scene.body("ball")
    steps = int((END_X_M - ball.position_m[0]) / ball.velocity_m_s[0] / scene.dt_s)
    x_m, speed_m_s, count = roll(simulator, scene, REST, steps)
    theory_m = ball.position_m[0] + ball.velocity_m_s[0] * scene.dt_s * np.arange(steps + 1)
    assert x_m == pytest.approx(theory_m, abs=1e-3)  # its state is there while it is hidden
    assert speed_m_s == pytest.approx(ball.velocity_m_s[0], rel=1e-3)

    should = np.flatnonzero([blocked(scene, x) for x in theory_m])
    lacking = np.flatnonzero(count == 0)
    assert len(should) >= 3
    assert np.array_equal(lacking, np.arange(lacking[0], lacking[-1] + 1))
    assert abs(lacking[0] - should[0]) <= 1 and abs(lacking[-1] - should[-1]) <= 1
    assert count[0] >= 12 and count[-1] >= 12

    low_m, high_m = hidden_x_m(scene.camera, scene.body("screen"), ball.size_m[0])
    assert np.all((theory_m[should] > low_m - 0.003) & (theory_m[should] < high_m + 0.003))
    inside = (theory_m > low_m + 0.003) & (theory_m < high_m - 0.003)
    assert set(np.flatnonzero(inside)) <= set(should)


@pytest.mark.parametrize("split", SPLITS)
def test_a_ball_that_reappears_is_drawn_where_its_state_says(
    simulator: Simulator, split: Split
) -> None:
    for seed in range(5):
        scene = make_scene("occlude", seed, split, 128, 128)
        ball = scene.index("ball")
        simulator.reset(scene)
        for _ in range(100):
            simulator.step(REST)
            at_m = simulator.state()["position_m"][ball]
            mask = simulator.render()[2] == ball + 1
            if at_m[0] > hidden_x_m(scene.camera, scene.body("screen"), 0.0)[1] + 0.3:
                break
        rows, columns = np.nonzero(mask)
        middle_px = np.array([columns.mean(), rows.mean()]) + scene.camera.sample_px
        assert middle_px == pytest.approx(scene.camera.project(at_m)[0], abs=1.0)


@given(seed=SEEDS, split=st.sampled_from(SPLITS))
@BRIEF
def test_a_ball_braked_from_the_start_stops_where_five_sevenths_say_and_hidden(
    simulator: Simulator, seed: int, split: Split
) -> None:
    scene = make_scene("occlude", seed, split)
    ball, force_n = scene.body("ball"), float(scene.action_spec.scales[0])
    slowing_m_s2 = 5.0 / 7.0 * force_n / ball.mass_kg
    stop_s = ball.velocity_m_s[0] / slowing_m_s2
    x_m, speed_m_s, count = roll(simulator, scene, BRAKE, int(stop_s / scene.dt_s) + 1)
    assert np.diff(speed_m_s) == pytest.approx(-slowing_m_s2 * scene.dt_s, rel=0.01)
    stop_x_m = ball.position_m[0] + stop_m(ball, force_n)
    assert x_m.max() == pytest.approx(stop_x_m, abs=0.01)
    assert count[-1] == 0 and blocked(scene, stop_x_m)


@pytest.mark.parametrize("split", SPLITS)
def test_a_ball_under_full_force_rolls_without_slip(simulator: Simulator, split: Split) -> None:
    """Rolling asks for friction of 2/7 of the force, far below what the ground gives."""
    for seed in range(4):
        scene = make_scene("occlude", seed, split)
        index, ball = scene.index("ball"), scene.body("ball")
        weight_n = -ball.mass_kg * scene.gravity_m_s2[2]
        assert 2.0 / 7.0 * scene.action_spec.scales[0] < 0.1 * ball.friction * weight_n
        simulator.reset(scene)
        for _ in range(10):
            simulator.step(PUSH)
            state = simulator.state()
            rim_m_s = ball.size_m[0] * state["angular_velocity_rad_s"][index, 1]
            assert rim_m_s == pytest.approx(state["velocity_m_s"][index, 0], rel=2e-3)
            assert np.abs(state["velocity_m_s"][index, 1:]).max() < 0.02


def outcome(offset_m: float, speed_m_s: float) -> Outcome:
    """What a ball is worth that is this far right of home and this fast."""
    scene = make_scene("occlude", 0)
    ball, home = scene.index("ball"), scene.index("home")
    position_m = np.array([body.position_m for body in scene.bodies])
    position_m[ball, 0] = position_m[home, 0] + offset_m
    velocity_m_s = np.zeros_like(position_m)
    velocity_m_s[ball, 0] = speed_m_s
    turns = np.array([body.orientation_xyzw for body in scene.bodies])
    return OCCLUDE.task(scene, Moment(position_m, turns, velocity_m_s))


def test_home_and_slow_is_a_success_fast_or_beside_it_none_and_the_right_end_a_failure() -> None:
    assert outcome(0.1, -0.1).success
    assert outcome(0.1, -0.1).reward == pytest.approx(0.9)
    assert not outcome(0.0, -0.3).success
    near = outcome(0.24, 0.0)
    assert not near.success and not near.failed and near.reward == pytest.approx(-0.24)
    lost = outcome(END_X_M + 1.1, 0.3)
    assert lost.failed and not lost.success


def test_where_the_screen_is_narrower_than_the_ball_it_never_hides_it() -> None:
    scene = make_scene("occlude", 0)
    screen = replace(scene.body("screen"), size_m=(0.15, 0.05, 0.6))
    low_m, high_m = hidden_x_m(scene.camera, screen, scene.body("ball").size_m[0])
    assert low_m > high_m


def test_the_explorer_keeps_the_ball_in_the_picture_and_behind_the_screen_at_times(
    simulator: Simulator,
) -> None:
    hidden = []
    for seed in range(6):
        scene = make_scene("occlude", seed)
        ball = scene.index("ball")
        simulator.reset(scene)
        explore = Explore()
        explore.reset(scene, np.random.default_rng(seed))
        for _ in range(64):
            frame, _, segmentation = simulator.render()
            hidden.append(not (segmentation == ball + 1).any())
            simulator.step(explore.act(frame, simulator.state()))
            assert abs(simulator.state()["position_m"][ball, 0]) < END_X_M
    assert 0.1 < np.mean(hidden) < 0.6


def test_the_scripted_policy_solves_it_and_chance_does_not(simulator: Simulator) -> None:
    assert solved(OCCLUDE, "scripted", 10) >= 0.8
    assert solved(OCCLUDE, "random", 10) < 0.2
