"""A policy that learns in a model's dreams, or in the simulator, and is scored in the simulator.

`python -m worldsim.learning push --steps 40000`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
import tyro
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim import checkpoints
from worldsim.agents.policies import Policy, make_policy
from worldsim.agents.rollout import rollout, solved
from worldsim.data.atomic import write_whole
from worldsim.ends import tool
from worldsim.errors import InputError, unknown
from worldsim.sim.scenarios import SCENARIOS, find_scenario
from worldsim.sim.scene import Scene

try:
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor, VecNormalize

    from worldsim.envs.vector.stable_baselines import StableVecEnv
except ImportError as error:
    raise InputError(
        "Stable-Baselines3 is not installed; pip install 'worldsim[agents]'"
    ) from error

Where = Literal["model", "simulator"]
STATE = (16, 9)
"""A state observation: of each body its position, velocity and the position's standard error."""
ROUND_STEPS = 2048
"""Of all environments together, between two updates."""
SEEDS = 1_000_000
"""Seeds of episodes to learn from lie above it, those of episodes to be scored on below."""


class Features(VecEnvWrapper):
    """Position and velocity of the bodies that can move or are a goal, of state observations."""

    def __init__(self, envs: VecEnv, bodies: list[int]) -> None:
        self.bodies = bodies
        space = gymnasium.spaces.Box(-np.inf, np.inf, (6 * len(bodies),), np.float32)
        super().__init__(envs, observation_space=space)

    def reset(self) -> NDArray[np.float32]:
        return features(np.asarray(self.venv.reset()), self.bodies)

    def step_wait(self) -> Any:
        seen, rewards, done, infos = self.venv.step_wait()
        for row in np.flatnonzero(done):
            last = infos[row]["terminal_observation"]
            infos[row]["terminal_observation"] = features(last, self.bodies)
        return features(np.asarray(seen), self.bodies), rewards, done, infos


def features(state: NDArray[np.floating], bodies: list[int]) -> NDArray[np.float32]:
    """Of state observations (..., 144) -> (..., 6 * len(bodies))."""
    rows = np.reshape(state, (*np.shape(state)[:-1], *STATE))[..., bodies, :6]
    return rows.reshape(*rows.shape[:-2], -1).astype(np.float32)


class Learned:
    """The mean action of what PPO has learned, on the state in `info`: engine's or read."""

    def __init__(self, ppo: PPO, envs: VecNormalize, bodies: list[int]) -> None:
        self.ppo, self.envs, self.bodies = ppo, envs, bodies

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        """Nothing is kept between episodes."""

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        rows = [info[name][self.bodies] for name in ("position_m", "velocity_m_s")]
        seen = np.concatenate(rows, -1).ravel().astype(np.float32)
        action, _ = self.ppo.predict(self.envs.normalize_obs(seen), deterministic=True)
        return np.asarray(action, np.float32)


class _Progress(BaseCallback):
    """A bar that tells the mean return of the last episodes."""

    def __init__(self, steps: int, where: str) -> None:
        super().__init__()
        self.bar = tqdm(total=steps, desc=f"learning in the {where}", unit="step", disable=None)

    def _on_step(self) -> bool:
        self.bar.update(self.training_env.num_envs)
        if self.model.ep_info_buffer:
            returns = [episode["r"] for episode in self.model.ep_info_buffer]
            self.bar.set_postfix_str(f"mean return {np.mean(returns):.1f}", refresh=False)
        return True


