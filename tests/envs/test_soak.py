"""Environments that step for hours: memory stays, no step gets slower, nothing is left open."""

from __future__ import annotations

import gc
import os
from typing import Any

import gymnasium
import numpy as np
import psutil
import pytest

from worldsim import checkpoints

STEPS = int(os.environ.get("SOAK_STEPS", "100000"))
LIMIT = 20  # of an episode
PARTS = 10
EPISODES_FIRST = 3  # while caches fill
SHIPPED = pytest.mark.skipif("push-64" not in checkpoints.names(), reason="needs push-64")


def processes() -> list[psutil.Process]:
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def used() -> tuple[float, int]:
    """Seconds of processor time, which other programs do not change, and bytes of memory."""
    found = processes()
    times = [process.cpu_times() for process in found]
    return sum(t.user + t.system for t in times), sum(p.memory_info().rss for p in found)


def run(env: gymnasium.vector.VectorEnv[Any, Any, Any], steps: int) -> int:
    """Steps of `steps` and a few more, to whole episodes; how many began anew."""
    rng, begun = np.random.default_rng(0), 0
    rounds = -(-steps // (env.num_envs * LIMIT))
    for _ in range(rounds * LIMIT):
        actions = rng.uniform(-1.0, 1.0, env.action_space.shape).astype(np.float32)
        _, _, terminated, truncated, _ = env.step(actions)
        begun += int((terminated | truncated).sum())
    return begun


@pytest.mark.soak
@pytest.mark.parametrize(
    ("env_id", "given"),
    [
        pytest.param("worldsim/Push-v0", {"vectorization_mode": "sync"}, id="simulator"),
        pytest.param("worldsim/Push-WM-v0", {}, id="model", marks=SHIPPED),
        pytest.param("worldsim/Push-WM-v0", {"workers": 2}, id="two readers", marks=SHIPPED),
    ],
)
def test_nothing_grows_and_nothing_is_left(env_id: str, given: dict[str, Any]) -> None:
    def made(count: int) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
        how = {"autoreset_mode": "SameStep"}
        if "vectorization_mode" in given:
            how = {"vector_kwargs": how}
        return gymnasium.make_vec(env_id, count, max_episode_steps=LIMIT, **how, **given)

    first = made(2)  # loads and compiles
    first.reset(seed=0)
    run(first, 2)
    first.close()
    open_before, alive_before = psutil.Process().num_fds(), len(processes())
    env = made(16)
    env.reset(seed=0)
    run(env, EPISODES_FIRST * 16 * LIMIT)
    seconds, bytes_held, begun = [], [], 0
    for _ in range(PARTS):
        before_s, _ = used()
        begun += run(env, STEPS // PARTS)
        after_s, held = used()
        seconds.append(after_s - before_s)
        bytes_held.append(held)
    print(f"{STEPS} steps, CPU s {np.round(seconds, 1)}, MB {np.array(bytes_held) // 2**20}")
    assert begun >= STEPS // LIMIT
    assert max(bytes_held) < 1.02 * min(bytes_held)
    assert abs(seconds[-1] / seconds[0] - 1.0) < 0.1
    env.close()
    del env, first
    gc.collect()
    assert (psutil.Process().num_fds(), len(processes())) == (open_before, alive_before)
