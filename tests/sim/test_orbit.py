"""Orbit: its start, its task and who plays it."""

from __future__ import annotations

from colorsys import rgb_to_hsv
from dataclasses import replace
from typing import get_args

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import worldsim  # noqa: F401  (registers the environments)
from worldsim.agents.policies import make_policy
from worldsim.sim.scenarios import Moment, Outcome, make_scene
from worldsim.sim.scenarios.orbit import CENTRED, ORBIT, WANTED_M
from worldsim.sim.scene import Split
from worldsim.sim.simulator import Simulator

SPLITS = get_args(Split)
SEEDS = st.integers(0, 2**31)
BRIEF = settings(max_examples=12, deadline=None)


@given(seed=SEEDS, split=st.sampled_from(SPLITS))
@BRIEF
def test_bodies_stand_apart_and_the_target_off_centre_and_far(seed: int, split: Split) -> None:
    scene = make_scene("orbit", seed, split)
    things = [body for body in scene.bodies if body.role == "free"]
    assert things[0].name == ORBIT.subject and len(things) == len(scene.bodies) - 2
    assert len({body.color_rgb for body in things}) == len({b.name for b in things})
    for number, body in enumerate(things):
        bottom_m = body.position_m[2] - 0.5 * body.height_m
        assert abs(bottom_m) < 1e-9 and np.hypot(*body.position_m[:2]) < 0.43
        for other in things[:number]:
            apart_m = np.linalg.norm(np.subtract(body.position_m, other.position_m)[:2])
            assert apart_m > 0.5 * (body.diameter_m + other.diameter_m)
            hues = [rgb_to_hsv(*b.color_rgb)[0] for b in (body, other)]
            assert 0.05 < abs(hues[0] - hues[1]) < 0.95
    place_px, depth_m = scene.camera.project(np.array(things[0].position_m))
    assert np.linalg.norm(place_px - 32.0) > 0.2 * 64 > CENTRED * 64
    assert depth_m > WANTED_M[1]


@pytest.mark.parametrize("split", SPLITS)
def test_nothing_hides_another_at_the_start(simulator: Simulator, split: Split) -> None:
    for seed in range(4):
        scene = make_scene("orbit", seed, split)
        simulator.reset(scene)
        together = np.bincount(simulator.render()[2].ravel(), minlength=len(scene.bodies) + 1)
        for index, body in enumerate(scene.bodies):
            if body.role == "free":
                alone = (scene.bodies[0], body, scene.bodies[-1])
                simulator.reset(replace(scene, bodies=alone))
                assert together[index + 1] == (simulator.render()[2] == 2).sum()


# The task.


def judged(ahead_m: float, aside_px: tuple[float, float] = (0.0, 0.0)) -> Outcome:
    """The target `ahead_m` along the view of a level camera, seen beside the image's centre."""
    scene = make_scene("orbit", 0)
    focal_px = scene.camera.focal_px
    position_m = np.array([body.position_m for body in scene.bodies])
    turns = np.array([body.orientation_xyzw for body in scene.bodies])
    camera, target = scene.index("camera"), scene.index("target")
    position_m[camera] = (0.0, -1.0, 1.0)
    turns[camera] = Rotation.from_matrix([[1, 0, 0], [0, 0, 1], [0, -1, 0]]).as_quat()
    right_m, down_m = (ahead_m * px / focal_px for px in aside_px)
    position_m[target] = position_m[camera] + (right_m, ahead_m, -down_m)
    return ORBIT.task(scene, Moment(position_m, turns, np.zeros_like(position_m)))


@given(ahead_m=st.floats(WANTED_M[0] + 1e-9, WANTED_M[1] - 1e-9))
@BRIEF
def test_centred_at_a_wanted_distance_is_success(ahead_m: float) -> None:
    outcome = judged(ahead_m)
    assert outcome.success and not outcome.failed
    assert outcome.distance_m == pytest.approx(0.0, abs=1e-9)
    assert outcome.reward == pytest.approx(1.0)


@pytest.mark.parametrize("aside_px", [(3.6, 0.0), (-3.6, 0.0), (0.0, 3.6), (2.5, -2.5)])
def test_near_the_centre_counts(aside_px: tuple[float, float]) -> None:
    assert judged(1.55, aside_px).success


@pytest.mark.parametrize("aside_px", [(4.1, 0.0), (-4.1, 0.0), (0.0, 4.1), (2.9, -2.9)])
def test_a_near_miss_does_not(aside_px: tuple[float, float]) -> None:
    outcome = judged(1.55, aside_px)
    assert not outcome.success and 0.0 < outcome.reward + 0.06 < 0.06


@pytest.mark.parametrize(
    ("ahead_m", "left_m"),
    [(WANTED_M[0] - 0.05, 0.05), (WANTED_M[1] + 0.2, 0.2), (-1.55, 3.10)],
)
def test_too_near_too_far_or_behind_does_not(ahead_m: float, left_m: float) -> None:
    outcome = judged(ahead_m)
    assert not outcome.success
    assert outcome.distance_m == pytest.approx(left_m)
    assert outcome.reward == pytest.approx(-left_m)


def solved(policy: str, episodes: int, split: Split) -> float:
    env = gymnasium.make(ORBIT.env_id, disable_env_checker=True, split=split, size_px=16)
    successes = 0
    for seed in range(episodes):
        scene = make_scene("orbit", seed, split, width_px=16, height_px=16)
        # Bodies that cannot move need one physics step a frame.
        bodies = tuple(
            replace(b, role="static", mass_kg=0.0) if b.role == "free" else b for b in scene.bodies
        )
        scene = replace(scene, bodies=bodies, physics_rate_hz=scene.frame_rate_hz)
        observation, info = env.reset(seed=seed, options={"scene": scene})
        player = make_policy(policy)
        player.reset(scene, np.random.default_rng([seed, 1]))
        ended = False
        while not ended:
            action = player.act(observation, info)
            observation, _, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
        successes += info["success"]
    env.close()
    return successes / episodes


def test_the_scripted_policy_solves_it_and_chance_does_not(simulator: Simulator) -> None:
    assert solved("random", 15, "id") < 0.2
    for split in SPLITS:
        assert solved("scripted", 8, split) >= 0.8
