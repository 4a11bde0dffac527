"""rollout(): one loop that makes every Episode, whatever the environment and whoever acts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from worldsim.agents.policies import FixedActions, Policy
from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.errors import InputError
from worldsim.sim.scenarios import Moment, find_scenario

STATE_KEYS = ("position_m", "orientation_xyzw", "velocity_m_s", "angular_velocity_rad_s")
CONTACT_KEYS = (
    "contact_count",
    "contact_bodies",
    "contact_point_m",
    "contact_normal",
    "contact_impulse_n_s",
)
KEPT_KEYS = ("depth_m", "segmentation", *STATE_KEYS, *CONTACT_KEYS)


def rollout(
    env: gymnasium.Env[Any, Any],
    policy: Policy,
    seed: int,
    steps: int | None = None,
    options: dict[str, Any] | None = None,
) -> Episode:
    """Let `policy` act in `env` until it ends, is truncated or has run for `steps` steps.

    `env` is a worldsim environment, wrapped or not: its frames are the observations, its infos
    hold depth, segmentation, states and contacts. `seed` seeds the environment and, apart from it,
    the policy. The scene of the episode is the environment's own.

    Raises InputError where `steps` is not positive, or is lacking for an environment without a
    limit of its own, or `seed` is negative.
    """
    if steps is not None and steps < 1:
        raise InputError(f"a rollout needs at least 1 step, got {steps}")
    if steps is None and (env.spec is None or env.spec.max_episode_steps is None):
        raise InputError("this environment has no limit of its own; give steps")
    if seed < 0:
        raise InputError(f"seed must be 0 or more, got {seed}")
    observation, info = env.reset(seed=seed, options=options)
    scene, source = env.unwrapped.scene, env.unwrapped.source  # type: ignore[attr-defined]
    if np.ndim(observation) != 3 or len(observation[0, 0]) != 3:
        raise InputError('a rollout needs frames: make the environment with observation="rgb"')
    policy.reset(scene, np.random.default_rng([seed, 1]))
    frames, seen = [observation], _Columns(info)
    acted = _Columns()
    done = False
    while not done:
        action = policy.act(observation, info)
        observation, reward, terminated, truncated, info = env.step(action)
        frames.append(observation)
        seen.add({key: info[key] for key in KEPT_KEYS})
        acted.add({"actions": action, "rewards": reward, "ended": (terminated, truncated)})
        done = terminated or truncated or len(frames) - 1 == steps
    ended, bodies = acted.stacked("ended", np.bool_), len(scene.bodies)
    return Episode(
        frames=np.stack(frames),
        depth_m=seen.stacked("depth_m", np.float32),
        segmentation=seen.stacked("segmentation", np.uint8),
        actions=acted.stacked("actions", np.float32),
        rewards=acted.stacked("rewards", np.float64),
        terminated=ended[:, 0],
        truncated=ended[:, 1],
        scene=scene,
        source=source,
        states=BodyStates(*(seen.stacked(key, np.float64)[:, :bodies] for key in STATE_KEYS)),
        contacts=Contacts(
            *(seen.stacked(key, np.int32) for key in CONTACT_KEYS[:2]),
            *(seen.stacked(key, np.float64) for key in CONTACT_KEYS[2:]),
        ),
    )


def replay(
    env: gymnasium.Env[Any, Any],
    actions: ArrayLike,
    seed: int = 0,
    options: dict[str, Any] | None = None,
) -> Episode:
    """Rollout of given actions, float32 (T, A): T steps, or fewer where the environment ends."""
    policy = FixedActions(actions)
    return rollout(env, policy, seed, steps=len(policy.actions), options=options)


def solved(episode: Episode) -> bool:
    """True where the scenario's goal holds in the last frame of a rollout."""
    states = episode.states
    if states is None:
        raise InputError("an episode without states cannot be judged; roll it out anew")
    last = Moment(states.position_m[-1], states.orientation_xyzw[-1], states.velocity_m_s[-1])
    return find_scenario(episode.scene.scenario).task(episode.scene, last).success


class _Columns:
    """Rows of named values, stacked by name."""

    def __init__(self, first: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, list[Any]] = defaultdict(list)
        self.add(first or {})

    def add(self, row: Mapping[str, Any]) -> None:
        for key, value in row.items():
            self._values[key].append(value)

    def stacked(self, key: str, dtype: Any) -> NDArray[Any]:
        return np.stack([np.asarray(value, dtype) for value in self._values[key]])
