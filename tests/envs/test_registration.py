"""`import worldsim` registers the twins and stays light."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import pytest

import worldsim
from worldsim.envs import env_ids

HEAVY = ("torch", "diffusers", "pybullet")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module", ["worldsim", "worldsim.agents.rollout", "worldsim.sim.scenarios"]
)
def test_import_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    assert run(code) == "[]"


def test_the_simulator_loads_no_torch() -> None:
    code = (
        "import sys, gymnasium, worldsim; gymnasium.make('worldsim/Push-v0').reset(seed=0);"
        "print([m for m in ('torch', 'diffusers') if m in sys.modules])"
    )
    assert run(code) == "[]"


def test_ids_are_registered_with_strings_and_a_limit() -> None:
    assert worldsim.__version__
    for env_id in env_ids():
        spec = gymnasium.spec(env_id)
        assert isinstance(spec.entry_point, str)
        assert spec.max_episode_steps == 100
