"""Object permanence: bodies stay there, stay themselves, stay one, and come back when hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .emergence import Emergence, emergences
from .horizon import first, first_run
from .measure import INF, NAN, Measure
from .position import Errors
from .series import mean, median

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

OWN_PLACE_DIAMETERS = 0.5
"""A body this near to another one's place, and farther from its own, has taken its identity."""


def permanence(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 8 of physics-eval: what the truth shows, and the reading finds there, must be found.

    Alarms count body-frames: lost, of the wrong identity, too many; and for re-emergence those by
    which a body is late, all that are left of its appearance where it never comes back. A body
    that may be hidden where the clip saw it last is not lost, but late.
    """
    moving = evidence.truth.indices
    expected = _expected(evidence)
    found = evidence.found & expected
    lost = expected & ~evidence.found & ~evidence.reading.hidden[:, moving]
    share, measurable = NAN, NAN
    if expected[1:].any():
        share = float(found[1:].sum() / expected[1:].sum())
        measurable = float(expected[1:].sum() / max(evidence.truth.visible[1:].sum(), 1)) * share
    swapped = _swapped(evidence) & found
    gone = first([_lost_from(shown, gone) for shown, gone in zip(expected.T, lost.T, strict=True)])
    more = evidence.reading.extra[:, moving] - evidence.floor.extra[:, moving]
    extra = np.maximum(more, 0)[1:]
    return (
        Measure("bodies found", share, "share", _count(lost, expected), measurable, gone, 0.0),
        _identity(swapped, found, expected, measurable),
        Measure(
            "duplicates",
            float(extra.sum(-1).mean()),
            "bodies",
            float(extra.sum()),
            measurable,
            worst=float(len(moving)),
        ),
        *_emergence(emergences(evidence), measurable),
    )


def _identity(swapped: Bool, found: Bool, expected: Bool, measurable: float) -> Measure:
    """Share of the body-frames found that are the body itself; none where none is found."""
    kept, alarm = 1.0 - mean(np.where(found, swapped, np.nan)[1:]), _count(swapped, found)
    if expected[1:].any() and not found[1:].any():
        kept, alarm = 0.0, INF
    frames = np.flatnonzero(swapped.any(1))
    step = int(frames[0]) if len(frames) else None
    return Measure("identity kept", kept, "share", alarm, measurable, step, worst=0.0)


def _expected(evidence: Evidence) -> Bool:
    """Frames (S+1, M) in which the truth shows a body and the reading can find it."""
    floor: Bool = evidence.floor.found[:, evidence.truth.indices]
    expected: Bool = np.logical_and(evidence.truth.visible, floor)
    return expected


def _count(wrong: Bool, of: Bool) -> float:
    return float(wrong[1:].sum()) if of[1:].any() else NAN


def _swapped(evidence: Evidence) -> Bool:
    """Frames (S+1, M) in which a body stands where another one should be, and not in its place.

    Two frames in a row, since bodies may pass each other's places.
    """
    places, truth = evidence.places_m, evidence.truth.position_m
    reach_m = OWN_PLACE_DIAMETERS * evidence.truth.diameter_m
    away = np.linalg.norm(places[:, :, None] - truth[:, None], axis=-1)  # (S+1, body, place)
    own = np.diagonal(away, axis1=1, axis2=2).copy()
    away[:, range(away.shape[1]), range(away.shape[1])] = np.inf
    away = np.where(evidence.truth.visible[:, None], away, np.inf)
    nearest = np.nan_to_num(away, nan=np.inf).min(-1, initial=np.inf)
    odd = (own > reach_m) & (nearest < reach_m)
    lasting = np.zeros(odd.shape, bool)
    pairs = odd[:-1] & odd[1:]
    lasting[:-1] |= pairs
    lasting[1:] |= pairs
    return lasting


def _emergence(found: list[Emergence], measurable: float) -> tuple[Measure, ...]:
    """Recall, lateness and place of the bodies that were hidden and come back in the truth."""
    if not found:
        empty = (("re-emerged", "share", 0.0), ("lateness", "frames", INF), ("place", "m", INF))
        return tuple(Measure(n, NAN, u, NAN, NAN, worst=w) for n, u, w in empty)
    late = np.array([abs(item.late) for item in found], float)
    places = np.array([item.error_m for item in found])
    off = np.array([item.error_m / item.diameter_m for item in found])
    back = float(np.mean([item.back for item in found]))
    step = first([None if item.back else item.frame for item in found])
    return (
        Measure("re-emerged", back, "share", float(late.sum()), measurable, step, worst=0.0),
        Measure("lateness", median(late), "frames", float(late.max()), measurable),
        Measure("place", median(places), "m", float(off.max()), measurable),
    )


def lost_from(errors: Errors, body: int) -> int | None:
    """First frame from which a visible body is missing for two visible frames in a row."""
    return _lost_from(errors.visible[:, body], errors.lost[:, body])


def _lost_from(shown: Bool, lost: Bool) -> int | None:
    seen = np.flatnonzero(shown)
    return first_run(seen, lost[seen])


def all_found(errors: Errors) -> Bool:
    """Frames in which every body visible in the truth was found, shape (T+1,)."""
    found: Bool = np.logical_not(np.any(errors.lost, axis=1))
    return found
