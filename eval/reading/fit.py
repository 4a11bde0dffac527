"""Fitting a solid's pose: damped Gauss-Newton from one or many starts, and its covariance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from worldsim.render.compiled import digest

from .distance import SPHERE, distance, kept, njit
from .nearest import nearest
from .pose import normal_equations, surface_scale, turned, within

Array = Any  # numba's

_TRIES = 4
_GAIN = 1e-3  # of the cost: a smaller gain is the last
_FEW_LINES, _FEWEST_LINES, _FEW_POINTS = 120, 100, 60  # for first steps from one start, from many
_RIM_PX = 2.0  # how far from the rim lines of sight count at last
_EVEN = 0.03  # scale of surface residuals that costs are compared by, in reaches
_HOPE = 1e-4  # a smaller gain is not tried for
_CLOSE = 2e-4  # of the solid's reach: a step shorter than that is the last


@njit
def _step(
    matrix: Array, vector: Array, free: int, damping: float, pull_m: float, away: Array
) -> tuple[Array, float]:
    """The damped step (free,) back from `away` (3,) of the anchor too, and the gain it promises."""
    system = matrix[:free, :free].copy()
    right = -vector[:free].copy()
    trace = 0.0
    for a in range(free):
        trace += system[a, a]
    for a in range(free):
        system[a, a] += damping * system[a, a] + 1e-9 * trace + 1e-12
        if a < 3:
            system[a, a] += pull_m
            right[a] -= pull_m * away[a]
    step = np.linalg.solve(system, right)
    hoped = 0.0
    for a in range(free):
        hoped += right[a] * step[a]
    return step, hoped


@njit
def _improve(
    kind: int, half: Array, place: Array, turn: Array, scale: float, free: int, steps: int,
    eye: Array, lines: Array, cover: Array, points: Array, focal_px: float, width_px: float,
    pull: float, matrix: Array, vector: Array,
) -> tuple[Array, Array, float, float]:  # fmt: skip
    """At most `steps` steps of the first `free` numbers; place, turn, scale and cost.

    `pull` holds the place near its start, in one over reaches. `matrix` and `vector` are left
    those of the end.
    """
    reach = np.sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2)
    anchor, pull_m = place.copy(), (pull / reach) ** 2
    away = place - eye
    footprint = np.sqrt(away @ away) / focal_px
    sigma = surface_scale(kind, half * scale, place, turn, points)
    cost = normal_equations(
        kind, half, place, turn, scale, eye, lines, cover, points, width_px, footprint, sigma,
        matrix, vector,
    )  # fmt: skip
    damping = 1e-3
    trial_matrix, trial_vector = np.empty_like(matrix), np.empty_like(vector)
    for _ in range(steps):
        better, length, gain = False, 0.0, 0.0
        for _ in range(_TRIES):
            step, hoped = _step(matrix, vector, free, damping, pull_m, place - anchor)
            if hoped < _HOPE * cost:
                break
            next_place = place.copy()
            for a in range(3):
                next_place[a] += min(max(step[a], -reach), reach)
            next_turn, next_scale = turn, scale
            if free > 3:
                w = min(1.0, 0.5 / max(np.sqrt(step[3] ** 2 + step[4] ** 2 + step[5] ** 2), 1e-12))
                next_turn = turned(turn, w * step[3], w * step[4], w * step[5])
            if free > 6:
                next_scale = min(max(scale + step[6], 0.3), 3.0)
            trial = normal_equations(
                kind, half, next_place, next_turn, next_scale, eye, lines, cover, points, width_px,
                footprint, sigma, trial_matrix, trial_vector,
            )  # fmt: skip
            if trial <= cost:
                gain = cost - trial
                better, length = True, np.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
                if free > 3:
                    turn_step = step[3:6]
                    length = max(length, reach * np.sqrt(turn_step @ turn_step))
                if free > 6:
                    length = max(length, reach * abs(step[6]))
                place, turn, scale, cost = next_place, next_turn, next_scale, trial
                matrix[:], vector[:] = trial_matrix, trial_vector
                damping *= 0.2
                break
            damping *= 6.0
        if not better or length < _CLOSE * reach or gain < _GAIN * cost:
            break
    return place, turn, scale, cost


@njit
def _cost(
    kind: int, half: Array, place: Array, turn: Array, eye: Array, lines: Array, cover: Array,
    points: Array, focal_px: float, rim_px: float, matrix: Array, vector: Array,
) -> float:  # fmt: skip
    """The cost of a pose by a scale of surface residuals that only the solid's size gives."""
    away = place - eye
    reach = np.sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2)
    return normal_equations(
        kind, half, place, turn, 1.0, eye, lines, cover, points, rim_px,
        np.sqrt(away @ away) / focal_px, _EVEN * reach, matrix, vector,
    )  # fmt: skip


