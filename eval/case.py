"""One reference episode, read once: what generated frames and baselines are compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.checks.position import Truth, truth_of
from worldsim.eval.reading.perception import read

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A reference episode of which the first `start` + 1 frames were given to the model.

    Its arrays begin at the last start frame: index k is what k steps later was to be seen.
    """

    reference: Episode
    start: int
    truth: Truth
    read_m: Float  # (S+1, M, 3) places of the moving bodies as read off the reference frames
    before_m: Float | None  # (M, 3) the same one frame before the last start frame

    @classmethod
    def of(cls, reference: Episode, start_frames: int) -> Case:
        """Raises InputError where the episode has no step after its start frames."""
        if not 1 <= start_frames <= reference.steps:
            raise InputError(
                f"start_frames must be 1 to {reference.steps} for an episode of "
                f"{reference.steps} steps, got {start_frames}"
            )
        start, scene = start_frames - 1, reference.scene
        reading = read(reference.frames, reference.depth_m, scene)
        places = reading.position_m[:, list(scene.moving)]
        truth = truth_of(reference, reading).since(start)
        return cls(reference, start, truth, places[start:], places[start - 1] if start else None)

    @property
    def steps(self) -> int:
        """Steps after the start frames, S."""
        return self.reference.steps - self.start

    @property
    def frames(self) -> NDArray[np.uint8]:
        """Reference frames from the last start frame on, (S+1, H, W, 3)."""
        return self.reference.frames[self.start :]

    def cut(self, generated: Episode) -> Episode:
        """A generated episode from the last start frame on and no longer than the reference.

        Raises InputError on an episode that shows another scene or is shorter than the reference.
        """
        scene, other = self.reference.scene, generated.scene
        if [body.name for body in scene.bodies] != [body.name for body in other.bodies]:
            raise InputError("generated and reference episode show different bodies; pair them up")
        if generated.frames.shape[1:] != self.reference.frames.shape[1:]:
            raise InputError(
                f"generated frames are {generated.frames.shape[1:3]}, "
                f"the reference's {self.reference.frames.shape[1:3]}; use one size"
            )
        if generated.steps < self.reference.steps:
            raise InputError(
                f"generated episode has {generated.steps} steps, its reference "
                f"{self.reference.steps}; cut the reference with .part(0, {generated.steps})"
            )
        return generated.part(self.start, self.reference.steps)

    def read(self, generated: Episode) -> Float:
        """Places of the moving bodies read off generated frames (already cut), (S+1, M, 3)."""
        # Bodies are looked for as the reference's scene describes them.
        scene = self.reference.scene
        reading = read(generated.frames, generated.depth_m, scene)
        places: Float = reading.position_m[:, list(scene.moving)]
        return places
