"""Support: nothing hangs in the air, things come to rest where they should, and fall as they do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.eval.checks.horizon import first_run
from worldsim.eval.checks.measure import NAN, Measure
from worldsim.eval.checks.position import diagonal_m, limit_m
from worldsim.eval.checks.series import largest_pair
from worldsim.eval.reading.reading import Reading
from worldsim.sim.scene import Scene

from .forces import action_force_n
from .tracks import Motion, Track, track
from .windows import between, loose, near_m, solid

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

SIGMAS = 3.0
FITTED_FRAMES = 4
LEAST_ERROR_M_S2 = 0.1
LAST_FRAMES = 3
LEGAL_DIAMETERS = 0.1
RESTING_M_S = 0.03
TOPPLED_RAD = np.pi / 4.0
TILT_ERROR_RAD = 0.03
ALIKE_SHARE = 0.25
LATE = 3
"""What topples so many frames before the end in one clip alone may be about to in the other."""
TIMING_FRAMES = 1.5
"""Three standard errors of the frame in which something is seen to have toppled."""


@dataclass(frozen=True)
class Hang:
    """One body in one reading: frames (S+1,) in which it hangs, and by how many times what is
    legal its acceleration then differs from a free fall's, NaN where it is not in the air."""

    hangs: Bool
    excess: Float


