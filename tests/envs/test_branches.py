"""A moment goes on bit by bit: in the same environment, in another process, in many at once."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worldsim.envs.dream.state import DreamState
from worldsim.envs.simulator_env import SimulatorEnv
from worldsim.envs.states import SimulatorState
from worldsim.envs.world_model_env import WorldModelEnv
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.sim.scenarios import SCENARIOS

Checkpoint = tuple[Path, list[Episode]]
BRANCHES = 3

GO_ON = """
import sys
from pathlib import Path
from test_branches import dreamed, simulated
print((dreamed if sys.argv[1] == "dream" else simulated)(*sys.argv[2:]))
"""


def played(env: Any, size: int) -> str:
    """The frames and rewards of ten steps, as a number."""
    seen = hashlib.sha256()
    rng = np.random.default_rng(3)
    for _ in range(10):
        frame, reward, *_, info = env.step(rng.uniform(-1, 1, size).astype(np.float32))
        for part in (frame, reward, info["depth_m"], info["position_m"], info["velocity_m_s"]):
            seen.update(np.ascontiguousarray(part).tobytes())
    return seen.hexdigest()


def dreamed(state: str, checkpoint: str) -> str:
    env = WorldModelEnv(checkpoint, passes=2)
    env.set_state(DreamState.from_bytes(Path(state).read_bytes()))
    return played(env, 2)


def simulated(state: str, scenario: str) -> str:
    env = SimulatorEnv(scenario)
    env.set_state(SimulatorState.from_bytes(Path(state).read_bytes()))
    return played(env, env.scene.action_spec.size)


def in_another_process(*arguments: str) -> str:
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}){GO_ON}"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_dream_goes_on_in_another_process(checkpoint: Checkpoint, tmp_path: Path) -> None:
    env = WorldModelEnv(str(checkpoint[0]), passes=2)
    env.reset(seed=4)
    for _ in range(11):  # the window, 8, is full
        env.step(np.array([0.4, -0.2], np.float32))
    path = tmp_path / "state"
    path.write_bytes(env.get_state().to_bytes())
    wanted = played(env, 2)
    assert dreamed(str(path), str(checkpoint[0])) == wanted
    assert in_another_process("dream", str(path), str(checkpoint[0])) == wanted


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_simulator_goes_on_bit_by_bit(scenario: str, tmp_path: Path) -> None:
    """Gravity, masses, motor targets and queued forces included: they are the scene's."""
    env = SimulatorEnv(scenario, split="ood")
    env.reset(seed=4)
    size = env.scene.action_spec.size
    for _ in range(6):
        env.step(np.full(size, 0.3, np.float32))
    path = tmp_path / "state"
    path.write_bytes(env.get_state().to_bytes())
    wanted = played(env, size)
    env.reset(seed=5)
    env.close()
    assert simulated(str(path), scenario) == wanted
    if scenario == "arm":
        assert in_another_process("simulator", str(path), scenario) == wanted


@pytest.mark.parametrize("kind", ["dream", "simulator"])
def test_branches_go_their_own_ways(checkpoint: Checkpoint, kind: str) -> None:
    env: Any = WorldModelEnv(str(checkpoint[0])) if kind == "dream" else SimulatorEnv()
    env.reset(seed=1)
    start = np.array([0.5, 0.5], np.float32)
    env.step(start)
    branches = env.branch(BRANCHES)
    ways = np.array([[0.5, 0.5], [-0.5, 0.1], [0.5, 0.5]], np.float32)
    for _ in range(4):
        frame, reward, *_ = env.step(start)
        frames, rewards, terminated, truncated, infos = branches.step(ways)
    assert np.array_equal(frames[0], frame) and np.array_equal(frames[2], frame)
    assert rewards[0] == reward and not np.array_equal(frames[1], frame)
    assert infos["steps"].tolist() == [5] * BRANCHES and not (terminated | truncated).any()
    branches.close()
    assert np.isfinite(env.step(start)[1])
    with pytest.raises(InputError, match="1 or more"):
        env.branch(0)


def test_branches_draw_noise_of_their_own(checkpoint: Checkpoint) -> None:
    env = WorldModelEnv(str(checkpoint[0]), passes=2)
    env.reset(seed=1)
    state = env.get_state()
    actions = np.zeros((2, 2), np.float32)
    frames = env.branch(2).step(actions)[0]
    assert not np.array_equal(frames[0], frames[1])
    assert np.array_equal(frames, env.branch(2).step(actions)[0])
    wanted = env.step(actions[0])[0]
    env.set_state(state)
    assert np.array_equal(env.step(actions[0])[0], wanted)


def test_bytes_that_are_no_state_are_refused(checkpoint: Checkpoint) -> None:
    env, simulator = WorldModelEnv(str(checkpoint[0])), SimulatorEnv()
    env.reset(seed=0)
    simulator.reset(seed=0)
    dream, truth = env.get_state().to_bytes(), simulator.get_state().to_bytes()
    for kind, good in ((DreamState, dream), (SimulatorState, truth)):
        for bad in (b"", b"state", good[:-9], good[9:], truth if kind is DreamState else dream):
            with pytest.raises(InputError, match="these bytes are not"):
                kind.from_bytes(bad)
    for other in (env.get_state(), b"state", None):
        with pytest.raises(InputError, match="set_state"):
            simulator.set_state(other)  # type: ignore[arg-type]


def test_a_state_of_another_model_of_that_name_is_refused(checkpoint: Checkpoint) -> None:
    env = WorldModelEnv(str(checkpoint[0]))
    env.reset(seed=0)
    state = env.get_state()
    wanted = env.step(np.zeros(2, np.float32))[0]
    env.set_state(state)
    state.memory.cache.window += 1
    with pytest.raises(InputError, match="as it is now"):
        env.set_state(state)
    assert np.array_equal(env.step(np.zeros(2, np.float32))[0], wanted)
