"""SimulatorEnv keeps Gymnasium's contract and its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from worldsim.envs.simulator_env import SimulatorEnv
from worldsim.errors import InputError
from worldsim.sim.scenarios import make_scene


@pytest.fixture
def env() -> Iterator[SimulatorEnv]:
    made = SimulatorEnv(render_mode="rgb_array")
    yield made
    made.close()


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("render_mode", ["rgb_array", "depth_array"])
def test_check_env_is_clean(render_mode: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = gymnasium.make("worldsim/Push-v0", render_mode=render_mode)
        check_env(made.unwrapped)
        made.close()


def test_a_seed_gives_the_same_episode_in_a_used_and_a_fresh_env(env: SimulatorEnv) -> None:
    actions = np.random.default_rng(0).uniform(-1, 1, (20, 2)).astype(np.float32)

    def play(played: SimulatorEnv) -> list[tuple[Any, ...]]:
        return [(*played.reset(seed=7), 0.0), *(played.step(a) for a in actions)]

    first = play(env)
    env.reset(seed=8)
    fresh = SimulatorEnv()
    for one, other in zip(first, play(fresh), strict=True):
        assert np.array_equal(one[0], other[0])
        assert one[2 if len(one) == 3 else 1] == other[2 if len(other) == 3 else 1]
        assert same(one[1] if len(one) == 3 else one[4], other[1] if len(other) == 3 else other[4])
    fresh.close()


def test_seeds_give_different_scenes_and_reset_without_a_seed_goes_on(env: SimulatorEnv) -> None:
    env.reset(seed=1)
    first = env.scene
    env.reset()
    second = env.scene
    env.reset(seed=1)
    assert env.scene == first != second


def test_option_scene_starts_that_scene(env: SimulatorEnv) -> None:
    scene = make_scene("push", 11)
    _, info = env.reset(options={"scene": scene})
    assert env.scene == scene
    start_m = [body.position_m for body in scene.bodies]
    assert info["body_count"] == len(start_m) == info["body_found"].sum()
    np.testing.assert_allclose(info["position_m"][: len(start_m)], start_m, atol=1e-6)
    assert not info["position_m"][len(start_m) :].any()


def test_info_keys_shapes_and_types_never_change(env: SimulatorEnv) -> None:
    def kinds(info: dict[str, Any]) -> dict[str, Any]:
        return {k: (np.shape(v), np.asarray(v).dtype) for k, v in info.items()}

    _, first = env.reset(seed=0)
    assert type(first["success"]) is bool and type(first["distance_m"]) is float
    wanted = kinds(first)
    for step in range(30):
        _, _, terminated, truncated, info = env.step(np.array([1.0, 0.3], np.float32))
        assert kinds(info) == wanted and info["steps"] == step + 1
        assert type(terminated) is bool and truncated is False


@pytest.mark.parametrize(
    "action",
    [
        *([np.nan, 0.0], [np.inf, 0.0], [1e300, 0.0], [1.5, 0.0], [0.0], [0.0, 0.0, 0.0]),
        *([[0.0, 0.0]], "left", ["0", "0"], [1j, 0.0], None),
    ],
)
def test_a_bad_action_changes_nothing(env: SimulatorEnv, action: Any) -> None:
    env.reset(seed=3)
    good = np.array([0.5, -0.5], np.float32)
    env.step(good)
    state = env.get_state()
    wanted = env.step(good)
    env.set_state(state)
    with pytest.raises(InputError):
        env.step(action)
    got = env.step(good)
    assert np.array_equal(got[0], wanted[0]) and same(got[4], wanted[4])


def test_state_branches_and_comes_back(env: SimulatorEnv) -> None:
    push = np.array([0.7, 0.2], np.float32)
    frame, info = env.reset(seed=5)
    for _ in range(15):
        frame, _, _, _, info = env.step(push)
    state = env.get_state()
    wanted = [env.step(push) for _ in range(10)]
    env.reset(seed=6)
    again, info_again = env.set_state(state)
    assert np.array_equal(again, frame) and same(info_again, info)
    for row in wanted:
        got = env.step(push)
        assert np.array_equal(got[0], row[0]) and got[1] == row[1] and same(got[4], row[4])


def test_success_ends_only_when_asked() -> None:
    scene = make_scene("push", 0)
    goal_m = scene.body("goal").position_m
    bodies = tuple(
        b if b.name != "goal" else type(b)(**{**vars(b), "position_m": (*box_xy(scene), goal_m[2])})
        for b in scene.bodies
    )
    won = type(scene)(**{**vars(scene), "bodies": bodies})
    for end_on_success in (True, False):
        env = SimulatorEnv(end_on_success=end_on_success)
        _, info = env.reset(options={"scene": won})
        _, reward, terminated, _, info = env.step(np.zeros(2, np.float32))
        assert info["success"] and terminated is end_on_success
        assert reward == pytest.approx(1.0, abs=0.01)
        env.close()


def box_xy(scene: Any) -> tuple[float, float]:
    x_m, y_m, _ = scene.body("box").position_m
    return x_m, y_m


def test_render_shows_what_was_observed(env: SimulatorEnv) -> None:
    frame, info = env.reset(seed=2)
    shown = env.render()
    assert shown is not None and np.array_equal(shown, frame)
    env.render_mode = "depth_array"
    depth_m = env.render()
    assert depth_m is not None and np.array_equal(depth_m, info["depth_m"])


def test_size_px_is_honoured() -> None:
    env = SimulatorEnv(size_px=48)
    frame, info = env.reset(seed=0)
    assert frame.shape == (48, 48, 3) and info["depth_m"].shape == (48, 48)
    with pytest.raises(InputError, match="size_px=64"):
        env.reset(options={"scene": make_scene("push", 0)})
    env.close()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"scenario": "pusch"}, "push"),
        ({"split": "odd"}, "ood"),
        ({"render_mode": "rgb"}, "rgb_array"),
        ({"size_px": 2}, "16"),
    ],
)
def test_bad_arguments_say_what_to_do(arguments: dict[str, Any], hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        SimulatorEnv(**arguments)


def test_bad_options_say_what_to_do(env: SimulatorEnv) -> None:
    with pytest.raises(InputError, match="scene"):
        env.reset(options={"scne": make_scene("push", 0)})
    with pytest.raises(InputError, match="Scene"):
        env.reset(options={"scene": 3})
    for options in (["scene"], 3, False):
        with pytest.raises(InputError, match="must be a dict"):
            env.reset(options=options)  # type: ignore[arg-type]


def test_stepping_comes_after_reset(env: SimulatorEnv) -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(2, np.float32))
