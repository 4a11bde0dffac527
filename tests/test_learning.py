"""Learning: states are cut alike wherever they come from, and what is learned is scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_checkpoint import write_checkpoint

from worldsim.envs.simulator_env import SimulatorEnv
from worldsim.errors import InputError

pytest.importorskip("stable_baselines3", reason="the extra agents is not installed")
from worldsim import learning  # noqa: E402


def test_a_policy_sees_in_info_what_it_learned_from_in_states() -> None:
    """Features of a state observation are those that `Learned` makes of the same moment's info."""
    env = SimulatorEnv("push", observation="state", draw=False, size_px=32)
    state, info = env.reset(seed=3)
    state, _, _, _, info = env.step(np.array([0.5, -0.5], np.float32))
    env.close()
    bodies, asked = [0, 3, 1], []

    class Spy:
        def normalize_obs(self, seen: Any) -> Any:
            asked.append(seen)
            return seen

        def predict(self, seen: Any, deterministic: bool) -> Any:
            return np.zeros(2), None

    learning.Learned(Spy(), Spy(), bodies).act(np.zeros((1, 1, 3), np.uint8), info)  # type: ignore[arg-type]
    assert asked[0].shape == (18,)
    assert np.array_equal(asked[0], learning.features(state, bodies))


@pytest.mark.parametrize("where", ["model", "simulator"])
def test_it_learns_and_is_scored_in_the_simulator(
    where: learning.Where,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_checkpoint(tmp_path / "random")
    learned: list[learning.Learned] = []
    learn = learning.learn
    monkeypatch.setattr(learning, "learn", lambda *a: learned.append(learn(*a)) or learned[-1])
    model = str(tmp_path / "random")
    learning.main("push", 64, 2, where, 2, 1, model, tmp_path / "found")
    before, after = (dict(each.ppo.policy.named_parameters()) for each in learned)
    assert any(not before[name].equal(after[name]) for name in before)
    found = json.loads((tmp_path / "found" / "learning.json").read_text())
    assert list(found["policies"]) == ["random", "scripted", "PPO before", "PPO, 64 steps"]
    scripted, random = (found["policies"][name]["mean_return"] for name in ("scripted", "random"))
    assert scripted > random
    assert "| PPO, 64 steps |" in capsys.readouterr().out


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(InputError, match="push"):
        learning.main("pusch")
