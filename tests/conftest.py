"""What holds for all tests: a core for each of pytest-xdist's workers, the longest files first."""

from __future__ import annotations

import os
import signal

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before numpy and torch are loaded, and for the processes that tests start: two workers with
    # two threads each spend a third of two cores on waiting for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what ends in & deaf to Ctrl-C, and the processes that tests start inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST = (
    "training/test_training.py",
    "sim/test_describe.py",
    "sim/test_scenarios.py",
    "test_commands.py",
)
"""A file is one worker's (--dist loadfile): a long one that comes last leaves the other idle.

The first two start together. One compiles the renderer on a new machine, half a minute; the other
draws nothing for as long, so the code is compiled once."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        ends = [n for n, name in enumerate(FIRST) if path.endswith(f"/tests/{name}")]
        return ends[0] if ends else len(FIRST)

    items.sort(key=place)
