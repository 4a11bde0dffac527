"""What others wrote for any environment works here as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.wrappers import FrameStackObservation, RecordEpisodeStatistics, TimeLimit
from gymnasium.wrappers.vector import RecordEpisodeStatistics as RecordVectorStatistics
from torch import Tensor, nn

from worldsim.envs.simulator_env import SimulatorEnv
from worldsim.envs.world_model_env import WorldModelEnv
from worldsim.episode import Episode
from worldsim.errors import InputError

Checkpoint = tuple[Path, list[Episode]]
ID = "worldsim/Push-WM-v0"


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.parametrize("kind", ["rgb", "rgbd", "dict"])
def test_stable_baselines_ppo_learns_on_an_id(checkpoint: Checkpoint, kind: str) -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="the extra agents is not installed")
    env = gymnasium.make(ID, checkpoint=str(checkpoint[0]), max_episode_steps=5, observation=kind)
    policy = "MultiInputPolicy" if kind == "dict" else "CnnPolicy"
    ppo = sb3.PPO(policy, env, n_steps=8, batch_size=8, n_epochs=1, seed=0)
    before = weights(ppo.policy)
    ppo.learn(8)
    after = weights(ppo.policy)
    assert torch.isfinite(after).all() and not torch.equal(before, after)


def test_stable_baselines_her_learns_from_goals(checkpoint: Checkpoint) -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="the extra agents is not installed")
    env = gymnasium.make(ID, checkpoint=str(checkpoint[0]), max_episode_steps=4, observation="goal")
    sac = sb3.SAC(
        "MultiInputPolicy",
        env,
        replay_buffer_class=sb3.HerReplayBuffer,
        learning_starts=8,
        batch_size=8,
        seed=0,
    )
    before = weights(sac.policy)
    sac.learn(12)
    assert torch.isfinite(weights(sac.policy)).all()
    assert not torch.equal(before, weights(sac.policy))


def test_stable_baselines_ppo_learns_on_the_vector_environment(checkpoint: Checkpoint) -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="the extra agents is not installed")
    from stable_baselines3.common.vec_env import VecMonitor

    from worldsim.envs.vector.stable_baselines import StableVecEnv

    given: dict[str, Any] = {"checkpoint": str(checkpoint[0]), "max_episode_steps": 3}
    with pytest.raises(InputError, match="SameStep"):
        StableVecEnv(gymnasium.make_vec(ID, 2, **given))
    envs = StableVecEnv(gymnasium.make_vec(ID, 2, autoreset_mode="SameStep", **given))
    envs.seed(5)
    first = envs.reset()
    assert first.shape == (2, 64, 64, 3) and envs.reset_infos[1]["steps"] == 0
    for step in range(1, 4):
        frames, rewards, done, infos = envs.step(np.full((2, 2), 0.5, np.float32))
        assert infos[0]["steps"] == step and infos[0]["distance_m"] == pytest.approx(-rewards[0])
    assert done.all() and infos[1]["TimeLimit.truncated"]
    assert not np.array_equal(infos[1]["terminal_observation"], frames[1])
    ppo = sb3.PPO("CnnPolicy", VecMonitor(envs), n_steps=4, batch_size=8, n_epochs=1, seed=0)
    before = weights(ppo.policy)
    ppo.learn(8)
    assert torch.isfinite(weights(ppo.policy)).all()
    assert not torch.equal(before, weights(ppo.policy))
    assert ppo.ep_info_buffer and ppo.ep_info_buffer[0]["l"] == 3
    envs.close()


class Agent(nn.Module):
    """Actor and critic as in CleanRL's ppo_continuous_action, on an image."""

    def __init__(self, actions: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 8, 4), nn.ReLU(), nn.Flatten(), nn.Linear(1800, 32)
        )
        self.actor, self.critic = nn.Linear(32, actions), nn.Linear(32, 1)
        self.log_std = nn.Parameter(torch.zeros(actions))

    def forward(self, frames: Tensor) -> tuple[torch.distributions.Normal, Tensor]:
        seen = self.body(frames.float().movedim(-1, 1) / 255)
        return torch.distributions.Normal(self.actor(seen), self.log_std.exp()), self.critic(seen)[
            :, 0
        ]


