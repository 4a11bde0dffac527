"""WorldModelEnv keeps Gymnasium's contract, the simulator's info, and its word on bad starts."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from worldsim import checkpoints
from worldsim.agents.collect import Collector
from worldsim.agents.policies import make_policy
from worldsim.agents.rollout import rollout
from worldsim.data.store import save_episode
from worldsim.envs.dream.state import DreamState
from worldsim.envs.simulator_env import SimulatorEnv
from worldsim.envs.start import Starts
from worldsim.envs.world_model_env import WorldModelEnv
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.sim.look import LOOKS
from worldsim.sim.scenarios import SCENARIOS, Moment, find_scenario

Checkpoint = tuple[Path, list[Episode]]
LEFT = np.array([-0.8, 0.1], np.float32)
MOMENT = ("position_m", "orientation_xyzw", "velocity_m_s")


@pytest.fixture
def env(checkpoint: Checkpoint) -> WorldModelEnv:
    return WorldModelEnv(str(checkpoint[0]))


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def kinds(info: dict[str, Any]) -> dict[str, Any]:
    return {k: (type(v), np.shape(v), np.asarray(v).dtype) for k, v in info.items()}


@pytest.mark.parametrize("render_mode", ["rgb_array", "depth_array"])
@pytest.mark.parametrize("passes", [1, 2])
def test_check_env_is_clean(checkpoint: Checkpoint, render_mode: str, passes: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = gymnasium.make(
            "worldsim/Push-WM-v0",
            checkpoint=str(checkpoint[0]),
            render_mode=render_mode,
            passes=passes,
        )
        check_env(made.unwrapped)


def test_the_twins_have_the_same_face(env: WorldModelEnv) -> None:
    simulator = SimulatorEnv()
    assert env.observation_space == simulator.observation_space
    assert env.action_space == simulator.action_space
    _, dreamed = env.reset(seed=0)
    _, true = simulator.reset(seed=0)
    assert kinds(dreamed) == kinds(true)
    assert kinds(env.step(LEFT)[4]) == kinds(simulator.step(LEFT)[4])
    assert env.source == "model:random" and simulator.source == "simulator"
    simulator.close()


@pytest.mark.parametrize("passes", [1, 3])
def test_a_seed_gives_the_same_dream(checkpoint: Checkpoint, passes: int) -> None:
    def play(env: WorldModelEnv, seed: int) -> list[Any]:
        return [env.reset(seed=seed), *(env.step(LEFT) for _ in range(6))]

    env = WorldModelEnv(str(checkpoint[0]), passes=passes)
    first = play(env, 3)
    play(env, 4)
    for one, other in zip(first, play(env, 3), strict=True):
        assert np.array_equal(one[0], other[0]) and same(one[-1], other[-1])
        assert one[1:-1] == other[1:-1]


def test_seeds_reach_every_start(env: WorldModelEnv, checkpoint: Checkpoint) -> None:
    scenes = set()
    for seed in range(12):
        env.reset(seed=seed)
        scenes.add(env.scene)
    assert scenes == {episode.scene for episode in checkpoint[1]}


def test_what_it_returns_is_the_callers_own(env: WorldModelEnv) -> None:
    frame, info = env.reset(seed=1)
    kept = frame.copy()
    state = env.get_state()
    for array in (frame, *(value for value in info.values() if isinstance(value, np.ndarray))):
        array[...] = 0
    env.set_state(state)
    assert np.array_equal(env.get_state().frame, kept)
    assert np.array_equal(env.reset(seed=1)[0], kept)


def test_noise_comes_from_the_seed(checkpoint: Checkpoint) -> None:
    env = WorldModelEnv(str(checkpoint[0]), passes=2)
    options = {"episode": checkpoint[1][0]}
    frames = []
    for global_seed, seed in ((0, 1), (5, 1), (0, 2)):
        torch.manual_seed(global_seed)
        env.reset(seed=seed, options=options)
        frames.append(env.step(LEFT)[0])
    assert np.array_equal(frames[0], frames[1]) and not np.array_equal(frames[0], frames[2])


@pytest.mark.parametrize("count", [1, 2, 8])
def test_start_frames_are_those_of_the_episode(
    env: WorldModelEnv, checkpoint: Checkpoint, tmp_path: Path, count: int
) -> None:
    episode = checkpoint[1][1]
    frame, info = env.reset(options={"episode": episode, "start_frames": count})
    assert np.array_equal(frame, episode.frames[count - 1])
    assert np.array_equal(info["depth_m"], episode.depth_m[count - 1])
    assert info["steps"] == 0 and env.scene == episode.scene
    dreamed = env.step(LEFT)[0]
    save_episode(tmp_path / "start.safetensors", episode)
    env.reset(options={"episode": tmp_path / "start.safetensors", "start_frames": count})
    assert np.array_equal(env.step(LEFT)[0], dreamed)
    part = {
        "frames": episode.frames[:count],
        "depth_m": episode.depth_m[:count],
        "actions": episode.actions[: count - 1],
    }
    env.reset(options={**part, "scene": episode.scene})
    assert np.array_equal(env.step(LEFT)[0], dreamed)


def test_positions_are_read_off_the_start_frames(
    env: WorldModelEnv, checkpoint: Checkpoint
) -> None:
    for episode in checkpoint[1]:
        _, info = env.reset(options={"episode": episode, "start_frames": 8})
        assert episode.states is not None
        for name in ("pusher", "sphere", "box"):
            body = episode.scene.index(name)
            if info["body_found"][body]:
                error_m = info["position_m"][body] - episode.states.position_m[7, body]
                assert np.linalg.norm(error_m) < 0.03
        assert info["body_found"][episode.scene.index("pusher")]
        moment = Moment(info["position_m"], info["orientation_xyzw"], info["velocity_m_s"])
        outcome = find_scenario("push").task(episode.scene, moment)
        assert (info["distance_m"], info["success"]) == (outcome.distance_m, outcome.success)


def test_without_a_scene_the_goal_is_read_off_the_frames(
    env: WorldModelEnv, checkpoint: Checkpoint
) -> None:
    episode = checkpoint[1][1]
    env.reset(options={"frames": episode.frames[:1], "depth_m": episode.depth_m[:1]})
    goal = np.array(env.scene.body("goal").position_m)
    wanted = np.array(episode.scene.body("goal").position_m)
    other = np.array(checkpoint[1][0].scene.body("goal").position_m)
    assert np.linalg.norm(goal - wanted) < 0.02 < np.linalg.norm(wanted - other)


def test_a_lost_body_keeps_its_place(env: WorldModelEnv, checkpoint: Checkpoint) -> None:
    """Painting the pusher out of the last start frame loses it, and nothing else."""
    episode = checkpoint[1][0]
    assert episode.segmentation is not None
    pusher = episode.scene.index("pusher")
    frames, depth_m = episode.frames[:2].copy(), episode.depth_m[:2].copy()
    table = episode.segmentation[1] == episode.scene.index("table") + 1
    hidden = episode.segmentation[1] == pusher + 1
    frames[1][hidden] = np.median(frames[1][table], axis=0).astype(np.uint8)
    depth_m[1][hidden] = np.median(depth_m[1][table])
    options = {"depth_m": depth_m, "actions": episode.actions[:1], "scene": episode.scene}
    _, before = env.reset(options={"episode": episode, "start_frames": 1})
    _, after = env.reset(options={**options, "frames": frames})
    assert before["body_found"][pusher] and not after["body_found"][pusher]
    assert np.array_equal(before["position_m"][pusher], after["position_m"][pusher])
    assert not after["velocity_m_s"][pusher].any()


def test_velocity_is_the_change_of_position(env: WorldModelEnv, checkpoint: Checkpoint) -> None:
    episode = checkpoint[1][0]
    _, one = env.reset(options={"episode": episode, "start_frames": 5})
    _, other = env.reset(options={"episode": episode, "start_frames": 6})
    both = one["body_found"] & other["body_found"]
    change = (other["position_m"] - one["position_m"]) / episode.scene.dt_s
    np.testing.assert_allclose(other["velocity_m_s"][both], change[both])
    assert np.abs(change[episode.scene.index("pusher")]).max() > 0.0


@pytest.mark.parametrize("passes", [1, 2])
def test_dreams_branch(checkpoint: Checkpoint, passes: int) -> None:
    env = WorldModelEnv(str(checkpoint[0]), passes=passes)
    env.reset(seed=0)
    for _ in range(10):
        frame, _, _, _, info = env.step(LEFT)
    state = env.get_state()
    straight = [env.step(LEFT) for _ in range(4)]
    for action in (-LEFT, LEFT):
        again, info_again = env.set_state(state)
        assert np.array_equal(again, frame) and same(info_again, info)
        branch = [env.step(action) for _ in range(4)]
        alike = all(np.array_equal(a[0], b[0]) for a, b in zip(straight, branch, strict=True))
        assert alike == (action is LEFT)
    assert branch[-1][1] == straight[-1][1] and same(branch[-1][4], straight[-1][4])


def test_rollout_is_an_episode(checkpoint: Checkpoint) -> None:
    env = gymnasium.make("worldsim/Push-WM-v0", checkpoint=str(checkpoint[0]))
    episode = rollout(env, make_policy("scripted"), seed=0, steps=9)
    assert episode.source == "model:random" and episode.steps <= 9
    assert episode.states is not None and np.isfinite(episode.states.position_m).all()


@pytest.mark.parametrize("action", [[np.nan, 0.0], [1.5, 0.0], [0.0], [[0.0, 0.0]], "left", None])
def test_a_bad_action_changes_nothing(env: WorldModelEnv, action: Any) -> None:
    env.reset(seed=0)
    state = env.get_state()
    wanted = env.step(LEFT)[0]
    env.set_state(state)
    with pytest.raises(InputError):
        env.step(action)
    assert np.array_equal(env.step(LEFT)[0], wanted)


def bad_starts(episode: Episode) -> dict[str, tuple[dict[str, Any], str]]:
    good: dict[str, Any] = {
        "frames": episode.frames[:3],
        "depth_m": episode.depth_m[:3],
        "actions": episode.actions[:2],
        "scene": episode.scene,
    }
    rate = replace(episode.scene, frame_rate_hz=20)
    other = episode.scene.with_look(LOOKS["tiny"])
    nan = good["depth_m"].copy()
    nan[0, 0, 0] = np.nan
    return {
        "unknown key": ({"epsiode": episode}, "episode"),
        "both kinds": ({**good, "episode": episode}, "not both"),
        "count alone": ({"start_frames": 2}, "episode"),
        "no frames": ({"episode": episode, "start_frames": 0}, "1..8"),
        "many frames": ({"episode": episode, "start_frames": 9}, "1..8"),
        "half a frame": ({"episode": episode, "start_frames": 1.5}, "whole"),
        "no episode": ({"episode": 3}, "Episode or a path"),
        "no file": ({"episode": "nowhere.safetensors"}, "nowhere.safetensors"),
        "no depth": ({"frames": good["frames"]}, "'depth_m' is missing"),
        "nothing there": (
            {"frames": 0 * good["frames"][:1], "scene": episode.scene},
            "is not found",
        ),
        "no colour": ({k: v for k, v in good.items() if k != "frames"}, "'frames' is missing"),
        "float frames": ({**good, "frames": good["frames"] / 255.0}, "uint8"),
        "ragged frames": ({**good, "frames": [[1], [1, 2]]}, "uint8"),
        "one image": ({**good, "frames": good["frames"][0]}, "uint8"),
        "small": (
            {
                **good,
                "frames": good["frames"][:, ::2, ::2],
                "depth_m": good["depth_m"][:, ::2, ::2],
            },
            "64 x 64",
        ),
        "depth shape": ({**good, "depth_m": good["depth_m"][:2]}, "depth_m must be"),
        "depth NaN": ({**good, "depth_m": nan}, "NaN"),
        "depth sign": ({**good, "depth_m": -good["depth_m"]}, "above 0"),
        "lacking actions": ({k: v for k, v in good.items() if k != "actions"}, "actions of shape"),
        "actions shape": ({**good, "actions": np.zeros((3, 2))}, "actions of shape"),
        "actions NaN": ({**good, "actions": np.full((2, 2), np.nan)}, "NaN"),
        "actions bounds": ({**good, "actions": np.full((2, 2), 3.0)}, r"\[-1, 1\]"),
        "nine frames": ({**good, "frames": episode.frames[:9]}, "1 to 8"),
        "scene type": ({**good, "scene": "push"}, "Scene"),
        "scene renderer": ({**good, "scene": other}, "--renderer worldsim"),
        "scene rate": ({**good, "scene": rate}, "frames a second"),
        "empty table": (
            {
                "frames": np.full((1, 64, 64, 3), 180, np.uint8),
                "depth_m": np.full((1, 64, 64), 2.0),
            },
            "no goal",
        ),
    }


def test_bad_starts_say_what_to_do_and_change_nothing(
    env: WorldModelEnv, checkpoint: Checkpoint
) -> None:
    env.reset(seed=0)
    state = env.get_state()
    wanted = env.step(LEFT)[0]
    env.set_state(state)
    for name, (options, hint) in bad_starts(checkpoint[1][0]).items():
        with pytest.raises(InputError, match=hint) as caught:
            env.reset(seed=1, options=options)
        assert "\n" not in str(caught.value), name
    assert np.array_equal(env.step(LEFT)[0], wanted)


def test_depth_may_be_left_out_where_the_scene_is_known(
    env: WorldModelEnv, checkpoint: Checkpoint
) -> None:
    parts = [
        {"frames": e.frames[:3], "actions": e.actions[:2], "scene": e.scene} for e in checkpoint[1]
    ]
    frame, info = env.reset(options=parts[0])
    episode = checkpoint[1][0]
    assert np.array_equal(frame, episode.frames[2])
    error_m = np.abs(info["depth_m"] - episode.depth_m[2])
    assert error_m.mean() < 0.003 and np.quantile(error_m, 0.95) < 0.01
    assert np.isfinite(env.step(LEFT)[1])
    with pytest.raises(InputError, match="'pusher' is not found in frame 0; give \"depth_m\""):
        env.reset(options=parts[1])


@pytest.mark.parametrize("count", [1, 3])
def test_a_dream_begins_where_the_simulator_does(checkpoint: Checkpoint, count: int) -> None:
    env, simulator = WorldModelEnv(str(checkpoint[0])), SimulatorEnv()
    frame, info = env.reset(options={"simulator_seed": 6, "start_frames": count})
    true, known = simulator.reset(seed=6)
    for _ in range(count - 1):
        true, _, _, _, known = simulator.step(np.zeros(2, np.float32))
    assert env.scene == simulator.scene and np.array_equal(frame, true)
    assert np.array_equal(info["depth_m"], known["depth_m"]) and info["steps"] == 0
    env.step(LEFT)
    env.reset(options={"simulator_seed": 6, "split": "ood"})
    assert env.scene.split == "ood"
    simulator.close()


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"simulator_seed": -1}, "0 or more"),
        ({"simulator_seed": 1.5}, "whole number"),
        ({"simulator_seed": 1, "start_frames": 9}, "1..8"),
        ({"simulator_seed": 1, "split": "odd"}, "ood"),
        ({"simulator_seed": 1, "episode": "x"}, "not both"),
        ({"simulator_seed": 1, "frames": "x"}, "not both"),
        ({"split": "ood"}, "simulator_seed"),
    ],
)
def test_a_simulator_start_that_is_none_says_so(
    env: WorldModelEnv, options: dict[str, Any], hint: str
) -> None:
    with pytest.raises(InputError, match=hint):
        env.reset(options=options)


def test_starts_written_anew_are_read_anew(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "000.safetensors"
    for scene_seed, episode in enumerate(checkpoint[1][:2]):
        scene = replace(episode.scene, seed=scene_seed)
        save_episode(path, replace(episode, scene=scene))
        os.utime(path, ns=(scene_seed, scene_seed))
        assert Starts((path,)).template == scene


def test_bad_arguments_say_what_to_do(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = str(checkpoint[0])
    with pytest.raises(InputError, match="checkpoint"):
        WorldModelEnv("psh-64")
    with pytest.raises(InputError, match="size_px=64"):
        WorldModelEnv(folder, size_px=128)
    with pytest.raises(InputError, match="passes"):
        WorldModelEnv(folder, passes=0)
    with pytest.raises(InputError, match="whole"):
        WorldModelEnv(folder, passes=1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="rgb_array"):
        WorldModelEnv(folder, render_mode="rgb")
    with pytest.raises(InputError):
        WorldModelEnv(str(tmp_path))


def test_it_runs_without_pybullet(checkpoint: Checkpoint) -> None:
    code = (
        "import sys; sys.modules['pybullet'] = None; import gymnasium, worldsim;"
        f"env = gymnasium.make('worldsim/Push-WM-v0', checkpoint={str(checkpoint[0])!r});"
        "env.reset(seed=0); print(env.step([0.5, 0.5])[0].shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(64, 64, 3)"


def test_a_scenario_without_a_shipped_model_says_how_to_get_one(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="is a model of 'push', not of 'drop'"):
        gymnasium.make("worldsim/Drop-WM-v0", checkpoint=str(checkpoint[0]))
    monkeypatch.setattr(checkpoints, "names", lambda: ["push-64"])
    with pytest.raises(InputError, match="no model of 'drop' ships .*worldsim train"):
        gymnasium.make("worldsim/Drop-WM-v0")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_model_of_every_scenario_ships(name: str) -> None:
    env = gymnasium.make(SCENARIOS[name].model_id)
    frame, info = env.reset(seed=0)
    size_px = 64 if name == "push" else 128
    assert frame.shape == (size_px, size_px, 3)
    for _ in range(3):
        frame, *_ = env.step(env.action_space.sample())
    assert env.observation_space.contains(frame)
    env.close()


def test_a_camera_that_moves_is_followed() -> None:
    """Orbit's task hangs on where the camera is; the actions tell."""
    episode = Collector(seed=5, steps=12, scenario="orbit", size_px=128)(0)
    assert episode.states is not None
    env = WorldModelEnv("all-128", scenario="orbit")
    _, info = env.reset(options={"episode": episode, "start_frames": 8})
    eye, target = (episode.scene.index(name) for name in ("camera", "target"))
    for action, t in ((None, 7), (episode.actions[7], 8), (episode.actions[8], 9)):
        if action is not None:
            *_, info = env.step(action)
        for name in ("position_m", "orientation_xyzw"):
            true = getattr(episode.states, name)[t, eye]
            np.testing.assert_allclose(info[name][eye], true, atol=1e-9)
        if t == 7:
            off_m = info["position_m"][target] - episode.states.position_m[t, target]
            assert np.linalg.norm(off_m) < 0.02
            true = Moment(*(getattr(episode.states, n)[t] for n in MOMENT))
            wanted = find_scenario("orbit").task(episode.scene, true).distance_m
            assert info["distance_m"] == pytest.approx(wanted, abs=0.02)
    state = DreamState.from_bytes(env.get_state().to_bytes())
    ahead = env.step(episode.actions[9])[4]
    env.set_state(state)
    again = env.step(episode.actions[9])[4]
    assert np.array_equal(ahead["position_m"], again["position_m"])
