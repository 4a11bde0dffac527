"""One frame's contacts, gathered over its physics steps and summed up by body pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CAPACITY = 16
Pair = tuple[int, int]

# Fields of a PyBullet contact point.
_BODY_A, _LINK_A = 1, 3
_PLACE = slice(1, 5)  # identifiers of both, then links of both
_ON_A, _ON_B, _NORMAL_ON_B, _FORCE = 5, 6, 7, 9


class ContactLog:
    """Sums up PyBullet's contact points over one frame; `table` gives what they come to.

    `index` gives a body's place in the scene for its PyBullet identifier and link.
    """

    def __init__(self, index: Mapping[tuple[int, int], int]) -> None:
        self._index = index
        self._pairs: dict[tuple[Any, ...], Pair] = {}  # by fields of a contact point
        self._sums: dict[Pair, _Sum] = {}

    def clear(self) -> None:
        """Start a new frame."""
        self._sums.clear()

    def add(self, points: Sequence[tuple[Any, ...]]) -> None:
        """Take the contact points of one physics step, as getContactPoints gives them.

        None is kept but a pair's strongest: thousands of tuples would keep Python's garbage
        collector busy.
        """
        pairs, sums = self._pairs, self._sums
        for point in points:
            force = point[_FORCE]
            if force <= 0.0:  # near, but not pressing
                continue
            place = point[_PLACE]
            pair = pairs.get(place) or self._pair(place)
            found = sums.get(pair)
            if found is None:
                sums[pair] = _Sum(force, force, point)
                continue
            found.force_n += force
            if force > found.most_n:
                found.most_n, found.point = force, point

    def _pair(self, place: tuple[Any, ...]) -> Pair:
        """The bodies of a contact point's identifiers and links, the lower index first."""
        body_a, body_b, link_a, link_b = place
        a, b = self._index[body_a, link_a], self._index[body_b, link_b]
        pair = self._pairs[place] = (a, b) if a < b else (b, a)
        return pair

    def table(self, dt_s: float) -> dict[str, NDArray[Any]]:
        """The frame's contacts as padded arrays, one row a body pair, strongest first.

        `dt_s` is the time of a physics step.
        """
        rows = self._rows(dt_s)[:CAPACITY]
        bodies = np.full((CAPACITY, 2), -1, np.int32)
        point_m, normal = np.zeros((CAPACITY, 3)), np.zeros((CAPACITY, 3))
        impulse_n_s = np.zeros(CAPACITY)
        for i, row in enumerate(rows):
            bodies[i] = row.bodies
            point_m[i], normal[i], impulse_n_s[i] = row.point_m, row.normal, row.impulse_n_s
        return {
            "contact_count": np.array(len(rows), np.int32),
            "contact_bodies": bodies,
            "contact_point_m": point_m,
            "contact_normal": normal,
            "contact_impulse_n_s": impulse_n_s,
        }

    def _rows(self, dt_s: float) -> list[_Row]:
        """One row a pair that pressed: the impulse of all its points, and where it pressed most."""
        rows = []
        for pair, found in self._sums.items():
            point, normal = found.point, found.point[_NORMAL_ON_B]
            if self._index[point[_BODY_A], point[_LINK_A]] != pair[0]:
                normal = tuple(-value for value in normal)
            on_a, on_b = point[_ON_A], point[_ON_B]
            middle_m = tuple(0.5 * (one + other) for one, other in zip(on_a, on_b, strict=True))
            rows.append(_Row(pair, middle_m, normal, found.force_n * dt_s))
        return sorted(rows, key=lambda row: (-row.impulse_n_s, row.bodies))


@dataclass(slots=True)
class _Sum:
    """Of one pair's points so far: their force together, the most that one had, and which."""

    force_n: float
    most_n: float
    point: tuple[Any, ...]


class _Row(NamedTuple):
    bodies: Pair
    point_m: tuple[float, ...]
    normal: tuple[float, ...]
    impulse_n_s: float
