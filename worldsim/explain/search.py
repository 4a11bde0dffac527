"""explain(): the search for the physics that explains a clip, simplest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from worldsim.eval.evidence import Evidence
from worldsim.eval.explanation import EXPLAINED, Change, Explanation
from worldsim.explain.knobs import VELOCITY, Knob, knobs
from worldsim.explain.segment import LEAST_STEPS, SOFT, Segment
from worldsim.sim.simulator import Simulator

Float = NDArray[np.float64]

FACTORS = (0.5, 2.0, 0.7, 1.4, 0.85, 1.2, 0.3, 4.0)
MOST_FACTOR = 8.0
MOST_M_S = 3.0
STEP, LEAST_STEP = 0.01, 1e-4
"""Of a logarithm or a velocity, for derivatives: contacts make smaller ones
rough, and chaos larger ones false once theta is known better."""
EVALUATIONS, FEW = 8, 4
"""Steps of a fit, and of one that only has to tell onsets apart."""
SUSPECTS = 3
BODIES = 2
BACK = (0, 1, 2, 4, 6, 9, 13, 18)
"""Frames before the parting at which a change may have begun, for a scan."""
STARTS = 3
ENOUGH = 1.0
"""A suspect that leaves so little ends the search."""
SURE, LEAST_CHANGE = 3.0, 0.02
"""Of two changes those are told that are so many errors, and so large."""
FLAT = 0.3
"""A logarithm with a larger standard error is known on one side only."""
HALVINGS = 6
LONGER = 3
"""Steps by which a fit grows where it cannot be made at once."""
SPREAD = (0.0, -2.0, -1.0, 1.0, 2.0)
LATEST_START = 1
"""A clip that parts from its reference later has its start velocities."""


@dataclass(frozen=True)
class Fit:
    """A theta that explains the segment up to `last` as well as it can; `cost` is Cauchy's."""

    knobs: tuple[Knob, ...]
    values: Float
    errors: Float
    onset: int
    last: int
    cost: float

    def with_values(self, values: Float) -> Fit:
        return replace(self, values=values)

    @property
    def theta(self) -> dict[Knob, float]:
        return dict(zip(self.knobs, self.values.tolist(), strict=True))


def fitted(
    segment: Segment,
    start: dict[Knob, float],
    onset: int,
    last: int,
    most: int = EVALUATIONS,
    step: float = STEP,
) -> Fit:
    """Least squares from `start` (scipy, Cauchy's loss), with at most so many steps.

    `step` is that of the derivatives' differences.
    """
    names = tuple(start)

    def vector(x: Float) -> Float:
        return segment.vector(dict(zip(names, x.tolist(), strict=True)), onset, last)

    def slopes(x: Float) -> Float:
        shifts, here = step * np.eye(len(x)), vector(x)
        return np.stack([(vector(x + shift) - here) / step for shift in shifts], axis=1)

    far = np.array([MOST_M_S if n.kind == VELOCITY else np.log(MOST_FACTOR) for n in names])
    found = least_squares(
        vector,
        np.array(list(start.values())).clip(-far, far),
        slopes,
        (-far - STEP, far + STEP),
        loss="cauchy",
        f_scale=SOFT,
        max_nfev=most,
        xtol=1e-5,
        ftol=1e-4,
    )
    variances = np.diag(np.linalg.pinv(found.jac.T @ found.jac)).clip(0.0)
    errors = np.where(found.jac.any(axis=0), np.sqrt(variances), np.inf)
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
    reason = evidence.unreadable
    if not reason and not segment.replays():
        reason = "the simulator does not repeat the reference"
    if reason:
        return Explanation((), np.inf, np.inf, 0, 0, 0, reason)
    before = segment.residual({}, 0)
    best = None if before <= EXPLAINED else _best(segment)
    theta = {} if best is None else best.theta
    residual = before if best is None else segment.residual(theta, best.onset)
    changes = () if best is None else tuple(_changes(best, residual))
    onset = segment.parting if best is None else best.onset
    steps = segment.last - segment.since
    return Explanation(changes, residual, before, onset, segment.since, steps)


def _best(segment: Segment) -> Fit | None:
    """The best after all steps of those suspects that are the best after a few.

    None where nothing has an effect.
    """
    near = min(segment.parting + LEAST_STEPS, segment.last)
    names = knobs(segment.evidence.scene, segment.loose, segment.off[:BODIES])
    scanned = [cells for knob in names if (cells := _scanned(segment, knob, near))]
    scanned = sorted([*scanned, *_kicked(segment, near)], key=lambda cells: cells[0].cost)
    fits: list[Fit] = []
    for cells in scanned[:SUSPECTS]:
        fits.append(_sharpened(segment, cells))
        if segment.residual(fits[-1].theta, fits[-1].onset) <= ENOUGH:
            break
    if not fits:
        return None
    best = min(fits, key=lambda fit: fit.cost)
    if segment.residual(best.theta, best.onset) <= EXPLAINED:
        return _least(segment, best)
    pairs = [_joined(segment, best, cells[0]) for cells in scanned[: SUSPECTS + 1]]
    return min([best, *pairs], key=lambda fit: fit.cost)


