"""explain(): the search for the physics that explains a clip, simplest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from worldsim.eval.evidence import Evidence
from worldsim.eval.explanation import EXPLAINED, Change, Explanation
from worldsim.explain.knobs import VELOCITY, Knob, knobs
from worldsim.explain.segment import LEAST_STEPS, SOFT, Segment
from worldsim.sim.simulator import Simulator

Float = NDArray[np.float64]

FACTORS = (0.2, 0.4, 0.6, 0.8, 1.25, 1.6, 2.5, 5.0)
MOST_FACTOR = 8.0
MOST_M_S = 3.0
STEP = 0.01
"""Of a logarithm or a velocity, for derivatives: contacts make smaller ones rough."""
EVALUATIONS = 8
SUSPECTS = 3
BODIES = 2
ONSETS = (0, 1, 2, 3, 4, 6)
"""Frames before the parting at which a change may have begun; the clip's start is tried too."""


@dataclass(frozen=True)
class Fit:
    """A theta that explains the segment up to `last` as well as it can; `cost` is Cauchy's."""

    knobs: tuple[Knob, ...]
    values: Float
    errors: Float
    onset: int
    last: int
    cost: float

    @property
    def theta(self) -> dict[Knob, float]:
        return dict(zip(self.knobs, self.values.tolist(), strict=True))


def fitted(segment: Segment, start: dict[Knob, float], onset: int, last: int) -> Fit:
    """Least squares from `start`, softened (scipy, Cauchy's loss)."""
    names = tuple(start)

    def vector(x: Float) -> Float:
        return segment.vector(dict(zip(names, x.tolist(), strict=True)), onset, last)

    def slopes(x: Float) -> Float:
        shifts = STEP * np.eye(len(x))
        return np.stack([(vector(x + s) - vector(x - s)) / (2.0 * STEP) for s in shifts], axis=1)

    most = np.array([MOST_M_S if n.kind == VELOCITY else np.log(MOST_FACTOR) for n in names])
    found = least_squares(
        vector,
        np.array(list(start.values())).clip(-most, most),
        slopes,
        (-most - 1e-9, most + 1e-9),
        loss="cauchy",
        f_scale=SOFT,
        max_nfev=EVALUATIONS,
        xtol=1e-5,
        ftol=1e-4,
    )
    slope = slopes(found.x)
    errors = np.sqrt(np.diag(np.linalg.pinv(slope.T @ slope)))
    return Fit(names, found.x, errors, onset, last, float(found.cost))


def explain(
    evidence: Evidence, simulator: Simulator, lead: NDArray[np.float32] | None = None
) -> Explanation:
    """Check 20 of physics-eval: theta* = argmin sum |p_hat - sim(theta)|^2, and its residual R_u.

    The clip is the reference's up to a frame near that from which its places part. From there the
    simulator goes on with one quantity changed, for a second at most; the first six steps find
    which and from when, the rest sharpens it. `lead` (start, A) holds the actions before the
    clip's first frame. The simulator is left at an edited moment.
    """
    actions = evidence.reference.actions
    segment = Segment(evidence, simulator, actions[:0] if lead is None else lead)
    if not segment.replays():
        reason = "the simulator does not repeat the reference"
        return Explanation((), np.inf, np.inf, 0, 0, 0, reason)
    before = segment.residual({}, 0)
    best = None if before <= EXPLAINED else _best(segment)
    theta = {} if best is None else best.theta
    residual = before if best is None else segment.residual(theta, best.onset)
    changes = () if best is None else tuple(_changes(best, residual))
    onset = segment.parting if best is None else best.onset
    steps = segment.last - segment.since
    return Explanation(changes, residual, before, onset, segment.since, steps)


def _best(segment: Segment) -> Fit:
    """The best of the suspects after all steps; suspects are the best after a few."""
    near = min(segment.parting + LEAST_STEPS, segment.last)
    scanned = [_scanned(segment, (knob,), near) for knob in _knobs(segment)]
    suspects = sorted(scanned, key=lambda fit: fit.cost)[:SUSPECTS]
    return min((_sharpened(segment, fit) for fit in suspects), key=lambda fit: fit.cost)


def _knobs(segment: Segment) -> Sequence[Knob]:
    return knobs(segment.evidence.scene, segment.loose, segment.off[:BODIES])


def _scanned(segment: Segment, names: tuple[Knob, ...], last: int) -> Fit:
    """The best of a grid of one factor, at a few onsets."""
    (knob,) = names
    best = Fit(names, np.zeros(1), np.zeros(1), segment.parting, last, np.inf)
    for onset in sorted({max(segment.parting - back, 0) for back in (0, 2)} | {0}):
        for factor in FACTORS:
            x = float(np.log(factor))
            cost = segment.cost({knob: x}, onset, last)
            if cost < best.cost:
                best = Fit(names, np.array([x]), np.zeros(1), onset, last, cost)
    return best


def _sharpened(segment: Segment, found: Fit) -> Fit:
    """The fit with its onset sought, then with all steps."""
    onsets = {max(segment.parting - back, 0) for back in ONSETS} | {0}
    fits = [fitted(segment, found.theta, onset, found.last) for onset in sorted(onsets)]
    near = min(fits, key=lambda fit: fit.cost)
    far = fitted(segment, near.theta, near.onset, segment.last)
    # Contacts after the first steps make the way to the best rough: the nearer fit may be better.
    cost = segment.cost(near.theta, near.onset, segment.last)
    if cost < far.cost:
        return Fit(near.knobs, near.values, near.errors, near.onset, segment.last, cost)
    return far


def _changes(fit: Fit, residual: float) -> list[Change]:
    changes = []
    for knob, value, error in zip(fit.knobs, fit.values, fit.errors, strict=True):
        error = float(error) * max(residual, 1.0)
        if knob.kind == VELOCITY:
            changes.append(Change(knob.name, float(value), error, "m/s"))
        else:
            factor = float(np.exp(value))
            changes.append(Change(knob.name, factor, factor * error))
    return changes
