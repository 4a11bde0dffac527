from __future__ import annotations

from pathlib import Path

import pytest

from worldsim.episode import Episode


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Episode]]:
    """The folder of a checkpoint of random weights, and its start episodes."""
    from tiny_checkpoint import write_checkpoint

    folder = tmp_path_factory.mktemp("checkpoints") / "random"
    return folder, write_checkpoint(folder)