def support(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 11 of physics-eval: floating, settling and stability of what stands by itself.

    A body floats in frames in which its nearest neighbour is farther than three deviations and
    its acceleration, from four such frames in a row, is off that of a free fall by three standard
    errors. Where the simulator's bodies rest at the end, theirs must, in the same place and tilt.
    What stands at the start topples, or stands, as it does in the simulator, and when.
    """
    bodies = [i for i in evidence.truth.indices if i in loose(evidence.scene)]
    found = (
        _floating(evidence, bodies),
        *_settling(evidence, bodies),
        *_toppling(evidence, bodies),
    )
    if evidence.found[1:].any() or not evidence.floor.found[1:, evidence.truth.indices].any():
        return found
    # Where no body is found none floats, which earns no credit.
    return tuple(m if np.isnan(m.alarm) else m.failed() for m in found)


def _floating(evidence: Evidence, bodies: list[int]) -> Measure:
    hanging, alarms, steps = 0, [], []
    for body in bodies:
        made, true = (hang(evidence, r, body) for r in (evidence.reading, evidence.floor))
        made_worst, step = largest_pair(made.excess[1:, None])
        true_worst = np.nan_to_num(largest_pair(true.excess[1:, None])[0])
        hanging += int(made.hangs.sum())
        alarms.append(max(0.0, float(np.nan_to_num(made_worst) - true_worst)))
        steps += [step] if step is not None and made_worst > true_worst else []
    if not bodies:
        return Measure("floating", NAN, "frames", NAN, NAN)
    return Measure(
        "floating",
        float(hanging),
        "frames",
        max(alarms),
        float(evidence.reading.found[1:, bodies].mean()),
        min(steps, default=None),
    )


def hang(evidence: Evidence, reading: Reading, body: int) -> Hang:
    """Runs of frames in the air, and how far from free fall four of them in a row are."""
    scene, own = evidence.scene, track(evidence, reading, body)
    air = _in_air(scene, reading, own)
    excess = np.full(len(air), np.nan)
    fall = np.array(scene.gravity_m_s2)
    own = replace(own, position_m=own.position_m - _pushed_m(evidence, body))
    for start in range(len(air) - FITTED_FRAMES + 1):
        frames = slice(start, start + FITTED_FRAMES)
        motion = own.fit(frames, 2) if air[frames].all() else None
        if motion is not None and _smooth(own, motion):
            off = float(np.linalg.norm(motion.acceleration_m_s2 - fall))
            error = float(np.hypot(motion.acceleration_error_m_s2, LEAST_ERROR_M_S2))
            excess[start + FITTED_FRAMES // 2] = off / (SIGMAS * error)
    hangs = np.nan_to_num(excess) > 1.0
    return Hang(hangs, excess)


def _smooth(own: Track, motion: Motion) -> bool:
    """Whether a parabola fits; a bounce that no frame shows is no fall, and does not hang."""
    over = motion.residual_m / own.sigma_m[motion.frames, None]
    return float(np.sqrt((over**2).mean())) < SIGMAS


def _in_air(scene: Scene, reading: Reading, own: Track) -> Bool:
    """Frames (S+1,) in which a body is found and nothing is near enough to hold it."""
    near = own.found
    limit = np.maximum(near_m(scene, own.index), SIGMAS * own.sigma_m)
    for other in solid(scene):
        if other != own.index:
            gaps = between(reading, scene, own.index, other).gap_m
            near = near & ~(np.nan_to_num(gaps, nan=np.inf) <= limit)
    return near


def _pushed_m(evidence: Evidence, body: int) -> Float:
    """How far (S+1, 3) the action alone would have pushed a free body by each frame."""
    scene = evidence.scene
    push = action_force_n(evidence, body) / max(scene.bodies[body].mass_kg, 1e-9)
    speed = np.vstack([np.zeros(3), np.cumsum(push, axis=0) * scene.dt_s])
    way = (speed[:-1] + 0.5 * push * scene.dt_s) * scene.dt_s
    return np.vstack([np.zeros(3), np.cumsum(way, axis=0)])


def _settling(evidence: Evidence, bodies: list[int]) -> tuple[Measure, Measure]:
    """How far from where they come to rest, and tilted how otherwise, bodies are at the end."""
    resting = [i for i in bodies if _rests(evidence, i)]
    if not resting:
        empty = (("settling", "m"), ("settling tilt", "deg"))
        return tuple(Measure(n, NAN, u, NAN, NAN) for n, u in empty)  # type: ignore[return-value]
    legal_m = limit_m(evidence, LEGAL_DIAMETERS)
    if evidence.spread_m is not None:
        legal_m = np.fmax(legal_m, evidence.spread_m)
    readings = (evidence.reading, evidence.floor)
    off_m, over, tilts, found = [], [], [], []
    for body in resting:
        made = _last_place_m(evidence.reading, body)
        off = float(np.linalg.norm(made - _last_place_m(evidence.floor, body)))
        found.append(not np.isnan(off))
        off_m.append(off if found[-1] else diagonal_m(evidence.scene))
        over.append(off_m[-1] / float(legal_m[-1, evidence.truth.indices.index(body)]))
        parts = [_read_tilt_rad(evidence, r, body)[-LAST_FRAMES:] for r in readings]
        tilts.append(abs(float(np.median(parts[0]) - np.median(parts[1]))))
    shown = [tilt for tilt in tilts if not np.isnan(tilt)]
    measurable = float(np.mean(found))
    tilt_rad = max(shown) if shown else NAN
    return (
        Measure("settling", float(np.mean(off_m)), "m", max(over), measurable),
        Measure(
            "settling tilt",
            float(np.degrees(np.mean(shown))) if shown else NAN,
            "deg",
            tilt_rad / (SIGMAS * TILT_ERROR_RAD),
            len(shown) / len(resting) if shown else NAN,
            worst=180.0,
        ),
    )


def _rests(evidence: Evidence, body: int) -> bool:
    """Whether the truth's body is at rest, and read there, in the last frames."""
    column = evidence.truth.indices.index(body)
    if evidence.steps < LAST_FRAMES or not evidence.truth.visible[-LAST_FRAMES:, column].all():
        return False
    last = evidence.truth.position_m[-LAST_FRAMES - 1 :, column]
    moved_m = float(np.linalg.norm(last - last[-1], axis=1).max())
    read = not np.isnan(_last_place_m(evidence.floor, body)).any()
    return read and moved_m < RESTING_M_S * LAST_FRAMES * evidence.scene.dt_s


def _last_place_m(reading: Reading, body: int) -> Float:
    """Mean place (3,) over the last frames in which it is found; NaN where in none."""
    last = reading.position_m[-LAST_FRAMES:, body]
    kept = last[~np.isnan(last).any(1)]
    place: Float = kept.mean(0) if len(kept) else np.full(3, np.nan)
    return place


def _tilt_rad(scene: Scene, quaternion_xyzw: Float, body: int) -> Float:
    """Angle (S+1,), 90 degrees at most, by which what is upright in the first frame is tilted.

    Axes along which a body is about as long look alike, and so does its upside down.
    """
    tilt = np.full(len(quaternion_xyzw), np.nan)
    known = np.logical_not(np.isnan(quaternion_xyzw).any(axis=1))
    if known[0]:
        turns = Rotation.from_quat(quaternion_xyzw[known])
        upright = [turns[0].inv().apply([0.0, 0.0, 1.0])]
        upright += [np.eye(3)[k] for k in _alike(scene, body, upright[0])]
        cosines = [np.abs(turns.apply(axis)[:, 2]) for axis in upright]
        tilt[known] = np.arccos(np.clip(np.max(cosines, axis=0), 0.0, 1.0))
    return tilt


def _alike(scene: Scene, body: int, up: Float) -> list[int]:
    """Axes of a body along which it is about as long as along its most upright one."""
    made = scene.bodies[body]
    lengths: tuple[float, ...]
    if made.shape == "cylinder":
        lengths = (2.0 * made.size_m[0], 2.0 * made.size_m[0], made.size_m[1])
    else:
        lengths = made.size_m[:3]
    upright = int(np.abs(up).argmax())
    near = [abs(length - lengths[upright]) < ALIKE_SHARE * lengths[upright] for length in lengths]
    return [axis for axis in range(3) if near[axis] and axis != upright]


def _toppling(evidence: Evidence, bodies: list[int]) -> tuple[Measure, Measure]:
    """F1 of which standing bodies topple, and the error in frames of those that do in both."""
    states = evidence.reference.states
    standing = [i for i in bodies if _stands(evidence, i)]
    right, wrong, differ, late, over = 0, 0, 0, [], []
    for body in standing:
        floor = _topples(_read_tilt_rad(evidence, evidence.floor, body))
        made = _topples(_read_tilt_rad(evidence, evidence.reading, body))
        true = floor
        if states is not None:
            true = _topples(_tilt_rad(evidence.scene, states.orientation_xyzw[:, body], body))
        other = (true is None) != (made is None) and (made or true or 0) <= evidence.steps - LATE
        right += true is not None and made is not None
        wrong += other
        differ += other and (floor is None) == (true is None)
        if true is not None and made is not None:
            late.append(abs(made - true))
            over.append(abs(made - (true if floor is None else floor)))
    measurable = NAN
    if standing:
        measurable = float(evidence.reading.found[1:, standing].mean())
    if not right + wrong:
        alarm = 0.0 if standing else NAN
        return (
            Measure("toppled", NAN, "F1", alarm, measurable, worst=0.0),
            Measure("topple time", NAN, "frames", NAN, measurable),
        )
    time = float(np.mean(late)) if late else NAN
    score = 2.0 * right / (2.0 * right + wrong)
    return (
        Measure("toppled", score, "F1", float(differ), measurable, worst=0.0),
        Measure("topple time", time, "frames", max(over, default=NAN) / TIMING_FRAMES, measurable),
    )


def _stands(evidence: Evidence, body: int) -> bool:
    """Whether a body stands at rest on something at the start, and can be seen to tilt."""
    made = evidence.scene.bodies[body]
    if made.shape == "sphere" or any(made.velocity_m_s):
        return False
    tilt = _read_tilt_rad(evidence, evidence.floor, body)
    if np.isnan(tilt[0]):
        return False
    up = Rotation.from_quat(evidence.floor.orientation_xyzw[0, body]).inv().apply([0.0, 0.0, 1.0])
    start = track(evidence, evidence.floor, body)
    on_something = not _in_air(evidence.scene, evidence.floor, start)[0]
    return bool(on_something and not _alike(evidence.scene, body, up))


def _read_tilt_rad(evidence: Evidence, reading: Reading, body: int) -> Float:
    return _tilt_rad(evidence.scene, reading.orientation_xyzw[:, body], body)


def _topples(tilt_rad: Float) -> int | None:
    """First frame from which a body is tilted by 45 degrees for two frames it is read in."""
    frames = np.flatnonzero(~np.isnan(tilt_rad))
    return first_run(frames, tilt_rad[frames] > TOPPLED_RAD)
