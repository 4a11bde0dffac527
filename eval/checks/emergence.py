"""Re-emergence: bodies that the truth hides for a while, and when and where they come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .horizon import FRAMES_IN_A_ROW
from .position import diagonal_m

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Emergence:
    """One return of a body. `frame` is that in which the reading finds it in the reference.

    `late` is by how many frames it comes later in the clip (earlier: negative), the whole length
    of its appearance where it does not come `back` at all; `error_m` is its distance there to its
    true place, the diagonal of the scene where it is missing.
    """

    body: int
    frame: int
    late: int
    back: bool
    error_m: float
    diameter_m: float


def emergences(evidence: Evidence) -> list[Emergence]:
    """All returns of bodies that were visible, hidden for two frames or more, and visible again."""
    floor = evidence.floor.found[:, evidence.truth.indices]
    return [
        _compare(evidence, body, begin, stop, away)
        for body in range(len(evidence.truth.bodies))
        for away, begin, stop in _returns(evidence.truth.visible[:, body])
        if floor[begin : stop + 1, body].any()
    ]


def _returns(visible: Bool) -> list[tuple[int, int, int]]:
    """(first hidden frame, first frame visible again, last of those) of frames (S+1,).

    Being hidden or back for one frame only does not count.
    """
    edges = np.flatnonzero(np.diff(visible.astype(np.int8))) + 1
    starts, stops = [0, *edges.tolist()], [*edges.tolist(), len(visible)]
    runs = [(a, b, bool(visible[a])) for a, b in zip(starts, stops, strict=True)]
    return [
        (away, begin, stop - 1)
        for (away, begin, shown), (_, stop, _) in zip(runs[1:], runs[2:], strict=False)
        if not shown and min(begin - away, stop - begin) >= FRAMES_IN_A_ROW
    ]


def _compare(evidence: Evidence, body: int, begin: int, stop: int, away: int) -> Emergence:
    floor = evidence.floor.found[:, evidence.truth.indices[body]]
    found = evidence.found[:, body]
    # The reading may find a body some frames before the truth calls it visible.
    due = _after_gap(floor, away, stop)
    came = _after_gap(found, away, stop)
    diameter_m = float(evidence.truth.diameter_m[body])
    if due is None:
        due = begin
    if came is None:
        far_m = diagonal_m(evidence.scene)
        return Emergence(body, due, stop + 1 - due, False, far_m, diameter_m)
    offset = evidence.places_m[came, body] - evidence.truth.position_m[came, body]
    error_m = float(np.linalg.norm(offset))
    return Emergence(body, due, came - due, True, error_m, diameter_m)


def _after_gap(found: Bool, away: int, stop: int) -> int | None:
    """First frame in away..stop after the longest gap in which the body was not found.

    None where that gap lasts to the end; a body found throughout was back at once.
    """
    missing = np.concatenate([[False], ~found[away : stop + 1], [False]])
    edges = np.flatnonzero(np.diff(missing.astype(np.int8)))
    if not len(edges):
        return away
    starts, stops = edges[::2], edges[1::2]
    after = away + int(stops[np.argmax(stops - starts)])
    return after if after <= stop else None
