"""A free body of any form, by the points seen on its surface."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .chain import solve
from .distance import kept
from .pose import turned
from .shells import Shells

Float = NDArray[np.float64]
Array = Any  # numba's

MOST_POINTS = 120
FEWEST_POINTS = 8
_SEARCHED = 40
_WIDE, _FINE = 0.15, 0.02
"""Scales of surface residuals, in reaches of the body."""
_SURE = 0.5
"""Mean cost of a point at the finest scale, below which no further start is tried."""
_TRIED = 4
_NOWHERE = np.full(6, np.inf)


class FreeBody:
    """Six numbers: the place, m, and a further turn from a start, rad about the world's axes."""

    def __init__(self, turn: Float, reach_m: float) -> None:
        self._turn = turn
        self.unit = np.array([0.01 * reach_m] * 3 + [0.01] * 3)
        self.low, self.high = -_NOWHERE, _NOWHERE

    def poses(self, numbers: Float) -> tuple[Float, Float] | None:
        """See Linkage."""
        return _posed(self._turn, numbers)


def mesh_pose(
    shells: Shells, last: Float, place_m: Float, points: Float
) -> tuple[Float, Float, Float, float] | None:
    """Place, turn, covariance of the place (3, 3) and cost of the one body of `shells`.

    From about its place (3,) and points (P, 3) on it; the turn `last` is the first start. None
    where there are too few points.
    """
    if len(points) < FEWEST_POINTS:
        return None
    reach_m = float(shells.reach_m[0])
    few, some = _thinned(points, _SEARCHED), _thinned(points, MOST_POINTS)

    def fitted(start: Float, place: Float, rows: Float, share: float, steps: int) -> _Fit | None:
        body = FreeBody(start, reach_m)
        owner = np.full(len(rows), -1, np.int64)
        numbers = np.array([*place, 0.0, 0.0, 0.0])
        found = solve(body, shells, rows, owner, numbers, share * reach_m, steps)
        if found is None:
            return None
        turns, _ = _posed(start, found[0][None])
        return found[0][:3], turns[0, 0], found[1][:3, :3], found[2]

    def finished(start: Float, place: Float) -> _Fit | None:
        wide = fitted(start, place, some, _WIDE, 8)
        return None if wide is None else fitted(wide[1], wide[0], some, _FINE, 10)

    best = finished(last, place_m)
    if best is not None and best[3] < _SURE:
        return best
    coarse = [fitted(turn, place_m, few, _WIDE, 6) for turn in TURNS]
    ranked = sorted((one for one in coarse if one is not None), key=lambda one: one[3])
    for place, turn, _, _ in ranked[:_TRIED]:
        now = finished(turn, place)
        if now is not None and (best is None or now[3] < best[3]):
            best = now
    return best


_Fit = tuple[Float, Float, Float, float]


def _thinned(points: Float, most: int) -> Float:
    kept: Float = points[
        np.unique(np.linspace(0, len(points) - 1, min(len(points), most)).astype(int))
    ]
    return kept


def _quarters() -> Float:
    """The 24 turns (24, 3, 3) of a cube."""
    found = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[range(3), order] = signs
            if np.linalg.det(matrix) > 0.0:
                found.append(matrix)
    return np.array(found)


TURNS = _quarters()
"""Starts: every turn is within a third of half a turn of one of them."""


@kept
def _posed(turn: Array, numbers: Array) -> tuple[Array, Array]:
    rows = len(numbers)
    turns, places = np.empty((rows, 1, 3, 3)), np.empty((rows, 1, 3))
    for q in range(rows):
        turns[q, 0] = turned(turn, numbers[q, 3], numbers[q, 4], numbers[q, 5])
        places[q, 0] = numbers[q, :3]
    return turns, places
