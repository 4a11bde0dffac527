"""Impacts: where a body's way breaks, with its velocities on either side."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.reading.reading import Reading
from worldsim.eval.same import Same

from .forces import action_velocity_m_s
from .gravity import freed
from .tracks import Motion, Track, track
from .windows import between, loose, near_m, solid, touching

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

SIDE_FRAMES = 3
"""So many frames on either side give a velocity."""
SIGMAS = 4.0
MOMENTS = 21
"""Of a step, at one of which its impact is."""
LEAST_BREAK_M_S = 0.25
LEAST_ERROR_M_S = 0.02


@dataclass(frozen=True)
class Impact:
    """A break in the way of one body between two frames.

    Velocities are those at the moment of that step at which the ways on either side meet, each
    from `SIDE_FRAMES` frames, with the scene's gravity where nothing bears the body. `other` is
    whom it touches, or comes nearest to; `gap_m` how far off that is read in the frames about the
    step, within `reach_m` a touch; `normal` points from it to the body.
    """

    body: int
    frame: int  # the break lies between this frame and the next
    before_m_s: Float  # (3,)
    after_m_s: Float  # (3,)
    error_m_s: float  # along an axis, of the difference
    other: int
    gap_m: float
    normal: Float  # (3,)
    reach_m: float

    @property
    def touches(self) -> bool:
        """Whether something is near enough to have been touched."""
        return self.gap_m <= self.reach_m


def impacts(evidence: Evidence, reading: Reading) -> list[Impact]:
    """Breaks in the ways of the loose bodies: sharp changes of velocity that stand out of noise.

    Of breaks in frames that follow each other the sharpest stands for all.
    """
    return list(_impacts(Same(reading, evidence)))


@lru_cache(maxsize=128)
def _impacts(key: Same[Reading, Evidence]) -> tuple[Impact, ...]:
    """The same, found once for a reading."""
    evidence, reading = key.of, key.one
    found: list[Impact] = []
    for body in loose(evidence.scene):
        if body in evidence.truth.indices:
            found += _of_body(evidence, reading, body)
    return tuple(sorted(found, key=lambda impact: (impact.frame, impact.body)))


def change_at(evidence: Evidence, reading: Reading, body: int, step: int) -> Impact | None:
    """A body's velocities on either side of a step, however little they differ."""
    found = _Ways.of(evidence, reading, body).velocities(step)
    return None if found is None else _impact(evidence, reading, body, step, *found)


def _of_body(evidence: Evidence, reading: Reading, body: int) -> list[Impact]:
    ways = _Ways.of(evidence, reading, body)
    jumps: dict[int, tuple[float, Float, Float, float]] = {}
    for step in range(evidence.steps):
        found = ways.velocities(step)
        if found is None:
            continue
        before, after, error = found
        size = float(np.linalg.norm(after - before))
        if size > max(SIGMAS * error, LEAST_BREAK_M_S):
            jumps[step] = (size, before, after, error)
    return [
        _impact(evidence, reading, body, step, *jumps[step][1:])
        for step in _peaks({step: jump[0] for step, jump in jumps.items()})
    ]