def learn(
    scenario: str, where: Where, steps: int, envs: int, seed: int, checkpoint: str
) -> Learned:
    """PPO (Stable-Baselines3) on states, in `envs` environments at a time, `steps` in all."""
    made = _environments(scenario, where, envs, checkpoint)
    scene = find_scenario(scenario).make_scene(0)
    roles = ("free", "actuated", "marker")
    bodies = [index for index, body in enumerate(scene.bodies) if body.role in roles]
    normal = VecNormalize(Features(VecMonitor(StableVecEnv(made)), bodies), gamma=0.98)
    normal.seed(SEEDS * (1 + seed))
    round_steps = 8 * max(1, min(ROUND_STEPS, steps) // (8 * envs))
    ppo = PPO(
        "MlpPolicy",
        normal,
        n_steps=round_steps,
        batch_size=max(2, envs * round_steps // 8),
        gamma=0.98,
        ent_coef=0.0,
        learning_rate=5e-4,
        n_epochs=10,
        seed=seed,
        device="cpu",
    )
    if steps:
        ppo.learn(steps, callback=_Progress(steps, where))
    normal.training = False
    made.close()
    return Learned(ppo, normal, bodies)


def _environments(
    scenario: str, where: Where, envs: int, checkpoint: str
) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    found = find_scenario(scenario)
    if where == "model":
        return gymnasium.make_vec(
            found.model_id,
            envs,
            checkpoint=checkpoint,
            observation="state",
            autoreset_mode="SameStep",
        )
    return gymnasium.make_vec(
        found.env_id,
        envs,
        "sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        observation="state",
        draw=False,
    )


def score(scenario: str, policy: Policy, episodes: int, seed: int) -> dict[str, float]:
    """Share of successes, and mean and standard error of the return, in the simulator."""
    with gymnasium.make(find_scenario(scenario).env_id, draw=False) as env:
        rows = [rollout(env, policy, seed=seed + index) for index in range(episodes)]
    returns = [float(episode.rewards.sum()) for episode in rows]
    return {
        "success_rate": float(np.mean([solved(episode) for episode in rows])),
        "mean_return": float(np.mean(returns)),
        "return_error": float(np.std(returns) / np.sqrt(episodes)),
        "mean_steps": float(np.mean([episode.steps for episode in rows])),
    }


def main(
    scenario: tyro.conf.Positional[str],
    steps: int = 40_000,
    envs: int = 16,
    where: Where = "model",
    episodes: int = 50,
    seed: int = 0,
    checkpoint: str | None = None,
    out: Path = Path("runs/learning"),
) -> None:
    """Learn with PPO, then print how that does in the simulator beside other policies.

    Args:
        scenario: what is to be done, push for example.
        steps: of all environments together.
        envs: environments at a time; the model draws them in one batch.
        where: what is learned in: the model, or for comparison the simulator.
        episodes: of every policy in the simulator, of seeds that nothing was learned from.
        seed: draws weights and episodes to learn from.
        checkpoint: name or folder of the model; the one that ships when not given.
        out: folder for learning.json.
    """
    if scenario not in SCENARIOS:
        raise unknown("scenario", scenario, SCENARIOS)
    out.mkdir(parents=True, exist_ok=True)
    named = checkpoint or checkpoints.default(scenario)
    policies: dict[str, Policy] = {name: make_policy(name) for name in ("random", "scripted")}
    policies["PPO before"] = learn(scenario, where, 0, envs, seed, named)
    policies[f"PPO, {steps} steps"] = learn(scenario, where, steps, envs, seed, named)
    rows = {name: score(scenario, policy, episodes, 0) for name, policy in policies.items()}
    facts = {"scenario": scenario, "where": where, "steps": steps, "envs": envs, "seed": seed}
    result = {**facts, "checkpoint": named, "episodes": episodes, "policies": rows}
    write_whole(out / "learning.json", f"{json.dumps(result, indent=1)}\n".encode())
    print(table(rows))


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The result as Markdown."""
    lines = ["| policy | success | mean return | mean steps |", "|---|---|---|---|"]
    for name, row in rows.items():
        found = f"{row['mean_return']:.1f} ± {row['return_error']:.1f}"
        lines.append(f"| {name} | {row['success_rate']:.0%} | {found} | {row['mean_steps']:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(tool(main))
