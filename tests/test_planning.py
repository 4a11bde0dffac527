"""What plans are tried out in: the simulator's exact state, and dreams of what was seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_checkpoint import write_checkpoint

from worldsim import cli
from worldsim.envs.simulator_env import SimulatorEnv
from worldsim.planning import Dreamed, Simulated

RNG = np.random.default_rng(0)
PLANS = RNG.uniform(-1.0, 1.0, (3, 6, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planning") / "random"
    write_checkpoint(path)
    return path


def test_the_simulator_is_asked_and_left_where_it_is() -> None:
    env = SimulatorEnv(end_on_success=False, size_px=64)
    imagined = Simulated(env)
    frame, info = env.reset(seed=4)
    imagined.begin(env.scene)
    for action in PLANS[0]:
        frame, *_, info = env.step(action)
        imagined.see(frame, info, action)
    state, worth = env.get_state(), imagined.value(PLANS)
    assert env.get_state() == state
    for plan, value in zip(PLANS, worth, strict=True):
        env.set_state(state)
        for action in plan:
            _, reward, _, _, info = env.step(action)
        apart_m = info["position_m"][env.scene.index("pusher")]
        apart_m = np.linalg.norm(apart_m - info["position_m"][env.scene.index("box")])
        assert value == pytest.approx(reward - 0.1 * apart_m)
    env.close()


def test_dreams_begin_with_what_was_seen(folder: Path) -> None:
    dreamed = Dreamed(str(folder))
    env = SimulatorEnv(end_on_success=False, **dreamed.seen_as("push"))

    def worth(seed: int, seen: int, plans: Any) -> Any:
        frame, info = env.reset(seed=seed)
        dreamed.begin(env.scene)
        dreamed.see(frame, info, None)
        for action in PLANS[0][:seen]:
            frame, *_, info = env.step(action)
            dreamed.see(frame, info, action)
        return dreamed.value(plans)

    values = worth(1, 3, PLANS)
    assert values.shape == (3,) and np.isfinite(values).all()
    assert np.array_equal(values, worth(1, 3, PLANS))
    np.testing.assert_allclose(worth(1, 3, PLANS[1:2]), values[1:2], atol=1e-3)
    assert not np.array_equal(values, worth(2, 3, PLANS))
    env.close()


def test_planners_by_their_names(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"rollout --policy cem --checkpoint {folder} --episodes 1 --steps 3 --out {tmp_path}/a"
    assert cli.main(line.split()) == 0, capsys.readouterr().err
    told = json.loads((tmp_path / "a/summary.json").read_text())
    assert told["policy"] == "cem" and told["source"] == "simulator"
    for wrong, hint in (
        ("--policy cem-simulator --env worldsim/Push-WM-v0", "plans in the simulator"),
        ("--policy crm", "did you mean cem"),
        (f"--policy zero --checkpoint {folder}", "takes no --checkpoint"),
    ):
        assert cli.main(f"rollout {wrong} --episodes 1 --out {tmp_path}/b".split()) == 2
        assert hint in capsys.readouterr().err
