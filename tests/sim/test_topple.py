"""Topple: its layout, its task and who plays it."""

from __future__ import annotations

from typing import get_args

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import worldsim  # noqa: F401  (registers the environments)
from worldsim.agents.policies import make_policy
from worldsim.sim.scenarios import Moment, Outcome, make_scene
from worldsim.sim.scenarios.topple import ASIDE_M, FALLEN, PUSHER_M, TOPPLE
from worldsim.sim.scene import Scene, Split
from worldsim.sim.simulator import Simulator

SPLITS = get_args(Split)
SEEDS = st.integers(0, 2**31)
BRIEF = settings(max_examples=12, deadline=None)
SCENE = make_scene("topple", 0)
MARKED, OTHER = SCENE.index("marked_domino"), SCENE.index("domino_2")
AT_REST: dict[int, tuple[float, float, float]] = {}


@given(seed=SEEDS, split=st.sampled_from(SPLITS))
@BRIEF
def test_the_row_is_near_enough_to_fall_and_the_gap_wide_enough_to_enter(
    seed: int, split: Split
) -> None:
    scene = make_scene("topple", seed, split)
    names = [body.name for body in scene.bodies if body.name.startswith("domino_")]
    line = [scene.body(name) for name in ("marked_domino", *names)]
    at_m = np.array([body.position_m[:2] for body in line])
    thickness_m, _, height_m = line[0].size_m
    steps_m = np.diff(at_m, axis=0)
    faces_m = np.linalg.norm(steps_m, axis=1) - thickness_m
    assert (faces_m < 0.95 * height_m).all()
    assert faces_m[0] > 2.0 * PUSHER_M[0] + 0.03
    along = steps_m / np.linalg.norm(steps_m, axis=1, keepdims=True)
    assert np.allclose(along, along[0])
    pusher_m = np.array(scene.body("pusher").position_m[:2])
    assert (pusher_m - at_m[0]) @ along[0] < -PUSHER_M[0] - thickness_m  # on the other side
    others_m = [scene.body(n).position_m[:2] for n in ("lower_block", "upper_block")]
    for other_m in others_m:
        assert np.linalg.norm(at_m - other_m, axis=1).min() > 0.17
        for share in (0.3, 0.6, 1.0):  # where the marked one comes to lie
            assert np.linalg.norm(at_m[0] - share * height_m * along[0] - other_m) > 0.12
    colors = [body.color_rgb for body in scene.bodies]
    assert len(set(colors)) == len(colors)


def moved(
    shifts_m: dict[int, tuple[float, float, float]],
    speeds_m_s: dict[int, tuple[float, float, float]] = AT_REST,
) -> Outcome:
    """The start of SCENE with some bodies elsewhere and in motion."""
    position_m = np.array([body.position_m for body in SCENE.bodies])
    velocity_m_s = np.zeros_like(position_m)
    for index, shift_m in shifts_m.items():
        position_m[index] += shift_m
    for index, speed_m_s in speeds_m_s.items():
        velocity_m_s[index] = speed_m_s
    turns = np.array([body.orientation_xyzw for body in SCENE.bodies])
    return TOPPLE.task(SCENE, Moment(position_m, turns, velocity_m_s))


def sunk(share: float) -> tuple[float, float, float]:
    """The marked one's centre at a share of its standing height."""
    return 0.0, 0.0, (share - 1.0) * SCENE.bodies[MARKED].position_m[2]


def test_the_marked_one_down_and_the_others_in_place_is_success() -> None:
    for share in (0.17, 0.4, FALLEN - 0.01):
        outcome = moved({MARKED: sunk(share)}, {MARKED: (1.0, 0.0, -2.0)})
        assert outcome.success and not outcome.failed
        assert outcome.reward == 1.0 and outcome.distance_m == 0.0
    slack = (0.8 * ASIDE_M[0], 0.0, -0.8 * ASIDE_M[1])
    assert moved({MARKED: sunk(0.3), OTHER: slack}).success


def test_a_tilt_or_a_shift_of_the_marked_one_is_neither() -> None:
    for shift_m in (sunk(1.0), sunk(FALLEN + 0.05), (0.3, 0.0, 0.0)):
        outcome = moved({MARKED: shift_m})
        standing_m = SCENE.bodies[MARKED].position_m[2]
        left_m = standing_m + shift_m[2] - FALLEN * standing_m
        assert not outcome.success and not outcome.failed
        assert outcome.distance_m == pytest.approx(left_m)
        assert outcome.reward == pytest.approx(-left_m)


@pytest.mark.parametrize("shift_m", [(0.0, -0.035, 0.0), (0.0, 0.0, -0.02), (0.0, 0.0, 0.02)])
@pytest.mark.parametrize("name", ["domino_1", "domino_2", "lower_block", "upper_block"])
def test_any_other_one_fallen_or_shoved_away_is_failure(
    name: str, shift_m: tuple[float, float, float]
) -> None:
    for marked in (1.0, 0.2):
        outcome = moved({MARKED: sunk(marked), SCENE.index(name): shift_m})
        assert outcome.failed and not outcome.success
        assert outcome.reward == pytest.approx(-1.0 - outcome.distance_m)


def test_while_another_one_moves_it_is_not_decided() -> None:
    outcome = moved({MARKED: sunk(0.5)}, {OTHER: (0.3, 0.0, 0.0)})
    assert not outcome.success and not outcome.failed
    assert moved({MARKED: sunk(0.5)}, {OTHER: (0.05, 0.0, 0.0)}).success


def test_the_pusher_may_be_anywhere() -> None:
    assert moved({MARKED: sunk(0.2), SCENE.index("pusher"): (0.3, 0.3, 0.0)}).success


# Who plays it.


def played(policy: str, seed: int, split: Split = "id", steps: int = 100) -> tuple[bool, int]:
    """Whether it succeeded, and how many bodies other than the marked one fell."""
    env = gymnasium.make(
        TOPPLE.env_id,
        disable_env_checker=True,
        split=split,
        size_px=16,
        max_episode_steps=steps,
        end_on_success=policy != "explore",
    )
    observation, info = env.reset(seed=seed)
    scene: Scene = env.unwrapped.scene  # type: ignore[attr-defined]
    player = make_policy(policy)
    player.reset(scene, np.random.default_rng([seed, 1]))
    ended = False
    while not ended:
        action = player.act(observation, info)
        observation, _, terminated, truncated, info = env.step(action)
        ended = terminated or truncated
    env.close()
    others = [i for i, b in enumerate(scene.bodies) if b.role == "free" and i != MARKED]
    fell = [info["position_m"][i, 2] < 0.9 * scene.bodies[i].position_m[2] for i in others]
    return info["success"], sum(fell)


def test_the_scripted_policy_solves_it_and_chance_does_not(simulator: Simulator) -> None:
    assert np.mean([played("random", seed)[0] for seed in range(10)]) < 0.2
    for split in SPLITS:
        assert np.mean([played("scripted", seed, split)[0] for seed in range(5)]) >= 0.8


def test_the_explorer_starts_chain_reactions(simulator: Simulator) -> None:
    """In 64 steps of 40 seeds: 60 % a whole row, 18 % the tower; a wanderer fells neither."""
    fell = [played("explore", seed, steps=64)[1] for seed in range(8)]
    assert np.mean(np.array(fell) >= 2) >= 0.3
