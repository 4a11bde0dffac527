"""Valid horizon: steps until a body is off by half its diameter, with censoring."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .measure import INF, NAN, Measure
from .position import limit_m

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

TOLERANCE_DIAMETERS = 0.5
LOOSE_DIAMETERS = 1.0
FRAMES_IN_A_ROW = 2


def horizon(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 2 of physics-eval: the step at which the first body is off for two frames in a row.

    Infinity means that it never was, and that the clip is censored after its last step. The
    ceiling is the same for the simulator itself, run again from starts that differ by the
    reading's error; the share compares what both reach within the clip.
    """
    visible = evidence.errors.visible[1:]
    seen = bool(visible.any())
    measurable = 1.0 - float(evidence.errors.lost[1:][visible].mean()) if seen else NAN
    measures = []
    for name, unit, scale, limit in (
        ("valid horizon", "steps", 1.0, TOLERANCE_DIAMETERS),
        ("valid time", "s", evidence.scene.dt_s, TOLERANCE_DIAMETERS),
        ("within one diameter", "steps", 1.0, LOOSE_DIAMETERS),
    ):
        step = first(failures(evidence, limit))
        value = INF if step is None else step * scale
        alarm = 0.0 if step is None else (evidence.steps + 1 - step) / evidence.steps
        if not seen:
            value = alarm = NAN
        measures.append(Measure(name, value, unit, alarm, measurable, step, worst=scale))
    share = _share_of_ceiling(evidence) if seen else NAN
    alarm = NAN if math.isnan(share) else max(0.0, 1.0 - share)
    measures.append(Measure("share of the ceiling", share, "share", alarm, measurable, worst=0.0))
    return tuple(measures)


def _share_of_ceiling(evidence: Evidence) -> float:
    """Steps reached over those that the simulator reaches, both cut at the clip's end."""
    if evidence.spread_m is None:
        return NAN
    spread = np.where(evidence.truth.visible, evidence.spread_m, np.nan)
    ceiling = first(exceeded(spread, limit_m(evidence, TOLERANCE_DIAMETERS)))
    reached = first(failures(evidence, TOLERANCE_DIAMETERS))
    return min(reached or INF, evidence.steps) / min(ceiling or INF, evidence.steps)


def failures(evidence: Evidence, diameters: float = TOLERANCE_DIAMETERS) -> list[int | None]:
    """For each body the step at which it is off by so many diameters, None where it never is."""
    return exceeded(evidence.errors.total_m, limit_m(evidence, diameters))


def exceeded(error_m: Float, limit_m: Float) -> list[int | None]:
    """For each column of errors (S+1, M) the first step above the limit for two frames."""
    return [
        None if (index := first_failure(error, limit)) is None else index + 1
        for error, limit in zip(error_m[1:].T, limit_m[1:].T, strict=True)
    ]


def first(steps: list[int | None]) -> int | None:
    """The earliest of some steps, None where there is none."""
    return min((step for step in steps if step is not None), default=None)


def first_failure(error_m: Float, limit_m: Float | float) -> int | None:
    """First index at which the error exceeds the limit for two frames in a row, else None.

    `error_m` (T,) holds NaN where there was nothing to measure; such frames are passed over.
    """
    measured = np.flatnonzero(~np.isnan(error_m))
    over = error_m[measured] > np.broadcast_to(limit_m, error_m.shape)[measured]
    return first_run(measured, over)


def first_run(frames: NDArray[np.int64], fails: Bool) -> int | None:
    """First of `frames` (K,) from which `fails` (K,) holds for two frames in a row, else None."""
    for k in np.flatnonzero(fails[: len(fails) - FRAMES_IN_A_ROW + 1]):
        if fails[k : k + FRAMES_IN_A_ROW].all():
            return int(frames[k])
    return None


def survival(failure: list[int | None], length: list[int], steps: int) -> Float:
    """Kaplan-Meier share of episodes still valid after steps 1..steps, shape (steps,).

    `failure` holds the step at which each episode failed (None: it never did, and is censored
    after `length` steps).
    """
    ends = [stop if stop is not None else last for stop, last in zip(failure, length, strict=True)]
    return kaplan_meier(np.array(ends), np.array([stop is not None for stop in failure]), steps)


def kaplan_meier(end: NDArray[np.integer], failed: Bool, steps: int) -> Float:
    """Share still valid after steps 1..steps for ends (..., E), shape (..., steps).

    Kaplan and Meier (1958): the product over steps of 1 - failures / at risk.
    """
    step = np.arange(1, steps + 1)
    ended = end[..., None] == step
    at_risk = (end[..., None] >= step).sum(-2)
    lost = (ended & failed[..., None]).sum(-2)
    curve: Float = np.cumprod(1.0 - lost / np.maximum(at_risk, 1), axis=-1)
    return curve


def median_step(curve: Float) -> float:
    """First step at which at most half survive; infinity where more than half last to the end."""
    return float(median_steps(curve))


def median_steps(curves: Float) -> Float:
    """The same for curves (..., steps), shape (...)."""
    below = curves <= 0.5
    median: Float = np.where(below.any(-1), below.argmax(-1) + 1.0, INF)
    return median
