"""One frame's contacts, gathered over its physics steps and summed up by body pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CAPACITY = 16

# Fields of a PyBullet contact point.
_BODY_A, _BODY_B, _LINK_A, _LINK_B = 1, 2, 3, 4
_ON_A, _ON_B, _NORMAL_ON_B, _FORCE = 5, 6, 7, 9


class ContactLog:
    """Collects PyBullet's contact points over one frame; `table` sums them up when asked.

    `index` gives a body's place in the scene for its PyBullet identifier and link.
    """

    def __init__(self, index: Mapping[tuple[int, int], int]) -> None:
        self._index = index
        self._points: list[tuple[Any, ...]] = []

    def clear(self) -> None:
        """Start a new frame."""
        self._points.clear()

    def add(self, points: Sequence[tuple[Any, ...]]) -> None:
        """Take the contact points of one physics step, as getContactPoints gives them."""
        self._points.extend(points)

    def table(self, dt_s: float) -> dict[str, NDArray[Any]]:
        """The frame's contacts as padded arrays, one row a body pair, strongest first.

        `dt_s` is the time of a physics step.
        """
        rows = _sum_pairs(self._points, self._index, dt_s)[:CAPACITY]
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


class _Row(NamedTuple):
    bodies: tuple[int, int]
    point_m: tuple[float, ...]
    normal: tuple[float, ...]
    impulse_n_s: float


def _sum_pairs(
    points: list[tuple[Any, ...]], index: Mapping[tuple[int, int], int], dt_s: float
) -> list[_Row]:
    """One row a pair that pressed: the impulse of all its points, and where it pressed most."""
    force_n: dict[tuple[int, int], float] = {}
    strongest: dict[tuple[int, int], tuple[Any, ...]] = {}
    for point in points:
        force = point[_FORCE]
        if force <= 0.0:  # near, but not pressing
            continue
        a = index[point[_BODY_A], point[_LINK_A]]
        b = index[point[_BODY_B], point[_LINK_B]]
        pair = (a, b) if a < b else (b, a)
        force_n[pair] = force_n.get(pair, 0.0) + force
        if pair not in strongest or force > strongest[pair][_FORCE]:
            strongest[pair] = point
    rows = []
    for pair, point in strongest.items():
        normal = point[_NORMAL_ON_B]
        if index[point[_BODY_A], point[_LINK_A]] != pair[0]:
            normal = tuple(-value for value in normal)
        on_a, on_b = point[_ON_A], point[_ON_B]
        middle_m = tuple(0.5 * (one + other) for one, other in zip(on_a, on_b, strict=True))
        rows.append(_Row(pair, middle_m, normal, force_n[pair] * dt_s))
    return sorted(rows, key=lambda row: (-row.impulse_n_s, row.bodies))
