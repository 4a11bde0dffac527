"""rollout: the clock, the ends, and what lands in an Episode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

import worldsim  # noqa: F401
from worldsim.agents.policies import make_policy
from worldsim.agents.rollout import replay, rollout
from worldsim.errors import InputError
from worldsim.render import Renderer
from worldsim.sim.scenarios import make_scene
from worldsim.sim.simulator import Simulator


@pytest.fixture(scope="module")
def env() -> Iterator[gymnasium.Env[Any, Any]]:
    made = gymnasium.make("worldsim/Push-v0", disable_env_checker=True)
    yield made
    made.close()


def test_the_clock(env: gymnasium.Env[Any, Any]) -> None:
    """frames[t] is what was seen when actions[t] was chosen; frames[t+1] is what followed."""
    episode = rollout(env, make_policy("explore"), seed=2, steps=12)
    with Simulator() as simulator:
        simulator.reset(episode.scene)
        renderer = Renderer(episode.scene)
        for t in range(episode.steps + 1):
            state = simulator.state()
            frame, depth_m, segmentation = renderer.draw(
                state["position_m"], state["orientation_xyzw"]
            )
            assert np.array_equal(frame, episode.frames[t])
            assert np.array_equal(depth_m, episode.depth_m[t])
            assert episode.segmentation is not None and episode.states is not None
            assert np.array_equal(segmentation, episode.segmentation[t])
            assert np.array_equal(simulator.state()["position_m"], episode.states.position_m[t])
            if t < episode.steps:
                simulator.step(episode.actions[t])


def test_an_action_moves_the_pusher_in_the_next_frame_not_this_one(
    env: gymnasium.Env[Any, Any],
) -> None:
    actions = np.zeros((6, 2), np.float32)
    actions[3] = (-1.0, 0.0)
    scene = make_scene("push", 2)
    episode = replay(env, actions, options={"scene": scene})
    assert episode.states is not None
    pusher_m = episode.states.position_m[:, scene.index("pusher"), 0]
    moved_m = np.abs(np.diff(pusher_m))
    assert moved_m[3] > 0.02 and moved_m[:3].max() < 1e-3


def test_ends(env: gymnasium.Env[Any, Any]) -> None:
    won = rollout(env, make_policy("scripted"), seed=0)
    assert won.terminated[-1] and not won.terminated[:-1].any() and not won.truncated.any()
    late = rollout(env, make_policy("zero"), seed=0)
    assert late.steps == 100 and late.truncated[-1] and not late.truncated[:-1].any()
    cut = rollout(env, make_policy("zero"), seed=0, steps=5)
    assert cut.steps == 5 and not cut.truncated.any() and not cut.terminated.any()


def test_replay_repeats(env: gymnasium.Env[Any, Any]) -> None:
    first = rollout(env, make_policy("explore"), seed=9, steps=30)
    again = replay(env, first.actions, options={"scene": first.scene})
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.rewards, again.rewards)
    assert again.source == "simulator"


def test_bad_input(env: gymnasium.Env[Any, Any]) -> None:
    with pytest.raises(InputError, match="at least 1"):
        rollout(env, make_policy("zero"), seed=0, steps=0)
    with pytest.raises(InputError, match="seed"):
        rollout(env, make_policy("zero"), seed=-1)
    with pytest.raises(InputError, match="give steps"):
        rollout(env.unwrapped, make_policy("zero"), seed=0)
