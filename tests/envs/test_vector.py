"""Dreams in one batch are what each WorldModelEnv is alone, and Gymnasium's vector rules hold."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from worldsim.envs.vector.world_model import WorldModelVectorEnv
from worldsim.envs.world_model_env import WorldModelEnv
from worldsim.episode import Episode
from worldsim.errors import InputError

Checkpoint = tuple[Path, list[Episode]]
DREAMS, LIMIT = 3, 5


def vector(checkpoint: Checkpoint, **arguments: Any) -> WorldModelVectorEnv:
    given = {"max_episode_steps": LIMIT, **arguments}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = gymnasium.make_vec(
            "worldsim/Push-WM-v0", DREAMS, checkpoint=str(checkpoint[0]), **given
        )
    assert isinstance(made, WorldModelVectorEnv)
    return made


def alone(checkpoint: Checkpoint, **arguments: Any) -> list[gymnasium.Env[Any, Any]]:
    make = gymnasium.make
    given = {"max_episode_steps": LIMIT, "checkpoint": str(checkpoint[0]), **arguments}
    return [make("worldsim/Push-WM-v0", **given) for _ in range(DREAMS)]


def actions(step: int) -> Any:
    return np.random.default_rng(step).uniform(-1, 1, (DREAMS, 2)).astype(np.float32)


def model_values(env: Any) -> Any:
    return env.unwrapped._dreams.stepper.last.numpy()


def assert_alike(batch: WorldModelVectorEnv, singles: list[gymnasium.Env[Any, Any]]) -> None:
    for row, single in enumerate(singles):
        assert np.abs(model_values(batch)[row] - model_values(single)[0]).max() < 1e-4


@pytest.mark.parametrize("passes", [1, 2])
def test_a_batch_gives_what_single_ones_give(checkpoint: Checkpoint, passes: int) -> None:
    """Over resets in the next step; a first partial one makes the rows of different ages."""
    batch = vector(checkpoint, passes=passes)
    singles = alone(checkpoint, passes=passes)
    frames, infos = batch.reset(seed=7)
    for row, single in enumerate(singles):
        frame, info = single.reset(seed=7 + row)
        assert np.array_equal(frame, frames[row])
        assert all(np.array_equal(info[key], infos[key][row]) for key in info)
        assert all(infos[f"_{key}"].all() for key in info)
    for step in range(2):
        batch.step(actions(step))
        for row, single in enumerate(singles):
            single.step(actions(step)[row])
    batch.reset(options={"reset_mask": np.array([False, True, False])})
    singles[1].reset()
    ended = [False] * DREAMS
    for step in range(2, 4 + 2 * LIMIT):
        acted = actions(step)
        frames, rewards, terminated, truncated, infos = batch.step(acted)
        for row, single in enumerate(singles):
            if ended[row]:
                frame, info = single.reset()
                wanted = (0.0, False, False)
            else:
                frame, *wanted, info = single.step(acted[row])
            assert np.abs(frame.astype(int) - frames[row]).max() <= 1
            assert (rewards[row], terminated[row], truncated[row]) == tuple(wanted)
            assert infos["steps"][row] == info["steps"]
            ended[row] = bool(terminated[row] or truncated[row])
        assert_alike(batch, singles)
    assert len(set(infos["steps"])) > 1


@pytest.mark.parametrize("env_id", ["worldsim/Push-WM-v0", "worldsim/Drop-WM-v0"])
def test_so_do_the_models_that_ship(env_id: str) -> None:
    batch = gymnasium.make_vec(env_id, 2)
    singles = [gymnasium.make(env_id) for _ in range(2)]
    starts = [
        (batch.reset(seed=[0, 3]), single.reset(seed=3 * row)) for row, single in enumerate(singles)
    ]
    assert all(np.array_equal(many[0][row], one[0]) for row, (many, one) in enumerate(starts))
    for step in range(3):
        acted = actions(step)[:2]
        frames, rewards, _, _, infos = batch.step(acted)
        for row, single in enumerate(singles):
            frame, reward, _, _, info = single.step(acted[row])
            assert np.array_equal(frame, frames[row]) and reward == rewards[row]
            assert all(np.array_equal(info[key], infos[key][row]) for key in info)


def test_it_keeps_gymnasiums_face(checkpoint: Checkpoint) -> None:
    batch = vector(checkpoint, autoreset_mode="SameStep")
    assert batch.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert batch.spec is not None and batch.spec.id == "worldsim/Push-WM-v0"
    synced = gymnasium.make_vec(
        "worldsim/Push-WM-v0", DREAMS, vectorization_mode="sync", checkpoint=str(checkpoint[0])
    )
    for name in ("observation_space", "action_space", "single_observation_space"):
        assert getattr(batch, name) == getattr(synced, name)
    _, wanted = synced.reset(seed=0)
    frames, infos = batch.reset(seed=0)
    assert batch.observation_space.contains(frames)
    assert {k: (v.shape, v.dtype) for k, v in infos.items()} == {
        k: (v.shape, v.dtype) for k, v in wanted.items()
    }
    frames, rewards, terminated, truncated, _ = batch.step(batch.action_space.sample())
    assert batch.observation_space.contains(frames)
    assert (rewards.dtype, terminated.dtype, truncated.dtype) == (np.float64, np.bool_, np.bool_)


def test_same_step_hands_over_what_was_last(checkpoint: Checkpoint) -> None:
    batch = vector(checkpoint, autoreset_mode=AutoresetMode.SAME_STEP)
    singles = alone(checkpoint)
    batch.reset(seed=[3, 1, 2])
    for single, seed in zip(singles, (3, 1, 2), strict=True):
        single.reset(seed=seed)
    for step in range(LIMIT):
        frames, _, _, truncated, infos = batch.step(actions(step))
        last = [single.step(actions(step)[row]) for row, single in enumerate(singles)]
    assert truncated.all() and infos["_final_obs"].all() and infos["_final_info"].all()
    for row, single in enumerate(singles):
        assert np.abs(infos["final_obs"][row].astype(int) - last[row][0]).max() <= 1
        assert infos["final_info"]["steps"][row] == LIMIT
        assert np.array_equal(frames[row], single.reset()[0]) and infos["steps"][row] == 0


def test_disabled_waits_for_a_reset(checkpoint: Checkpoint) -> None:
    batch = vector(checkpoint, autoreset_mode=AutoresetMode.DISABLED)
    with pytest.raises(gymnasium.error.ResetNeeded, match="all dreams"):
        batch.reset(options={"reset_mask": np.array([True, False, False])})
    batch.reset(seed=0)
    batch.step(actions(0))
    mask = np.array([True, False, False])
    before, _, _, _, _ = batch.step(actions(1))
    frames, infos = batch.reset(seed=9, options={"reset_mask": mask})
    assert infos["_steps"].tolist() == mask.tolist()
    assert np.array_equal(frames[1:], before[1:])
    assert np.array_equal(frames[0], alone(checkpoint)[0].reset(seed=9)[0])
    for step in range(LIMIT - 2):
        _, _, _, truncated, _ = batch.step(actions(step))
    assert truncated.tolist() == [False, True, True]
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset_mask"):
        batch.step(actions(0))
    batch.reset(options={"reset_mask": truncated})
    batch.step(actions(0))


@pytest.mark.parametrize(
    "mask", [[True] * DREAMS, np.ones(2, bool), np.zeros(DREAMS, bool), np.ones(DREAMS, int)]
)
def test_a_bad_mask_is_refused(checkpoint: Checkpoint, mask: Any) -> None:
    batch = vector(checkpoint)
    batch.reset(seed=0)
    with pytest.raises(InputError, match="reset_mask"):
        batch.reset(options={"reset_mask": mask})


def test_rows_begin_where_their_options_say(checkpoint: Checkpoint) -> None:
    batch = vector(checkpoint)
    one, other = checkpoint[1]
    frames, _ = batch.reset(options={"episode": one, "start_frames": 2})
    assert all(np.array_equal(frame, one.frames[1]) for frame in frames)
    each = [{"episode": one, "start_frames": 1}, {"episode": other, "start_frames": 8}, {}]
    frames, _ = batch.reset(options={"each": each})
    assert np.array_equal(frames[0], one.frames[0]) and np.array_equal(frames[1], other.frames[7])
    single = WorldModelEnv(str(checkpoint[0]))
    single.reset(options=each[1])
    batch.step(actions(0))
    single.step(actions(0)[1])
    assert np.abs(model_values(batch)[1] - model_values(single)[0]).max() < 1e-4
    for each, hint in (([{}], "one a dream"), ([{"epsiode": 3}] * DREAMS, "episode")):
        with pytest.raises(InputError, match=hint):
            batch.reset(options={"each": each})


def test_bad_actions_change_nothing(checkpoint: Checkpoint) -> None:
    batch = vector(checkpoint)
    batch.reset(seed=0)
    states = batch.get_state()
    wanted = batch.step(actions(0))[0]
    batch.set_state(states)
    for bad in (
        actions(0)[0],
        actions(0)[:2],
        np.full((DREAMS, 2), np.nan),
        2 * np.ones((DREAMS, 2)),
    ):
        with pytest.raises(InputError):
            batch.step(bad)
    assert np.array_equal(batch.step(actions(0))[0], wanted)


def test_states_come_back_bit_by_bit_and_wander_between_environments(
    checkpoint: Checkpoint,
) -> None:
    batch = vector(checkpoint, passes=2, max_episode_steps=4)
    batch.reset(seed=0)
    batch.step(actions(0))
    batch.reset(options={"reset_mask": np.array([False, True, True])})
    batch.step(actions(1))
    states = batch.get_state()
    wanted = [batch.step(actions(step)) for step in range(9)]
    batch.reset(seed=5)
    batch.set_state(states)
    for step, row in enumerate(wanted):
        got = batch.step(actions(step))
        assert all(np.array_equal(one, other) for one, other in zip(got[:4], row[:4], strict=True))
    single = WorldModelEnv(str(checkpoint[0]), passes=2)
    frame, info = single.set_state(states[1])
    assert info["steps"] == 1
    assert np.abs(single.step(actions(0)[1])[0].astype(int) - wanted[0][0][1]).max() <= 1
    for bad in (states[:2], [states[0], "dream", states[1]]):
        with pytest.raises(InputError):
            batch.set_state(bad)  # type: ignore[arg-type]


def test_misuse_says_what_to_do(checkpoint: Checkpoint) -> None:
    batch = vector(checkpoint, render_mode="rgb_array")
    for call in (lambda: batch.step(actions(0)), batch.render, batch.get_state):
        with pytest.raises(gymnasium.error.ResetNeeded):
            call()
    frames, _ = batch.reset(seed=0)
    shown = batch.render()
    assert shown is not None and np.array_equal(np.stack(shown), frames)
    with pytest.raises(InputError, match="3 seeds"):
        batch.reset(seed=[1, 2])
    batch.close()
    batch.close()
    with pytest.raises(gymnasium.error.ClosedEnvironmentError):
        batch.reset()
    for arguments, hint in (
        ({"num_envs": 0}, "num_envs"),
        ({"max_episode_steps": 0}, "max_episode_steps"),
        ({"autoreset_mode": "Never"}, "NextStep"),
    ):
        with pytest.raises(InputError, match=hint):
            WorldModelVectorEnv(checkpoint=str(checkpoint[0]), **arguments)


def test_frames_read_in_processes_are_read_alike(checkpoint: Checkpoint) -> None:
    here, there = vector(checkpoint), vector(checkpoint, workers=2)
    for seed in (1, 2):
        assert np.array_equal(here.reset(seed=seed)[0], there.reset(seed=seed)[0])
        _, rewards, _, _, infos = here.step(actions(seed))
        _, others, _, _, found = there.step(actions(seed))
        assert np.array_equal(rewards, others)
        assert all(np.array_equal(infos[key], found[key]) for key in infos)
    there.close()
    with pytest.raises(InputError, match="workers"):
        vector(checkpoint, workers=-1)
