from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights for push at 64 px."""
    from tiny_checkpoint import write_checkpoint

    folder = tmp_path_factory.mktemp("checkpoints") / "random"
    write_checkpoint(folder)
    return folder


@pytest.fixture(scope="package")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes of 10 steps of push."""
    from worldsim.cli import main

    folder = tmp_path_factory.mktemp("recording") / "push"
    line = f"simulate push --out {folder} --episodes 2 --steps 10 --seed 5 --workers 1"
    assert main(line.split()) == 0
    return folder
