"""TwinEnv: both sides under the same actions, and a dream measured against the truth."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from worldsim.agents.policies import make_policy
from worldsim.agents.rollout import rollout
from worldsim.envs.simulator_env import SimulatorEnv
from worldsim.envs.twin_env import GAP_PX, TwinEnv
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.checks.position import diagonal_m
from worldsim.frames import to_model

Checkpoint = tuple[Path, list[Episode]]
LEFT = np.array([-0.8, 0.1], np.float32)


def made(checkpoint: Checkpoint, **settings: Any) -> TwinEnv:
    return TwinEnv("push", str(checkpoint[0]), end_on_success=False, **settings)


class Oracle:
    """A model that knows the truth: it draws the simulator's frame, as `spoil` changes it."""

    def __init__(self, env: TwinEnv) -> None:
        self.env, self.spoil = env, lambda frame, depth_m, truth: None
        env.dream._dreams.stepper.step = self.step  # type: ignore[method-assign,assignment]

    def step(self, actions: torch.Tensor, generator: object = None) -> torch.Tensor:
        simulator = self.env.simulator
        state = simulator._simulator.state()
        frame, depth_m, labels = simulator._images(state)
        frame, depth_m = frame.copy(), depth_m.copy()
        self.spoil(frame, depth_m, labels)  # type: ignore[no-untyped-call]
        values = to_model(frame[None], depth_m[None], self.env.dream.depth_range_m)
        return torch.from_numpy(values)


def test_check_env_is_clean(checkpoint: Checkpoint) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(
            "worldsim/Push-Twin-v0", checkpoint=str(checkpoint[0]), render_mode="rgb_array"
        )
        check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("resync", ["never", "on_error"])
def test_a_seed_gives_the_same_episode(checkpoint: Checkpoint, resync: Any) -> None:
    env = made(checkpoint, resync=resync)

    def play(seed: int) -> list[Any]:
        return [env.reset(seed=seed), *(env.step(LEFT) for _ in range(5))]

    first = play(3)
    play(4)
    for one, other in zip(first, play(3), strict=True):
        assert np.array_equal(one[0], other[0]) and one[1:-1] == other[1:-1]
        for key in ("error_m", "error_deg", "lost", "contact_agreement"):
            assert np.array_equal(one[-1]["twin"][key], other[-1]["twin"][key])


def test_the_truth_is_the_simulators_of_the_same_seed(checkpoint: Checkpoint) -> None:
    env, alone = made(checkpoint, observe="truth"), SimulatorEnv(end_on_success=False)
    one, other = env.reset(seed=5), alone.reset(seed=5)
    for _ in range(4):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1]["position_m"], other[1]["position_m"])
        (*one_head, one_info), (*other_head, other_info) = env.step(LEFT), alone.step(LEFT)
        assert one_head[1:] == other_head[1:]
        one, other = (one_head[0], one_info), (other_head[0], other_info)
    assert np.array_equal(one[1]["truth"]["position_m"], other[1]["position_m"])
    assert env.source == "simulator" and made(checkpoint).source == "model:random"


def test_a_dream_of_the_truth_is_without_error(checkpoint: Checkpoint) -> None:
    env = made(checkpoint)
    Oracle(env)
    _, info = env.reset(seed=1)
    moving = [env.scene.index(name) for name in ("pusher", "sphere", "box")]
    agreement = []
    for step in range(1, 9):
        _, reward, _, _, info = env.step(LEFT)
        twin = info["twin"]
        assert (twin["error_m"][moving] < 0.01).all() and not twin["lost"].any()
        assert twin["judged"].nonzero()[0].tolist() == sorted(moving)
        box = env.scene.index("box")
        assert twin["turn_read"][box] and 0.0 < twin["error_deg"][box] < 5.0
        assert twin["valid"] and twin["valid_horizon_steps"] == step == info["steps"]
        assert reward == twin["rewards"]["dream"]
        assert abs(reward - twin["rewards"]["truth"]) < 0.02
        agreement.append(twin["contact_agreement"])
    assert np.mean(agreement) > 0.9


def test_a_body_painted_out_of_the_dream_is_reported(checkpoint: Checkpoint) -> None:
    env = made(checkpoint, render_mode="rgb_array")
    oracle = Oracle(env)
    env.reset(seed=1)
    env.step(LEFT)
    box = env.scene.index("box")
    table = env.scene.index("table") + 1

    def paint(frame: Any, depth_m: Any, labels: Any) -> None:
        frame[labels == box + 1] = np.median(frame[labels == table], axis=0)
        depth_m[labels == box + 1] = depth_m[labels == table].max()

    oracle.spoil = paint
    for step in (2, 3):
        _, _, _, _, info = env.step(LEFT)
        twin = info["twin"]
        assert twin["lost"].nonzero()[0].tolist() == [box] and not info["body_found"][box]
        assert twin["error_m"][box] == diagonal_m(env.scene) and not twin["turn_read"][box]
        assert twin["valid"] == (step == 2) and twin["valid_horizon_steps"] == 2
    picture = env.render()
    assert picture is not None
    width = env.dream.size_px
    true, drawn = picture[:, :width], picture[:, width + GAP_PX : 2 * width + GAP_PX]
    hole = info["truth"]["segmentation"] == box + 1
    assert (np.abs(true.astype(int) - drawn).max(-1)[hole] > 20).mean() > 0.9
    assert picture.shape == (width, 3 * width + 2 * GAP_PX, 3)
    assert picture[:, 2 * (width + GAP_PX) :][hole].mean() > 30.0


