"""Dreamed frames are read here, or in processes: reading takes up to half of a step."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.data import workers as processes
from worldsim.errors import InputError
from worldsim.eval.reading.memory import Memory
from worldsim.eval.reading.perception import Poses, read
from worldsim.eval.reading.reading import Reading
from worldsim.sim.scene import Scene

Shown = tuple[NDArray[np.uint8], NDArray[np.float32], Scene, Memory, Poses | None]
"""A dream's next frames (k, H, W, 3), their depth in metres (k, H, W), of what scene they are, what
those before have shown, and from where they are seen by a camera that moves."""


@dataclass(frozen=True)
class Sight:
    """A dream's frames as they were read, and what all of them have shown."""

    reading: Reading
    memory: Memory


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
        """Read the frames of each dream by themselves."""
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


def _sight(
    frames: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    scene: Scene,
    memory: Memory,
    cameras: Poses | None,
) -> Sight:
    after = memory.copy()
    reading = read(frames, depth_m, scene, memory=after, cameras=cameras)
    return Sight(reading if cameras is None else _with_camera(reading, scene, cameras), after)


def _with_camera(reading: Reading, scene: Scene, cameras: Poses) -> Reading:
    """The camera's body is where the camera is."""
    eye = scene.index(scene.actuator.body)
    reading.position_m[:, eye], reading.orientation_xyzw[:, eye] = cameras
    reading.covariance_m2[:, eye] = 0.0
    reading.found[:, eye] = True
    return reading
