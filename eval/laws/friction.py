"""Friction: how fast bodies that slide on something slow down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.measure import NAN, Measure
from worldsim.eval.reading.reading import Reading
from worldsim.sim.actuators import Tilt

from .gravity import freed
from .impacts import impacts
from .islands import touches
from .tracks import track
from .windows import Window, between, loose, solid

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

SIGMAS = 3.0
FEWEST_FRAMES = 4
MOST_FRAMES = 8
LEAST_SPEED_M_S = 0.1
"""Bodies slower than this may have come to rest within the window."""
LEAST_ERROR = 0.02


@dataclass(frozen=True)
class Slide:
    """Frames in which a body slides on one other, and the coefficient that slows it."""

    window: Window
    other: int
    coefficient: float
    error: float


def friction(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 7 of physics-eval: mu = -(a - g - F / m) . v / |v| over the push of the support.

    Boxes, upright cylinders and meshes that slide on one body at rest, or a tilting one, for 4 to
    8 frames without an impact; the push of the support per mass is what keeps a body from g along
    its normal. The value is the median over slides. Its alarm is the largest difference from the
    reference's slide of the same body in frames that overlap, over three standard errors. Balls
    roll: what friction does to them shows in their slip.
    """
    made, true = slides(evidence, evidence.reading), slides(evidence, evidence.floor)
    pairs = [(one, other) for one in made for other in true if _overlap(one, other)]
    met = {id(other) for _, other in pairs}
    measurable = len(met) / len(true) if true else NAN
    if not made:
        return (Measure("friction", NAN, "ratio", NAN, measurable, worst=0.0),)
    value = float(np.median([one.coefficient for one in made]))
    alarms = [
        abs(one.coefficient - other.coefficient)
        / (SIGMAS * float(np.hypot(one.error, other.error)))
        for one, other in pairs
    ]
    alarm = max(alarms, default=NAN)
    step = pairs[int(np.argmax(alarms))][0].window.first if alarm > 1.0 else None
    return (Measure("friction", value, "ratio", alarm, measurable, step, worst=0.0),)


def slides(evidence: Evidence, reading: Reading) -> list[Slide]:
    """All slides that a reading shows."""
    found = []
    for body in loose(evidence.scene):
        shape = evidence.scene.bodies[body].shape
        if shape != "sphere" and body in evidence.truth.indices:
            for window, other in _windows(evidence, reading, body):
                slide = _slide(evidence, reading, window, other)
                if slide is not None:
                    found.append(slide)
    return found


def _windows(evidence: Evidence, reading: Reading, body: int) -> list[tuple[Window, int]]:
    """Runs of frames in which a body touches one other, at rest or tilting, and nothing else."""
    scene, touch = evidence.scene, touches(evidence, reading)[:, body]
    tilts = isinstance(scene.actuator, Tilt)
    bears = [i for i in solid(scene) if not scene.bodies[i].moves or (tilts and i in scene.driven)]
    only = np.where(touch.sum(1) == 1, touch.argmax(1), -1)
    place = reading.position_m[:, body]
    speed = np.linalg.norm(np.diff(place, axis=0), axis=1) / scene.dt_s
    quick = np.nan_to_num(speed, nan=0.0) > LEAST_SPEED_M_S
    broken = {i.frame for i in impacts(evidence, reading) if i.body == body}
    windows, first = [], 0
    for t in range(1, len(only) + 1):
        same = t < len(only) and only[t] == only[first] and only[t] in bears
        goes_on = same and quick[t - 1] and t - 1 not in broken and t - first < MOST_FRAMES
        if not goes_on:
            if only[first] in bears and t - first >= FEWEST_FRAMES:
                windows.append((Window(body, first, t - 1, True), int(only[first])))
            first = t
    return windows


def _slide(evidence: Evidence, reading: Reading, window: Window, other: int) -> Slide | None:
    path = freed(evidence, track(evidence, reading, window.body))
    motion = path.fit(window.frames, 2)
    raw = track(evidence, reading, window.body).fit(window.frames, 1)
    if motion is None or raw is None or len(motion.frames) < FEWEST_FRAMES:
        return None
    body, scene = evidence.scene.bodies[window.body], evidence.scene
    normal = np.nanmean(between(reading, scene, window.body, other).normal[window.frames], axis=0)
    if np.isnan(normal).any() or not np.linalg.norm(normal):
        return None
    normal = normal / np.linalg.norm(normal)
    gravity = np.array(scene.gravity_m_s2)
    push_m_s2 = -float(gravity @ normal)
    way = raw.numbers[1] - (raw.numbers[1] @ normal) * normal
    speed_m_s = float(np.linalg.norm(way))
    if push_m_s2 <= 0.0 or speed_m_s < LEAST_SPEED_M_S:
        return None
    along = way / speed_m_s
    slowing = -float((motion.acceleration_m_s2 - gravity) @ along) - body.linear_damping * speed_m_s
    error = float(np.hypot(motion.acceleration_error_m_s2 / push_m_s2, LEAST_ERROR))
    return Slide(window, other, slowing / push_m_s2, error)


def _overlap(one: Slide, other: Slide) -> bool:
    first = max(one.window.first, other.window.first)
    last = min(one.window.last, other.window.last)
    same = one.window.body == other.window.body and one.other == other.other
    return same and last - first + 1 >= FEWEST_FRAMES - 1