@pytest.mark.parametrize("start_frames", [1, 3])
def test_every_n_starts_from_true_frames(checkpoint: Checkpoint, start_frames: int) -> None:
    """The step after n is what a dream of the true frames draws."""
    env = made(checkpoint, resync="every_n", resync_steps=3, start_frames=start_frames)
    plain = made(checkpoint, start_frames=start_frames)
    env.reset(seed=2)
    plain.reset(seed=2)
    marks, alike = [], []
    for _ in range(7):
        dreamed, _, _, _, info = env.step(LEFT)
        other, *_ = plain.step(LEFT)
        marks.append(info["twin"]["resynced"])
        alike.append(np.array_equal(dreamed, other))
    assert marks == [False, False, False, True, False, False, True]
    assert alike == [True] * 3 + [False] * 4
    assert info["twin"]["dream_steps"] == 1 and info["steps"] == 7


def test_on_error_starts_anew_after_an_error_only(checkpoint: Checkpoint) -> None:
    env = made(checkpoint, resync="on_error")
    oracle = Oracle(env)
    env.reset(seed=1)
    for _ in range(3):
        assert not env.step(LEFT)[4]["twin"]["resynced"]

    def blank(frame: Any, depth_m: Any, labels: Any) -> None:
        frame[:] = 128

    oracle.spoil = blank
    assert not env.step(LEFT)[4]["twin"]["resynced"]
    oracle.spoil = lambda *_: None
    twins = [env.step(LEFT)[4]["twin"] for _ in range(2)]
    assert [twin["resynced"] for twin in twins] == [True, False]
    assert [twin["valid_horizon_steps"] for twin in twins] == [1, 2]


def test_both_branch_from_a_state(checkpoint: Checkpoint) -> None:
    env = made(checkpoint, resync="every_n", resync_steps=3, start_frames=2)
    env.reset(seed=2)
    for _ in range(2):
        env.step(LEFT)
    state = env.get_state()
    ahead = [env.step(LEFT) for _ in range(4)]
    env.set_state(state)
    other = env.step(-LEFT)
    assert not np.array_equal(other[0], ahead[0][0])
    env.set_state(state)
    for frame, reward, _, _, info in ahead:
        again = env.step(LEFT)
        assert np.array_equal(again[0], frame) and again[1] == reward
        assert np.array_equal(again[4]["truth"]["position_m"], info["truth"]["position_m"])
        assert np.array_equal(again[4]["twin"]["error_m"], info["twin"]["error_m"])
        assert again[4]["twin"]["valid_horizon_steps"] == info["twin"]["valid_horizon_steps"]
    with pytest.raises(InputError, match="get_state"):
        env.set_state(env.dream.get_state())  # type: ignore[arg-type]


def test_alarms_are_told_beside_the_truth(checkpoint: Checkpoint) -> None:
    env = made(checkpoint, alarms={"uncertainty": 0.0}, truncate_on=("uncertainty",))
    env.reset(seed=0)
    _, _, _, truncated, info = env.step(LEFT)
    assert truncated and info["alarms"]["uncertainty"] and "error_m" in info["twin"]


def test_start_frames_are_the_simulators_under_no_action(checkpoint: Checkpoint) -> None:
    env, alone = made(checkpoint, start_frames=3), SimulatorEnv(end_on_success=False)
    frame, info = env.reset(seed=4)
    alone.reset(seed=4)
    for _ in range(2):
        wanted, *_ = alone.step(np.zeros(2, np.float32))
    assert np.array_equal(frame, wanted) and info["steps"] == 0
    assert info["twin"]["valid_horizon_steps"] == 0
    assert (info["twin"]["error_m"][[env.scene.index("pusher")]] < 0.01).all()


def test_a_rollout_is_an_episode(checkpoint: Checkpoint) -> None:
    episode = rollout(made(checkpoint), make_policy("random"), seed=0, steps=4)
    assert episode.source == "model:random" and episode.steps == 4


def test_bad_arguments_say_what_to_do(checkpoint: Checkpoint) -> None:
    for settings, hint in (
        ({"observe": "dreams"}, "dream"),
        ({"resync": "always"}, "never"),
        ({"resync_steps": 0}, "resync_steps"),
        ({"start_frames": 9}, r"1\.\.8"),
        ({"render_mode": "depth_array"}, "rgb_array"),
    ):
        with pytest.raises(InputError, match=hint):
            made(checkpoint, **settings)
    env = made(checkpoint)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(LEFT)
    with pytest.raises(InputError, match="scene"):
        env.reset(options={"seen": None})


def test_a_camera_that_moves_is_where_the_truth_has_it_after_a_new_start() -> None:
    env = TwinEnv("orbit", "all-128", resync="every_n", resync_steps=2, start_frames=2)
    env.reset(seed=1)
    eye = env.scene.index("camera")
    resynced = []
    for _ in range(4):
        *_, info = env.step(np.array([0.9, 0.3, -0.5], np.float32))
        resynced.append(info["twin"]["resynced"])
        for name in ("position_m", "orientation_xyzw"):
            np.testing.assert_allclose(
                info["dream"][name][eye], info["truth"][name][eye], atol=1e-9
            )
    assert resynced == [False, False, True, False]
    env.close()