@dataclass(frozen=True)
class _Ways:
    """A body's way less the action's pushes, where something bears it, and these pushes."""

    evidence: Evidence
    path: Track
    borne: Bool  # (S+1,)
    pushed_m_s: Float  # (S, 3)
    known: dict[tuple[int, int], _Side | None] = field(default_factory=dict)

    @classmethod
    def of(cls, evidence: Evidence, reading: Reading, body: int) -> _Ways:
        return cls(
            evidence,
            freed(evidence, track(evidence, reading, body)),
            touching(evidence, reading, body),
            action_velocity_m_s(evidence, body),
        )

    def velocities(self, step: int) -> tuple[Float, Float, float] | None:
        """Velocities before and after a step, where the two ways meet, and their error."""
        dt, end = self.path.dt_s, len(self.borne)
        one = self.side(max(step - SIDE_FRAMES + 1, 0), step + 1)
        other = self.side(step + 1, min(step + 1 + SIDE_FRAMES, end))
        if one is None or other is None:
            return None
        at_s = _meeting_s(one, other, step * dt, dt)
        before, after = (side.velocity_m_s(at_s) + self.pushed_m_s[step] for side in (one, other))
        error = float(np.linalg.norm([LEAST_ERROR_M_S, one.error_m_s, other.error_m_s]))
        return before, after, error

    def side(self, begin: int, end: int) -> _Side | None:
        """The way in frames begin..end - 1, a fall where nothing bears the body; found once."""
        if (begin, end) not in self.known:
            self.known[begin, end] = self._side(begin, end)
        return self.known[begin, end]

    def _side(self, begin: int, end: int) -> _Side | None:
        falls = self.borne[begin:end].mean() <= 0.5
        motion = (self._fallen if falls else self.path).fit(slice(begin, end), 1)
        if motion is None or len(motion.frames) < 2:
            return None
        return _Side(motion, self._gravity_m_s2 if falls else np.zeros(3))

    @cached_property
    def _fallen(self) -> Track:
        """The way without what gravity does."""
        return self.path.falling(self._gravity_m_s2)

    @property
    def _gravity_m_s2(self) -> Float:
        return np.array(self.evidence.scene.gravity_m_s2)


@dataclass(frozen=True)
class _Side:
    """A straight way, or a fall, before or after a break; the action's pushes left out."""

    motion: Motion
    gravity_m_s2: Float

    @property
    def error_m_s(self) -> float:
        return float(self.motion.errors[1])

    def velocity_m_s(self, t_s: float) -> Float:
        velocity: Float = self.motion.numbers[1] + self.gravity_m_s2 * t_s
        return velocity

    def places_m(self, times_s: Float) -> Float:
        """Places (K, 3) at times (K,)."""
        start, velocity = self.motion.numbers
        away = (times_s - self.motion.middle_s)[:, None]
        fallen = 0.5 * self.gravity_m_s2 * times_s[:, None] ** 2
        places: Float = start + velocity * away + fallen
        return places


def _meeting_s(before: _Side, after: _Side, begin_s: float, dt_s: float) -> float:
    """When in a step the way before runs into the way after."""
    times = begin_s + dt_s * np.linspace(0.0, 1.0, MOMENTS)
    apart = np.linalg.norm(before.places_m(times) - after.places_m(times), axis=1)
    return float(times[apart.argmin()])


def _peaks(sizes: dict[int, float]) -> list[int]:
    """Of runs of neighbouring steps the one with the largest size."""
    runs: list[list[int]] = []
    for step in sorted(sizes):
        if runs and step - runs[-1][-1] == 1:
            runs[-1].append(step)
        else:
            runs.append([step])
    return [max(run, key=lambda step: sizes[step]) for run in runs]


def _impact(
    evidence: Evidence,
    reading: Reading,
    body: int,
    step: int,
    before: Float,
    after: Float,
    error: float,
) -> Impact:
    """Whom the body touches there: of those in reach the one that pushes the way it turns."""
    frames, scene = slice(step, step + 2), evidence.scene
    change = (after - before) / max(float(np.linalg.norm(after - before)), 1e-9)
    # Between two frames a body may have come nearer by half of what it moves in a step.
    swept = 0.5 * float(max(np.linalg.norm(before), np.linalg.norm(after))) * scene.dt_s
    reach = near_m(scene, body) + swept
    met = []
    for other in solid(scene):
        if other != body:
            gap = between(reading, scene, body, other)
            away = np.nan_to_num(gap.gap_m[frames], nan=np.inf)
            row = int(away.argmin())
            normal = gap.normal[frames][row]
            push = float(change @ normal) if away[row] <= reach else -1.0 - float(away[row])
            met.append((push, float(away[row]), other, normal))
    push, gap_m, other, normal = max(met, key=lambda one: one[0])
    return Impact(body, step, before, after, error, other, gap_m, normal, reach)
