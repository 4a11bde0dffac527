"""A clip made ready to be judged: read from its file, laid over its reference, both read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.data.dataset import Dataset
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.reading.reading import Reading
from worldsim.readings import Job, done
from worldsim.videos.footage import read_footage
from worldsim.videos.match import fit
from worldsim.videos.pairs import Pair

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Prepared:
    """What `evaluate` needs of one clip, with what takes long done: its readings and reruns."""

    pair: Pair
    clip: Episode
    reference: Episode
    notes: tuple[str, ...]
    readings: dict[str, Reading]
    runs: dict[str, Float | None]


@dataclass(frozen=True)
class Bad:
    """A clip that can not be judged, and why."""

    pair: Pair
    reason: str


@dataclass(frozen=True)
class Preparer:
    """Prepares pairs, in any process; what is wrong with one is part of what it gives."""

    start_frames: int = 1
    rate_hz: float | None = None
    ceiling: bool = True

    def __call__(self, pair: Pair) -> Prepared | Bad:
        if pair.index is None:
            return Bad(pair, pair.reason)
        try:
            return self._prepared(pair, pair.index)
        except Exception as error:  # one bad clip must not end the run
            return Bad(pair, str(error) if isinstance(error, InputError) else repr(error))

    def _prepared(self, pair: Pair, index: int) -> Prepared:
        fitted = fit(read_footage(pair.clip), Dataset(pair.data), index, self.rate_hz)
        whole = fitted.whole and self.ceiling
        made = done(Job(fitted.reference, (fitted.clip,), self.start_frames, whole))
        if made.unreadable[0]:
            raise InputError(made.unreadable[0])
        return Prepared(pair, fitted.clip, fitted.reference, fitted.notes, made.readings, made.runs)
