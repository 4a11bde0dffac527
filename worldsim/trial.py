"""A policy tried in an environment: its episodes, how often it succeeded, and a video."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from tqdm import tqdm

from worldsim import checkpoints
from worldsim.agents.cem import CrossEntropy
from worldsim.agents.policies import POLICIES, Policy, make_policy
from worldsim.agents.rollout import rollout, solved
from worldsim.data import legacy
from worldsim.data.atomic import write_whole
from worldsim.data.store import SUFFIX, save_episode
from worldsim.envs import env_ids
from worldsim.episode import Episode
from worldsim.errors import InputError, unknown
from worldsim.eval.page.video import FILMED, film_of
from worldsim.planning import PLANNERS, Dreamed, Simulated
from worldsim.sim.scenarios import after_import

SCHEMA = 1


def trial(
    env_id: str,
    policy: str,
    episodes: int,
    out: Path,
    seed: int = 0,
    checkpoint: str | None = None,
    steps: int | None = None,
) -> dict[str, Any]:
    """Roll out `policy` for `episodes` episodes, episode k seeded with `seed` + k.

    An episode takes `steps` at most, or as many as the environment allows. The policy "cem" plans
    in dreams of the model `checkpoint`, "cem-simulator" in the simulator that it acts in.

    "module:id" is the environment of a scenario that importing the module registers.
    Writes `out`/episode_000.safetensors ..., summary.json and episodes.webm (the first ten),
    prints the summary and returns it. Raises InputError on an unknown environment, policy or
    checkpoint before anything is written.
    """
    env_id = after_import(env_id)
    if env_id not in env_ids():
        raise unknown("environment", env_id, env_ids())
    env, actor = _stage(env_id, policy, checkpoint)
    rows, filmed = [], []
    started_s = time.perf_counter()
    try:
        for index in tqdm(range(episodes), desc=policy, unit="episode", disable=None):
            episode = rollout(env, actor, seed=seed + index, steps=steps)
            out.mkdir(parents=True, exist_ok=True)
            save_episode(out / f"episode_{index:03d}{SUFFIX}", episode)
            rows.append(_row(index, seed + index, episode))
            filmed += [episode] if index < FILMED else []
    finally:
        env.close()
    seconds = time.perf_counter() - started_s
    for left in out.glob("episode_*"):  # of an earlier, longer trial
        if left.suffix in (SUFFIX, legacy.SUFFIX) and left.name not in {
            row["file"] for row in rows
        }:
            left.unlink()
    summary = _summary(env_id, policy, filmed[0].source, rows, seconds)
    write_whole(out / "summary.json", f"{json.dumps(summary, indent=1)}\n".encode())
    film_of(filmed, out / "episodes.webm")
    print(
        f"{policy} in {env_id}: success in {summary['success_rate']:.0%} of {episodes} episodes, "
        f"mean return {summary['mean_return']:.2f}, mean length {summary['mean_steps']:.0f} steps, "
        f"{summary['frames_per_s']:.0f} frames/s\n{out}/summary.json, {out}/episodes.webm"
    )
    return summary


def _stage(
    env_id: str, policy: str, checkpoint: str | None
) -> tuple[gymnasium.Env[Any, Any], Policy]:
    """The environment, and who acts in it."""
    if policy not in (*POLICIES, *PLANNERS):
        raise unknown("policy", policy, (*POLICIES, *PLANNERS))
    modelled = bool({"WM", "Twin"} & set(env_id.split("-")))
    if checkpoint is not None and not modelled and policy != "cem":
        raise InputError(f"{env_id} is the simulator and takes no --checkpoint")
    if policy == "cem-simulator" and modelled:
        raise InputError(f"cem-simulator plans in the simulator that it acts in, not in {env_id}")
    settings: dict[str, Any] = {} if checkpoint is None else {"checkpoint": checkpoint}
    if policy == "cem":
        scenario = gymnasium.spec(env_id).kwargs["scenario"]
        dreamed = Dreamed(checkpoint or checkpoints.default(scenario))
        env = gymnasium.make(env_id, **(settings if modelled else dreamed.seen_as(scenario)))
        return env, CrossEntropy(dreamed)
    env = gymnasium.make(env_id, **settings)
    if policy == "cem-simulator":
        return env, CrossEntropy(Simulated(env.unwrapped))  # type: ignore[arg-type]
    return env, make_policy(policy)


def _row(index: int, seed: int, episode: Episode) -> dict[str, Any]:
    return {
        "file": f"episode_{index:03d}{SUFFIX}",
        "seed": seed,
        "steps": episode.steps,
        "return": float(episode.rewards.sum()),
        "success": solved(episode),
    }


def _summary(
    env_id: str, policy: str, source: str, rows: list[dict[str, Any]], seconds: float
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "env": env_id,
        "source": source,
        "policy": policy,
        "success_rate": float(np.mean([row["success"] for row in rows])),
        "mean_return": float(np.mean([row["return"] for row in rows])),
        "mean_steps": float(np.mean([row["steps"] for row in rows])),
        "frames_per_s": sum(row["steps"] for row in rows) / seconds,
        "episodes": rows,
    }
