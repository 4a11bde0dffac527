"""One reference episode, read once: what generated frames and baselines are compared with."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.checks.position import Truth, judged, truth_of
from worldsim.eval.reading.episodes import Reader, cameras_of, read_episode
from worldsim.eval.reading.reading import Reading

from .chaos import Rerun, reading_error_m, spread_m
from .evidence import Evidence

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A reference episode of which the first `start` + 1 frames were given to the model.

    Its arrays begin at the last start frame: index k is what k steps later was to be seen.
    """

    reference: Episode
    start: int
    clip: Episode  # the reference from the last start frame on
    truth: Truth
    floor: Reading  # of the clip's frames
    before_m: Float | None  # (M, 3) places read one frame before the last start frame
    runs_m: Float | None = None  # (R, S+1, M, 3) the simulator again, from perturbed starts
    reader: Reader = read_episode

    @classmethod
    def of(
        cls,
        reference: Episode,
        start_frames: int,
        rerun: Rerun | None = None,
        reader: Reader = read_episode,
    ) -> Case:
        """Raises InputError where the episode has no step after its start frames."""
        if not 1 <= start_frames <= reference.steps:
            raise InputError(
                f"start_frames must be 1 to {reference.steps} for an episode of "
                f"{reference.steps} steps, got {start_frames}"
            )
        start, moving = start_frames - 1, judged(reference.scene)
        reading = reader(reference, reference)
        truth = truth_of(reference, reading)
        runs_m = None
        if rerun is not None:
            sigma_m = reading_error_m(reading.position_m[:, moving], truth)
            runs_m = rerun(reference, start, sigma_m)
        return cls(
            reference,
            start,
            reference.part(start, reference.steps),
            truth.since(start),
            reading.part(start, reference.steps),
            reading.position_m[start - 1, moving] if start else None,
            None if runs_m is None else runs_m[:, start:, moving],
            reader,
        )

    @property
    def steps(self) -> int:
        """Steps after the start frames, S."""
        return self.clip.steps

    @property
    def frames(self) -> NDArray[np.uint8]:
        """Reference frames from the last start frame on, (S+1, H, W, 3)."""
        return self.clip.frames

    @property
    def read_m(self) -> Float:
        """Places of the moving bodies as read off the reference frames, (S+1, M, 3)."""
        places: Float = self.floor.position_m[:, self.truth.indices]
        return places

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

    def evidence(self, generated: Episode) -> Evidence:
        """A generated episode read, as evidence; one that cannot be read says why."""
        try:
            cut = self.cut(generated)
            whole = generated.part(0, self.reference.steps)
            reading = self.reader(whole, self.reference).part(self.start, self.reference.steps)
        except Exception as error:  # one bad clip must not end the run
            nothing = np.full_like(self.truth.position_m, np.nan)
            reason = f"{error}" if isinstance(error, InputError) else repr(error)
            return replace(self.placed(nothing), pictured=True, unreadable=reason)
        return self._evidence(cut, reading)

    def floor_evidence(self) -> Evidence:
        """The reference's own frames as evidence."""
        return self._evidence(self.clip, self.floor)

    def frozen(self) -> Evidence:
        """The last start frame, repeated: one picture, wherever the camera moves."""
        clip = self.clip
        frames = replace(
            clip,
            frames=np.repeat(clip.frames[:1], self.steps + 1, axis=0),
            depth_m=np.repeat(clip.depth_m[:1], self.steps + 1, axis=0),
            segmentation=None,
            states=None,
            contacts=None,
        )
        if cameras_of(clip) is None:
            return self._evidence(frames, _repeated(self.floor.part(0, 0), self.steps + 1))
        return self._evidence(frames, self.reader(frames, clip))

    def placed(self, places_m: Float) -> Evidence:
        """Places (S+1, M, 3) alone as evidence, NaN where a body is missing; no pictures."""
        moving, floor = self.truth.indices, self.floor
        values = {field.name: getattr(floor, field.name).copy() for field in fields(Reading)}
        values["position_m"][:, moving] = places_m
        values["found"][:, moving] = ~np.isnan(places_m).any(-1)
        values["hidden"][:, moving] = False
        values["extra"][:, moving] = 0
        for name in ("covariance_m2", "orientation_xyzw", "overlap", "scale", "color_ratio"):
            values[name][:, moving] = np.nan
        return replace(self._evidence(self.clip, Reading(**values)), pictured=False)

    def _evidence(self, generated: Episode, reading: Reading) -> Evidence:
        return Evidence(generated, self.clip, reading, self.floor, self.truth, self.spread_m)

    @property
    def spread_m(self) -> Float | None:
        """Chaos spread (S+1, M); the first run is left to be judged by it where there are more."""
        if self.runs_m is None:
            return None
        return spread_m(self.runs_m[1:] if len(self.runs_m) > 1 else self.runs_m, self.truth)


def _repeated(reading: Reading, frames: int) -> Reading:
    """One frame's reading (1, ...) as that of so many frames."""
    values = {f.name: np.repeat(getattr(reading, f.name), frames, axis=0) for f in fields(Reading)}
    return Reading(**values)
