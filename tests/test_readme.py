"""What README.md shows as Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from worldsim import checkpoints

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_there_is_something_to_run() -> None:
    assert BLOCKS


@pytest.mark.skipif("push-64" not in checkpoints.names(), reason="needs the shipped checkpoint")
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_in_the_readme_runs(number: int) -> None:
    exec(compile(BLOCKS[number], f"README.md, block {number}", "exec"), {})
