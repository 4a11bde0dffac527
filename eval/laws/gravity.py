"""Gravity: the acceleration of bodies that nothing touches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.measure import NAN, Measure
from worldsim.eval.reading.reading import Reading

from .forces import action_force_n
from .tracks import Track, track
from .windows import Window, flights, loose

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

FEWEST_FRAMES = 5
SHORT_FRAMES = 6
SIGMAS = 3.0
LEAST_ERROR_M_S2 = 0.05
"""Frames are no finer than this tells: PyBullet's own damping and contacts between frames."""
FEWEST_BODIES = 2


@dataclass(frozen=True)
class Fall:
    """Acceleration in one flight, without the action's force and the air's drag, and its error."""

    window: Window
    acceleration_m_s2: Float  # (3,)
    error_m_s2: float  # along an axis


def gravity(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 3 of physics-eval: p = p0 + v0 t + a t^2 / 2 over frames without contact.

    Of all flights the mean of a by its errors, its angle to the scene's gravity, and the slope of
    |a| against the logarithm of mass and of size where several bodies fly. An alarm is how far the
    a of a flight, or of six frames of one, is from gravity beyond the reference's, over three
    standard errors.
    """
    true, made = falls(evidence, evidence.floor), falls(evidence, evidence.reading)
    short = falls(evidence, evidence.reading, SHORT_FRAMES)
    wanted = np.array(evidence.scene.gravity_m_s2)
    share = _measurable(true, made)
    if not made or not np.linalg.norm(wanted):
        missing = NAN if not true else share
        return tuple(Measure(name, NAN, unit, NAN, missing) for name, unit in _NAMES)
    mean, error = _mean(made)
    parts = [*true, *falls(evidence, evidence.floor, SHORT_FRAMES)]
    own = max((_off(fall, wanted) for fall in parts), default=0.0)
    alarms = [max(0.0, _off(fall, wanted) - own) for fall in (*made, *short)]
    worst = int(np.argmax(alarms))
    cosine = float(mean @ wanted / max(np.linalg.norm(mean) * np.linalg.norm(wanted), 1e-9))
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    across = _across(mean, wanted) / (SIGMAS * error)
    true_across = _across(_mean(true)[0], wanted) / (SIGMAS * _mean(true)[1]) if true else 0.0
    step = (*made, *short)[worst].window.first + 1 if alarms[worst] > 1.0 else None
    return (
        Measure("gravity", float(np.linalg.norm(mean)), "m/s2", alarms[worst], share, step),
        Measure("gravity's angle", angle, "degrees", max(0.0, across - true_across), share),
        *(_slope(evidence, name, true, made, share) for name in ("mass", "size")),
    )


_NAMES = (
    ("gravity", "m/s2"),
    ("gravity's angle", "degrees"),
    ("gravity by mass", "m/s2"),
    ("gravity by size", "m/s2"),
)


def falls(evidence: Evidence, reading: Reading, frames: int | None = None) -> list[Fall]:
    """The accelerations of all flights that are seen, or of so many frames in a row of them."""
    found = []
    for body in loose(evidence.scene):
        if body in evidence.truth.indices:
            path = freed(evidence, track(evidence, reading, body))
            for window in _cut(flights(evidence, reading, body, FEWEST_FRAMES), frames):
                motion = path.fit(window.frames, 2)
                if motion is None or len(motion.frames) < FEWEST_FRAMES:
                    continue
                drag = evidence.scene.bodies[body].linear_damping
                free = motion.acceleration_m_s2 + drag * motion.numbers[1]
                error = float(np.hypot(motion.acceleration_error_m_s2, LEAST_ERROR_M_S2))
                found.append(Fall(window, free, error))
    return found


def _cut(windows: list[Window], frames: int | None) -> list[Window]:
    if frames is None:
        return windows
    return [
        replace(window, first=first, last=first + frames - 1)
        for window in windows
        for first in range(window.first, window.last - frames + 2)
    ]


def freed(evidence: Evidence, path: Track) -> Track:
    """The track less what the action's force, the same during a step, has moved the body by."""
    force_n = action_force_n(evidence, path.index)
    pull_m_s2 = force_n / max(evidence.scene.bodies[path.index].mass_kg, 1e-9)
    dt = path.dt_s
    velocity = np.concatenate([np.zeros((1, 3)), np.cumsum(pull_m_s2 * dt, axis=0)])
    moved = np.cumsum(velocity[:-1] * dt + 0.5 * pull_m_s2 * dt**2, axis=0)
    shift_m = np.concatenate([np.zeros((1, 3)), moved])
    return Track(path.index, dt, path.position_m - shift_m, path.orientation_xyzw, path.sigma_m)


def _off(fall: Fall, wanted: Float) -> float:
    """How far an acceleration is from what it should be, in three standard errors of its length."""
    away = float(np.linalg.norm(fall.acceleration_m_s2 - wanted))
    return away / (SIGMAS * float(np.sqrt(3.0)) * fall.error_m_s2)


def _mean(some: list[Fall]) -> tuple[Float, float]:
    weights = np.array([fall.error_m_s2**-2 for fall in some])
    rows = np.array([fall.acceleration_m_s2 for fall in some])
    return weights @ rows / weights.sum(), float(weights.sum() ** -0.5)


def _across(acceleration: Float, wanted: Float) -> float:
    """The part of an acceleration across gravity."""
    down = wanted / np.linalg.norm(wanted)
    return float(np.linalg.norm(acceleration - (acceleration @ down) * down))


def _measurable(true: list[Fall], made: list[Fall]) -> float:
    """Share of the frames in which the reference shows bodies in flight that the clip does, too."""
    due = {(f.window.body, t) for f in true for t in range(f.window.first, f.window.last + 1)}
    seen = {(f.window.body, t) for f in made for t in range(f.window.first, f.window.last + 1)}
    return len(due & seen) / len(due) if due else NAN


def _slope(
    evidence: Evidence, name: str, true: list[Fall], made: list[Fall], share: float
) -> Measure:
    """How |a| grows with the logarithm of a body's mass or size, 0 in every lawful world."""
    slopes = [_slope_of(evidence, name, some) for some in (made, true)]
    unit, quantity = "m/s2", f"gravity by {name}"
    if slopes[0] is None:
        return Measure(quantity, NAN, unit, NAN, NAN)
    slope, error = slopes[0]
    own = abs(slopes[1][0]) / (SIGMAS * slopes[1][1]) if slopes[1] is not None else 0.0
    alarm = max(0.0, abs(slope) / (SIGMAS * error) - own)
    return Measure(quantity, slope, unit, alarm, share, worst=float("inf"))


def _slope_of(evidence: Evidence, name: str, some: list[Fall]) -> tuple[float, float] | None:
    bodies = [evidence.scene.bodies[fall.window.body] for fall in some]
    sizes = np.log([b.mass_kg if name == "mass" else b.diameter_m for b in bodies])
    if len({fall.window.body for fall in some}) < FEWEST_BODIES or np.ptp(sizes) < 0.1:
        return None
    lengths = np.array([np.linalg.norm(fall.acceleration_m_s2) for fall in some])
    weights = np.array([fall.error_m_s2**-2 for fall in some])
    away = sizes - weights @ sizes / weights.sum()
    spread = float(weights @ away**2)
    return float(weights @ (away * lengths) / spread), spread**-0.5
