"""A policy tried in an environment: its episodes, how often it succeeded, and a video."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from tqdm import tqdm

from worldsim.agents.policies import make_policy
from worldsim.agents.rollout import rollout, solved
from worldsim.data import legacy
from worldsim.data.atomic import write_whole
from worldsim.data.store import SUFFIX, save_episode
from worldsim.envs import env_ids
from worldsim.episode import Episode
from worldsim.errors import InputError, unknown
from worldsim.eval.page.video import FILMED, film_of
from worldsim.sim.scenarios import after_import

SCHEMA = 1


def trial(
    env_id: str, policy: str, episodes: int, out: Path, seed: int = 0, checkpoint: str | None = None
) -> dict[str, Any]:
    """Roll out `policy` for `episodes` episodes, episode k seeded with `seed` + k.

    "module:id" is the environment of a scenario that importing the module registers.
    Writes `out`/episode_000.safetensors ..., summary.json and episodes.webm (the first ten),
    prints the summary and returns it. Raises InputError on an unknown environment, policy or
    checkpoint before anything is written.
    """
    env_id = after_import(env_id)
    if env_id not in env_ids():
        raise unknown("environment", env_id, env_ids())
    if checkpoint is not None and not {"WM", "Twin"} & set(env_id.split("-")):
        raise InputError(f"{env_id} is the simulator and takes no --checkpoint")
    actor = make_policy(policy)
    settings: dict[str, Any] = {} if checkpoint is None else {"checkpoint": checkpoint}
    env = gymnasium.make(env_id, **settings)
    rows, filmed = [], []
    started_s = time.perf_counter()
    try:
        for index in tqdm(range(episodes), desc=policy, unit="episode", disable=None):
            episode = rollout(env, actor, seed=seed + index)
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
