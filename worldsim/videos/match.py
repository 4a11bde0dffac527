"""Does a clip begin as its reference does? What can not be compared says so."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from worldsim.data.dataset import Dataset
from worldsim.errors import InputError
from worldsim.eval.checks.position import errors, truth_of
from worldsim.eval.reading.episodes import read_episode
from worldsim.videos.fitting import Fitted, fittings
from worldsim.videos.footage import Footage

FITS_DIAMETERS = 0.5
"""A body this near across the view to its place at the start is where it should be."""
LEAST_SHARE = 0.5
"""Share of the visible bodies that must be."""
LOOKED_AT = 200
"""Episodes of a recording among which the one that a clip shows is looked for."""
ALIKE_LEVELS = 3.0
"""First frames that differ by less than so many grey levels are likely the same."""


@dataclass(frozen=True)
class Start:
    """How many of the bodies visible at the start the clip's first frame shows where they are."""

    placed: int
    visible: int
    difference: float  # mean grey levels between the two first frames

    @property
    def fits(self) -> bool:
        return self.placed >= LEAST_SHARE * self.visible if self.visible else True


def fit(footage: Footage, dataset: Dataset, index: int, rate_hz: float | None = None) -> Fitted:
    """Lay a clip over episode `index` in the way in which its first frame fits best.

    Raises InputError where it begins otherwise.
    """
    fitted = list(fittings(footage, dataset[index], rate_hz))
    starts = [start_fit(one) for one in fitted]
    order = sorted(range(len(fitted)), key=lambda k: (-starts[k].placed, starts[k].difference))
    start, best = starts[order[0]], fitted[order[0]]
    if not start.fits:
        other = likeliest(footage, dataset)
        hint = "is it of another scene?" if other is None else f"it looks like episode {other}"
        raise InputError(
            f"{footage.path} does not begin as {dataset.path}/{index:06d} does ({start.placed} of "
            f"{start.visible} visible bodies are where they start), so nothing in it can be "
            f"measured; {hint}; frame 0 of a clip must show frame 0 of its episode"
        )
    begins = f"start: {start.placed} of {start.visible} visible bodies where they should be"
    return replace(best, notes=(*best.notes, begins))


def start_fit(fitted: Fitted) -> Start:
    """The first frame of a clip beside the reference's."""
    clip, reference = fitted.clip.part(0, 1), fitted.reference.part(0, 1)
    truth = truth_of(reference, read_episode(reference, reference))
    reading = read_episode(clip, reference)
    found = errors(reading.position_m[:, truth.indices], truth)
    visible = truth.visible[0]
    near = found.lateral_m[0] <= FITS_DIAMETERS * truth.diameter_m
    first = clip.frames[0].astype(np.int16) - reference.frames[0]
    return Start(int((near & visible).sum()), int(visible.sum()), float(np.abs(first).mean()))


def likeliest(footage: Footage, dataset: Dataset) -> int | None:
    """The episode of a recording whose first frame is most like the clip's, None where none is."""
    best: tuple[float, int] | None = None
    for index in range(min(len(dataset), LOOKED_AT)):
        frame = dataset.window(index, 0, 1)[0][0]
        size = (frame.shape[1], frame.shape[0])
        seen = cv2.resize(footage.frames[0], size, interpolation=cv2.INTER_AREA)
        apart = float(np.abs(seen.astype(np.int16) - frame).mean())
        best = min(best or (np.inf, 0), (apart, index))
    return best[1] if best and best[0] < ALIKE_LEVELS else None
