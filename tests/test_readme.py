"""What README.md and docs/ show as Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from registry import registry_kept

from worldsim import checkpoints

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, page.name, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


def test_there_is_something_to_run() -> None:
    assert {block.values[1] for block in BLOCKS} >= {"README.md", "scenarios.md"}


@pytest.mark.skipif("push-64" not in checkpoints.names(), reason="needs the shipped checkpoint")
@pytest.mark.parametrize(("block", "page"), BLOCKS)
def test_python_that_is_shown_runs(block: str, page: str) -> None:
    with registry_kept():
        exec(compile(block, page, "exec"), {"__name__": "shown"})