def test_a_ppo_loop_in_cleanrls_manner_learns_on_make_vec(checkpoint: Checkpoint) -> None:
    torch.manual_seed(0)
    made = gymnasium.make_vec(ID, 3, checkpoint=str(checkpoint[0]), max_episode_steps=4)
    envs = RecordVectorStatistics(made)
    agent = Agent(2)
    before, optimizer = weights(agent), torch.optim.Adam(agent.parameters(), lr=1e-3)
    frames, _ = envs.reset(seed=1)
    seen, done = torch.as_tensor(frames), torch.zeros(3)
    lengths: list[int] = []
    for _ in range(2):
        rows = []
        for _ in range(6):
            with torch.no_grad():
                chances, value = agent(seen)
                action = chances.sample()
            frames, reward, terminated, truncated, infos = envs.step(action.clamp(-1, 1).numpy())
            ended = torch.as_tensor(terminated | truncated).float()
            rows.append((seen, action, chances.log_prob(action).sum(-1), value, reward, done))
            seen, done = torch.as_tensor(frames), ended
            if "episode" in infos:
                lengths += infos["episode"]["l"][infos["_episode"]].tolist()
        observed, acted, chance, values, rewards, begun = (
            torch.stack([torch.as_tensor(row[i]) for row in rows]) for i in range(6)
        )
        returns, ahead = torch.zeros_like(values), agent(seen)[1].detach()
        for t in reversed(range(6)):
            going_on = 1 - (done if t == 5 else begun[t + 1])
            ahead = returns[t] = rewards[t].float() + 0.99 * ahead * going_on
        gain = (returns - values).flatten()
        chances, value = agent(observed.flatten(0, 1))
        ratio = (chances.log_prob(acted.flatten(0, 1)).sum(-1) - chance.flatten()).exp()
        clipped = torch.minimum(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
        loss = (value - returns.flatten()).square().mean() - clipped
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.isfinite(loss) and not torch.equal(before, weights(agent))
    assert lengths and set(lengths) == {4}


@pytest.mark.parametrize("env_id", ["worldsim/Push-v0", ID])
def test_gymnasiums_wrappers(checkpoint: Checkpoint, env_id: str) -> None:
    given = {"checkpoint": str(checkpoint[0])} if env_id == ID else {}
    bare = gymnasium.make(env_id, **given).unwrapped
    env = FrameStackObservation(RecordEpisodeStatistics(TimeLimit(bare, 3)), 4)
    frames, _ = env.reset(seed=0)
    assert frames.shape == (4, 64, 64, 3) and env.observation_space.contains(frames)
    for _ in range(3):
        last, (frames, _, _, truncated, info) = frames, env.step(np.zeros(2, np.float32))
        assert np.array_equal(frames[:-1], last[1:])
    assert truncated and info["episode"]["l"] == 3
    env.close()


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_the_simulator_runs_in_processes(context: str) -> None:
    """Scenes of Drop have more or fewer bodies; their infos still fit together."""
    here = SimulatorEnv("drop", size_px=32)
    here.reset(seed=5)

    def make() -> gymnasium.Env[Any, Any]:
        return gymnasium.make("worldsim:worldsim/Drop-v0", size_px=32)

    envs = gymnasium.vector.AsyncVectorEnv([make] * 2, context=context)
    frames, infos = envs.reset(seed=[0, 5])
    assert len(set(infos["body_count"])) == 2
    wind = np.array([[0.5, -0.5]] * 2, np.float32)
    for _ in range(3):
        frames, rewards, _, _, infos = envs.step(wind)
        frame, reward, _, _, info = here.step(wind[1])
        assert np.array_equal(frames[1], frame) and rewards[1] == reward
        assert np.array_equal(infos["position_m"][1], info["position_m"])
    envs.close()
    here.close()


def test_a_dream_goes_on_in_a_forked_process(checkpoint: Checkpoint) -> None:
    """Torch has computed in this process before; on a CPU that hinders nothing."""
    here = WorldModelEnv(str(checkpoint[0]))
    here.reset(seed=1)

    def make() -> gymnasium.Env[Any, Any]:
        return gymnasium.make(ID, checkpoint=str(checkpoint[0]))

    envs = gymnasium.vector.AsyncVectorEnv([make], context="fork")
    envs.reset(seed=[1])
    action = np.array([[0.5, 0.5]], np.float32)
    assert np.array_equal(envs.step(action)[0][0], here.step(action[0])[0])
    envs.close()