def _kicked(segment: Segment, last: int) -> list[list[Fit]]:
    """The first body off its way given another start velocity, where it is off from the start."""
    body = segment.off[0] if segment.off else ""
    if segment.parting > LATEST_START or body not in segment.loose:
        return []
    velocity_m_s = segment.kick_m_s(body)
    if velocity_m_s is None:
        return []
    names = tuple(Knob(VELOCITY, body, axis) for axis in range(3))
    theta = dict(zip(names, velocity_m_s.tolist(), strict=True))
    cost = segment.cost(theta, 0, last)
    return [[Fit(names, velocity_m_s, np.zeros(3), 0, last, cost)]]


def _joined(segment: Segment, best: Fit, other: Fit) -> Fit:
    """Both changes at once from the best one's onset on; the best where they are of one kind."""
    if other.knobs[0].kind == best.knobs[0].kind:
        return best
    start = best.theta | dict.fromkeys(other.knobs, 0.0)
    near = fitted(segment, start, best.onset, other.last, EVALUATIONS)
    return _lengthened(segment, near)


def _scanned(segment: Segment, knob: Knob, last: int) -> list[Fit]:
    """The best of a grid of one factor at each of some onsets, the best onset first.

    The way back ends where it has been worse twice; an onset as good as a later one is left out.
    """
    cells: list[Fit] = []
    known, worse = [segment.run({}, 0, last)], 0
    for onset in dict.fromkeys(max(segment.parting - back, 0) for back in BACK):
        probe = segment.run({knob: float(np.log(FACTORS[0]))}, onset, last)
        if any(np.array_equal(probe, other) for other in known):
            continue
        known.append(probe)
        costs = {x: segment.cost({knob: x}, onset, last) for x in np.log(FACTORS).tolist()}
        x = min(costs, key=costs.__getitem__)
        worse = worse + 1 if cells and costs[x] > min(cell.cost for cell in cells) else 0
        cells.append(Fit((knob,), np.array([x]), np.zeros(1), onset, last, costs[x]))
        if worse == 2:
            break
    return sorted(cells, key=lambda cell: cell.cost)


def _sharpened(segment: Segment, cells: Sequence[Fit]) -> Fit:
    """The best fit to a few steps from some cells, its onset sought; then to all steps."""
    near = {cell.onset: _again(segment, cell, cell.onset, FEW) for cell in cells[:STARTS]}
    while cells[0].knobs[0].kind != VELOCITY:
        best = min(near.values(), key=lambda fit: fit.cost)
        beside = [t for t in (best.onset - 1, best.onset + 1) if 0 <= t <= segment.parting]
        new = [t for t in beside if t not in near]
        if not new:
            break
        near |= {onset: _again(segment, best, onset, FEW) for onset in new}
    ranked = sorted(near.values(), key=lambda fit: fit.cost)[:STARTS]
    return min((_lengthened(segment, fit) for fit in ranked), key=lambda fit: fit.cost)


def _again(segment: Segment, fit: Fit, onset: int, most: int) -> Fit:
    return fitted(segment, fit.theta, onset, fit.last, most)


def _lengthened(segment: Segment, fit: Fit) -> Fit:
    """The fit to all steps, at once or, where contacts make that way rough, a few more at a time.

    What leaves the first steps unexplained is not followed so far.
    """
    fit = _again(segment, fit, fit.onset, EVALUATIONS)
    far = _longer(segment, fit, segment.last)
    if segment.residual(far.theta, far.onset) <= EXPLAINED:
        return far
    while fit.last < segment.last and (
        segment.residual(fit.theta, fit.onset, fit.last) <= EXPLAINED
    ):
        fit = _longer(segment, fit, min(fit.last + LONGER, segment.last))
    return fit if fit.last == segment.last and fit.cost < far.cost else far


def _longer(segment: Segment, fit: Fit, last: int) -> Fit:
    """The fit to the steps up to `last`, from the best start within a few errors of a shorter."""
    starts = [fit.values + sigmas * np.minimum(fit.errors, STEP) for sigmas in SPREAD]
    costs = [segment.cost(fit.with_values(x).theta, fit.onset, last) for x in starts]
    nearby = replace(fit.with_values(starts[int(np.argmin(costs))]), last=last, cost=min(costs))
    found = fitted(segment, nearby.theta, fit.onset, last, step=_step(fit))
    return found if found.cost <= nearby.cost else nearby


def _step(fit: Fit) -> float:
    return float(np.clip(fit.errors.min(), LEAST_STEP, STEP))


def _least(segment: Segment, fit: Fit) -> Fit:
    """Of factors that explain as well, the one nearest to 1; its error is then infinite."""
    if len(fit.knobs) > 1 or fit.errors[0] < FLAT:
        return fit
    low, high = 0.0, float(fit.values[0])
    for _ in range(HALVINGS):
        x = 0.5 * (low + high)
        enough = segment.cost({fit.knobs[0]: x}, fit.onset, fit.last) <= fit.cost + 0.5
        low, high = (low, x) if enough else (x, high)
    return replace(fit, values=np.array([high]), errors=np.array([np.inf]))


def _changes(fit: Fit, residual: float) -> list[Change]:
    changes = []
    for knob, value, error in zip(fit.knobs, fit.values, fit.errors, strict=True):
        error = float(error) * max(residual, 1.0)
        if len(fit.knobs) > 1 and abs(value) <= max(SURE * error, LEAST_CHANGE):
            continue
        if knob.kind == VELOCITY:
            changes.append(Change(knob.name, float(value), error, "m/s"))
        else:
            factor = float(np.exp(value))
            changes.append(Change(knob.name, factor, factor * error))
    return changes
