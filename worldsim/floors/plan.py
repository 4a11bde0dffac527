"""What is measured: scenarios, sizes, modes, episodes; a cell of it is the piece of work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One scenario at one size in one mode: "A" with depth, "B" without."""

    scenario: str
    size_px: int
    mode: str

    @property
    def name(self) -> str:
        return f"{self.scenario}-{self.size_px}-{self.mode}"


@dataclass(frozen=True)
class Plan:
    """All cells; each has the same episodes, 0..`episodes` - 1 of `seed`, of `steps` steps.

    `model` names a checkpoint whose reconstruction of true frames is read, too.
    """

    scenarios: tuple[str, ...]
    sizes: tuple[int, ...]
    modes: tuple[str, ...]
    episodes: int
    steps: int
    seed: int
    model: str | None = None

    def cells(self) -> Iterator[Cell]:
        """By scenario, so that one is done before the next begins."""
        for scenario in self.scenarios:
            for size_px in self.sizes:
                for mode in self.modes:
                    yield Cell(scenario, size_px, mode)

    def settings(self) -> dict[str, Any]:
        """What a cell's figures depend on, beside the cell itself."""
        every = asdict(self)
        return {name: every[name] for name in ("episodes", "steps", "seed", "model")}
