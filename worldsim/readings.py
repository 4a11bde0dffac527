"""What takes longest in an evaluation, done in processes: reading frames, and simulating again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.ceiling import reruns
from worldsim.data.workers import Each
from worldsim.episode import Episode
from worldsim.eval.case import Case
from worldsim.eval.chaos import Rerun
from worldsim.eval.reading.episodes import Remembered, key, read_episode
from worldsim.eval.reading.reading import Reading

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Kept:
    """A Rerun that keeps what `rerun` gives, or gives what was kept; see worldsim.eval.chaos."""

    rerun: Rerun | None = None
    runs: dict[str, Float | None] = field(default_factory=dict)

    def __call__(self, reference: Episode, start: int, sigma_m: float) -> Float | None:
        name = key(reference, reference.scene)
        if name not in self.runs:
            again = None if self.rerun is None else self.rerun(reference, start, sigma_m)
            self.runs[name] = again
        return self.runs[name]


@dataclass(frozen=True)
class Job:
    """A reference episode and the clips that are judged by it."""

    reference: Episode
    clips: tuple[Episode, ...]
    start_frames: int = 1
    ceiling: bool = True


@dataclass(frozen=True)
class Done:
    """Readings of a job's episodes and places of its reruns, by `key`.

    `unreadable` says of each clip why it could not be read, nothing where it could.
    """

    readings: dict[str, Reading]
    runs: dict[str, Float | None]
    unreadable: tuple[str, ...]


def done(job: Job) -> Done:
    """Read a job's episodes and run its reference again.

    Raises InputError where the reference cannot be read.
    """
    readings: dict[str, Reading] = {}

    def reader(episode: Episode, reference: Episode) -> Reading:
        found = read_episode(episode, reference)
        readings[key(episode, reference.scene)] = found
        return found

    with reruns() as rerun:
        kept = Kept(rerun if job.ceiling else None)
        case = Case.of(job.reference, job.start_frames, kept, reader)
    unreadable = tuple(case.evidence(clip).unreadable for clip in job.clips)
    return Done(readings, kept.runs, unreadable)


def read_ahead(jobs: Sequence[Job], each: Each) -> tuple[Remembered, Kept]:
    """The Reader and the Rerun for `evaluate` that know the jobs' episodes already."""
    readings: dict[str, Reading] = {}
    runs: dict[str, Float | None] = {}
    made = each(done, jobs)
    for one in tqdm(made, total=len(jobs), desc="reading", unit="clip", disable=None):
        readings.update(one.readings)
        runs.update(one.runs)
    return Remembered(readings), Kept(runs=runs)