@njit
def _near(
    kind: int, half: Array, place: Array, turn: Array, eye: Array, lines: Array, cover: Array,
    focal_px: float,
) -> tuple[Array, Array]:  # fmt: skip
    """The lines, and their cover, that pass near the rim, or are not covered as they should be."""
    away = place - eye
    limit = _RIM_PX * np.sqrt(away @ away) / focal_px
    kept = np.zeros(len(lines), np.bool_)
    ox, oy, oz = within(turn, eye[0] - place[0], eye[1] - place[1], eye[2] - place[2])
    for i in range(len(lines)):
        dx, dy, dz = within(turn, lines[i, 0], lines[i, 1], lines[i, 2])
        at = nearest(kind, half, ox, oy, oz, dx, dy, dz)
        gap = distance(kind, half, ox + at * dx, oy + at * dy, oz + at * dz)
        wrong = (gap < 0.0) != (cover[i] > 0.5)
        kept[i] = wrong or abs(gap) < limit
    return lines[kept], cover[kept]


def _started(version: int) -> Any:
    """The function for Python; `version` changes with any file that it is made of."""

    @kept
    def started(
        kind: int, half: Array, places: Array, turns: Array, eye: Array, lines: Array, cover: Array,
        points: Array, focal_px: float, pull: float, rim_px: float,
    ) -> tuple[Array, Array, float, float]:  # fmt: skip
        """About the pose: the best that is reached from starts `places` (S, 3), `turns` (S, 3, 3).

        `lines` (L, 3): unit directions from `eye`, of which the solid covers `cover` (L,);
        `points` (P, 3) on its surface, none without depth. Gives place, turn, the cost a residual
        and the scale in m of the points' distances to the surface, going by few of them. Costs of
        all starts are those of one scale: far from its points a fit takes them for noise.
        """
        _ = version
        free = 3 if kind == SPHERE else 6
        matrix, vector = np.empty((7, 7)), np.empty(7)
        best, place, turn = np.inf, places[0], turns[0]
        most = _FEW_LINES if len(places) == 1 else _FEWEST_LINES
        some, covered = lines[:: max(len(lines) // most, 1)], cover[:: max(len(lines) // most, 1)]
        some, covered = some.copy(), covered.copy()
        seen = points[:: max(len(points) // _FEW_POINTS, 1)].copy()
        for k in range(len(places)):
            p, t = places[k].copy(), turns[k].copy()
            for rim in (1.5, 0.7):
                p, t, _, _ = _improve(
                    kind, half, p, t, 1.0, free, 4, eye, some, covered, seen, focal_px, rim, pull,
                    matrix, vector,
                )  # fmt: skip
            cost = _cost(kind, half, p, t, eye, some, covered, seen, focal_px, 0.7, matrix, vector)
            if cost < best:
                best, place, turn = cost, p, t
        place, turn, _, _ = _improve(
            kind, half, place, turn, 1.0, free, 4, eye, some, covered, seen, focal_px, rim_px,
            pull, matrix, vector,
        )  # fmt: skip
        best = _cost(
            kind, half, place, turn, eye, some, covered, seen, focal_px, rim_px, matrix, vector
        )
        gap = surface_scale(kind, half, place, turn, seen) if len(seen) else 0.0
        return place, turn, best / max(len(some) + len(seen) - free, 1), gap

    return started


def _finished(version: int) -> Any:
    """The function for Python; `version` changes with any file that it is made of."""

    @kept
    def finished(
        kind: int, half: Array, place: Array, turn: Array, eye: Array, lines: Array, cover: Array,
        points: Array, focal_px: float, pull: float, sized: bool, rim_px: float,
    ) -> tuple[Array, Array, float, Array, float, float]:  # fmt: skip
        """The pose from one nearby; arguments as those of `started`.

        Gives place, turn, the apparent size over the known (1 unless `sized`), the covariance
        (3, 3) of the place in m2, the cost a residual and the scale in m of the points' distances
        to the surface.
        """
        _ = version
        free = 3 if kind == SPHERE else 6
        matrix, vector = np.empty((7, 7)), np.empty(7)
        count, best = len(lines) + len(points), 0.0
        lines, cover = _near(kind, half, place, turn, eye, lines, cover, focal_px)
        # Each run takes the scale of the surface's residuals from where the last one ended.
        for _ in range(2):
            place, turn, _, best = _improve(
                kind, half, place, turn, 1.0, free, 5, eye, lines, cover, points, focal_px, rim_px,
                pull, matrix, vector,
            )  # fmt: skip
        cost = best / max(count - free, 1)
        system = matrix[:free, :free].copy()
        trace = 0.0
        for a in range(free):
            trace += system[a, a]
        for a in range(free):
            system[a, a] += 1e-9 * trace + 1e-12
        covariance = np.linalg.inv(system)[:3, :3] * cost
        size = 1.0
        if sized:
            # A ball has no turn: damping alone holds those three numbers.
            _, _, size, _ = _improve(
                kind, half, place.copy(), turn.copy(), 1.0, 7, 3, eye, lines, cover, points,
                focal_px, 0.7, pull, matrix, vector,
            )  # fmt: skip
        gap = surface_scale(kind, half, place, turn, points) if len(points) else 0.0
        return place, turn, size, covariance, cost, gap

    return finished


_VERSION = digest(Path(__file__).parent)
started, finished = _started(_VERSION), _finished(_VERSION)
"""See the functions within `_started` and `_finished`."""
