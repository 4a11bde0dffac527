"""Who acts: bounds, determinism, and how well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

import worldsim  # noqa: F401
from worldsim.agents.noise import OrnsteinUhlenbeck
from worldsim.agents.policies import POLICIES, FixedActions, make_policy
from worldsim.agents.rollout import rollout
from worldsim.errors import InputError
from worldsim.sim.scenarios import make_scene

SCENE = make_scene("push", 0)
NOTHING_SEEN = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def env() -> Iterator[gymnasium.Env[Any, Any]]:
    made = gymnasium.make("worldsim/Push-v0", disable_env_checker=True)
    yield made
    made.close()


def successes(env: gymnasium.Env[Any, Any], name: str, episodes: int) -> int:
    played = (rollout(env, make_policy(name), seed=seed) for seed in range(episodes))
    return sum(bool(episode.terminated[-1]) for episode in played)


def test_scripted_solves_the_task(env: gymnasium.Env[Any, Any]) -> None:
    assert successes(env, "scripted", 25) >= 20


def test_random_does_not(env: gymnasium.Env[Any, Any]) -> None:
    assert successes(env, "random", 15) < 3


@pytest.mark.parametrize("name", POLICIES)
def test_actions_fit_and_repeat(env: gymnasium.Env[Any, Any], name: str) -> None:
    one, other = (rollout(env, make_policy(name), seed=4, steps=40) for _ in range(2))
    assert one.actions.dtype == np.float32 and np.abs(one.actions).max() <= 1.0
    assert np.array_equal(one.actions, other.actions)
    assert np.array_equal(one.frames, other.frames)


@pytest.mark.parametrize("name", ["random", "ou", "explore"])
def test_the_seed_matters(env: gymnasium.Env[Any, Any], name: str) -> None:
    one, other = (rollout(env, make_policy(name), seed=seed, steps=10) for seed in (0, 1))
    assert not np.array_equal(one.actions, other.actions)


def test_ou_spread_and_memory() -> None:
    policy = OrnsteinUhlenbeck(memory_s=0.5, spread=0.2)
    policy.reset(SCENE, np.random.default_rng(0))
    values = np.stack([policy.act(NOTHING_SEEN, {}) for _ in range(20_000)])
    assert values.std() == pytest.approx(0.2, rel=0.05)
    correlation = np.corrcoef(values[:-5, 0], values[5:, 0])[0, 1]
    assert correlation == pytest.approx(np.exp(-1.0), abs=0.05)


def test_unknown_policy_names_the_near_one() -> None:
    with pytest.raises(InputError, match="scripted"):
        make_policy("script")


@pytest.mark.parametrize("actions", [[0.0, 0.0], [[0.0, np.nan]], [[0.0]], [[2.0, 0.0]]])
def test_fixed_actions_are_checked(actions: Any) -> None:
    with pytest.raises(InputError):
        FixedActions(actions).reset(SCENE, np.random.default_rng(0))
