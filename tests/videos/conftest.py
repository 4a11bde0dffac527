"""A small recording and clips of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from worldsim.agents.collect import Collector
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate

STEPS = 10


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three episodes of Push, 10 steps, 64 px."""
    pytest.importorskip("pybullet")
    folder = tmp_path_factory.mktemp("recorded") / "push"
    collector = Collector(seed=3, steps=STEPS)
    simulate(collector, collector.meta, 3, folder)
    return Dataset(Path(folder))
