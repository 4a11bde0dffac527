"""How fast things are on this machine: one module a bench, each with a `run`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any


def measured(rounds: Sequence[float]) -> dict[str, Any]:
    """A number as the files of benches hold it: the median and the rounds that it is of."""
    return {"median": statistics.median(rounds), "rounds": rounds}
