"""A recording to train on."""

from __future__ import annotations

from pathlib import Path

import pytest

from worldsim.agents.collect import Collector
from worldsim.data.simulate import simulate


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short Push episodes."""
    folder = tmp_path_factory.mktemp("push") / "data"
    facts = {"scenario": "push", "split": "id", "seed": 3, "steps": 12}
    simulate(Collector("push", "id", 3, 12), facts, 6, folder, progress=False)
    return folder
