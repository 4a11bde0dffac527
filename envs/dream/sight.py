"""Dreamed frames are read here, or in processes: reading takes longer than drawing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.data import workers as processes
from worldsim.errors import InputError
from worldsim.eval.reading.perception import read
from worldsim.sim.scene import Scene

Shown = tuple[NDArray[np.uint8], NDArray[np.float32], Scene]
"""A frame (H, W, 3), its depth in metres (H, W), and of what scene they are."""


@dataclass(frozen=True)
class Sight:
    """What a dream needs of a frame's Reading."""

    segmentation: NDArray[np.uint8]  # (H, W)
    position_m: NDArray[np.float64]  # (N, 3)
    covariance_m2: NDArray[np.float64]  # (N, 3, 3)
    found: NDArray[np.bool_]  # (N,)


class Eyes:
    """Reads frames in `workers` processes, or in this one where that is 0.

    A process takes up to 1 GB of memory and some seconds to start, at the first frame. A script
    that uses them needs `if __name__ == "__main__":` round what it does.
    """

    def __init__(self, workers: int = 0) -> None:
        if not isinstance(workers, int) or workers < 0:
            raise InputError(f"workers must be a whole number, 0 or more, got {workers!r}")
        self.workers = workers
        self._open = ExitStack()
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, shown: Sequence[Shown]) -> list[Sight]:
        """Read each by itself."""
        if not self.workers or len(shown) < 2:
            return [_sight(*one) for one in shown]
        if self._pool is None:
            self._pool = self._open.enter_context(processes.started(None, self.workers))
        share = -(-len(shown) // self.workers)
        parts = [shown[first : first + share] for first in range(0, len(shown), share)]
        running = [processes.submit(self._pool, _sights, list(part)) for part in parts]
        return [sight for job in running for sight in processes.result(job, "a dreamed frame")]

    def close(self) -> None:
        """End the processes; they start again when they are needed."""
        self._open.close()
        self._pool = None


def _sights(_: None, shown: list[Shown]) -> list[Sight]:
    return [_sight(*one) for one in shown]


def _sight(frame: NDArray[np.uint8], depth_m: NDArray[np.float32], scene: Scene) -> Sight:
    reading = read(frame[None], depth_m[None], scene)
    return Sight(
        reading.segmentation[0],
        reading.position_m[0],
        reading.covariance_m2[0],
        reading.found[0],
    )
