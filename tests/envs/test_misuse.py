"""What goes wrong is said clearly: nothing crashes and nothing hangs."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from worldsim.episode import Episode
from worldsim.errors import InputError

Checkpoint = tuple[Path, list[Episode]]
IDS = ["worldsim/Push-v0", "worldsim/Push-WM-v0"]
RIGHT = np.array([0.5, 0.0], np.float32)


def made(env_id: str, checkpoint: Checkpoint, **arguments: Any) -> Any:
    given = {"checkpoint": str(checkpoint[0])} if "WM" in env_id else {}
    return gymnasium.make(env_id, **given, **arguments).unwrapped


@pytest.mark.parametrize("env_id", IDS)
def test_reset_comes_first(checkpoint: Checkpoint, env_id: str) -> None:
    env = made(env_id, checkpoint)
    for call in (lambda: env.step(RIGHT), env.render, env.get_state, lambda: env.branch(2)):
        with pytest.raises(gymnasium.error.ResetNeeded, match="call reset before"):
            call()
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_after_close_every_call_says_so(checkpoint: Checkpoint, env_id: str) -> None:
    env = made(env_id, checkpoint)
    env.reset(seed=0)
    state = env.get_state()
    env.close()
    env.close()
    for call in (
        *(env.reset, lambda: env.step(RIGHT), env.render, env.get_state),
        *(lambda: env.set_state(state), lambda: env.branch(1)),
    ):
        with pytest.raises(gymnasium.error.ClosedEnvironmentError, match="closed"):
            call()


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize(
    "action", [[1, 0], [True, False], np.float64([0.5, 0]), (0.5, 0.0), np.float16([0.5, 0])]
)
def test_other_numbers_are_taken_as_numbers(
    checkpoint: Checkpoint, env_id: str, action: Any
) -> None:
    env = made(env_id, checkpoint)
    env.reset(seed=0)
    assert np.isfinite(env.step(action)[1])
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_bounds_are_strict_up_to_rounding(checkpoint: Checkpoint, env_id: str) -> None:
    env = made(env_id, checkpoint)
    env.reset(seed=0)
    env.step(np.array([np.nextafter(np.float32(1), np.float32(2)), -1.0]))
    with pytest.raises(InputError, match=r"\[-1, 1\]"):
        env.step(np.array([1.001, 0.0]))
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_two_environments_in_one_thread_do_not_meet(checkpoint: Checkpoint, env_id: str) -> None:
    def played(envs: list[Any], turns: str) -> dict[int, Any]:
        last: dict[int, Any] = {}
        for i, env in enumerate(envs):
            env.reset(seed=i)
        for turn in turns:
            last[int(turn)] = envs[int(turn)].step(RIGHT if turn == "0" else -RIGHT)[0]
        return last

    envs = [made(env_id, checkpoint) for _ in range(2)]
    mixed, apart = played(envs, "01100101"), played(envs, "00001111")
    assert all(np.array_equal(mixed[i], apart[i]) for i in range(2))
    envs[0].close()
    assert np.isfinite(envs[1].step(RIGHT)[1])
    envs[1].close()


def test_makes_wrappers_warn_of_nothing(checkpoint: Checkpoint) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for env_id in IDS:
            given = {"checkpoint": str(checkpoint[0])} if "WM" in env_id else {}
            env = gymnasium.make(env_id, max_episode_steps=2, **given)
            env.reset(seed=0)
            for _ in range(2):
                *_, truncated, _ = env.step(RIGHT)
            assert truncated
            env.reset()
            env.close()


def test_an_unknown_device_is_refused(checkpoint: Checkpoint) -> None:
    for device in ("cuda:99", "gpu"):
        with pytest.raises(InputError, match="device"):
            made("worldsim/Push-WM-v0", checkpoint, device=device)


@pytest.mark.gpu
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_processes_after_cuda_has_started(checkpoint: Checkpoint, context: str) -> None:
    """A forked child cannot use CUDA: it says so. A spawned one dreams on."""
    code = f"""
import gymnasium, numpy, torch, worldsim
torch.zeros(1, device="cuda")
def make():
    env_id = "worldsim:worldsim/Push-WM-v0"
    return gymnasium.make(env_id, checkpoint={str(checkpoint[0])!r}, device="cuda")
if __name__ == "__main__":
    try:
        envs = gymnasium.vector.AsyncVectorEnv([make] * 2, context={context!r})
        envs.reset(seed=0)
        envs.step(numpy.zeros((2, 2), numpy.float32))
        envs.close()
        print("stepped")
    except Exception as error:
        print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert ("stepped" in done.stdout) == (context == "spawn"), done.stdout + done.stderr
    assert context == "spawn" or "fork" in done.stdout + done.stderr
