"""Both checkers find nothing in any environment, whatever it shows."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from worldsim.envs import env_ids
from worldsim.errors import InputError
from worldsim.sim.scenarios import SCENARIOS, Moment

GOALS = [name for name, scenario in SCENARIOS.items() if scenario.goal]


def check(env_id: str, **arguments: Any) -> None:
    """With Gymnasium's checker, and with Stable-Baselines3's where it is installed."""
    try:
        from stable_baselines3.common.env_checker import check_env as check_for_sb3
    except ImportError:
        check_for_sb3 = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(env_id, render_mode="rgb_array", **arguments)
        check_env(env.unwrapped, skip_render_check=True)
        if check_for_sb3 is not None:
            check_for_sb3(env.unwrapped)
        env.close()


@pytest.mark.parametrize("env_id", env_ids())
def test_every_id_is_clean(env_id: str) -> None:
    check(env_id)


@pytest.mark.parametrize("env_id", ["worldsim/Push-v0", "worldsim/Push-WM-v0"])
@pytest.mark.parametrize("kind", ["rgbd", "state", "dict", "goal"])
def test_every_observation_is_clean(env_id: str, kind: str) -> None:
    check(env_id, observation=kind)


@pytest.mark.parametrize("name", SCENARIOS)
def test_twins_have_one_face(name: str) -> None:
    kinds = ["rgb", "rgbd", "state", "dict"] + ["goal"] * (name in GOALS)
    scenario = SCENARIOS[name]
    for kind in kinds:
        twins = [gymnasium.make(i, observation=kind) for i in (scenario.env_id, scenario.model_id)]
        true, dreamed = (twin.unwrapped for twin in twins)
        assert true.observation_space == dreamed.observation_space
        assert true.action_space == dreamed.action_space
        assert true.metadata == dreamed.metadata
        assert len({twin.spec.max_episode_steps for twin in twins if twin.spec}) == 1
        true.close()
        if kind != kinds[-1]:
            continue
        observation, info = dreamed.reset(seed=0)
        assert dreamed.observation_space.contains(observation)
        assert info["body_count"] == len(dreamed.scene.bodies)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", GOALS)
def test_goals_are_worth_what_the_task_says(name: str) -> None:
    """For what happened and what was wanted, and for other goals what the task says of those."""
    env: Any = gymnasium.make(SCENARIOS[name].env_id, observation="goal", size_px=32).unwrapped
    env.reset(seed=2)
    action = np.full(env.scene.action_spec.size, 0.5, np.float32)
    rows = []
    for _ in range(12):
        seen, reward, terminated, _, info = env.step(action)
        assert env.compute_reward(seen["achieved_goal"], seen["desired_goal"], info) == reward
        rows.append((seen["achieved_goal"], seen["desired_goal"], reward, info))
        if terminated:
            break
    achieved, desired = (np.stack(column) for column in list(zip(*rows, strict=True))[:2])
    np.testing.assert_array_equal(
        env.compute_reward(achieved, desired, {}), [reward for _, _, reward, _ in rows]
    )
    goal = env.scene.index(SCENARIOS[name].goal)
    info = rows[-1][3]
    count = int(info["body_count"])
    moved = info["position_m"][:count].copy()
    moved[goal, 0] += 0.05
    other = np.concatenate([moved[goal], info["velocity_m_s"][goal]])
    moment = Moment(moved, info["orientation_xyzw"][:count], info["velocity_m_s"][:count])
    wanted = SCENARIOS[name].task(env.scene, moment).reward
    assert env.compute_reward(achieved[-1], other, {}) == wanted
    with pytest.raises(InputError, match="goals must both be"):
        env.compute_reward(achieved[-1], other[:3], {})
    env.close()


def test_a_task_without_a_goal_says_which_have_one() -> None:
    with pytest.raises(InputError, match="no observation=.*push"):
        gymnasium.make("worldsim/Swing-v0", observation="goal")
    with pytest.raises(InputError, match="did you mean rgb or rgbd"):
        gymnasium.make("worldsim/Swing-WM-v0", observation="rgbb")


@pytest.mark.parametrize("env_id", ["worldsim/Push-v0", "worldsim/Push-WM-v0"])
def test_what_is_shown_is_what_is_known(env_id: str) -> None:
    env: Any = gymnasium.make(env_id, observation="dict", render_mode="rgb_array").unwrapped
    seen, info = env.reset(seed=1)
    for _ in range(2):
        rows = seen["state"].reshape(16, -1)
        np.testing.assert_allclose(
            rows[:, 3:6], info["velocity_m_s"].astype(np.float32).reshape(16, 3), rtol=1e-6
        )
        assert np.array_equal(rows[:, :3], info["position_m"].astype(np.float32))
        moving = [body.moves for body in env.scene.bodies]
        error_m = info["position_error_m"][: len(moving)]
        assert (error_m[moving] > 0).all() == ("WM" in env_id) and not error_m[
            ~np.array(moving)
        ].any()
        assert np.array_equal(seen["rgb"], env.render())
        camera = env.scene.camera
        depth_m = camera.near_m + seen["depth"][..., 0] / 255 * (camera.far_m - camera.near_m)
        assert np.abs(depth_m - info["depth_m"].clip(camera.near_m, camera.far_m)).max() < 0.004
        seen, _, _, _, info = env.step(np.zeros(2, np.float32))
    env.close()
