"""Energy: what bodies that touch each other have together, less the work of the action."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.measure import NAN, Measure
from worldsim.eval.checks.series import largest_pair, median

from .energies import Energy, energies
from .windows import valid_steps

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

SIGMAS = 3.0
LEAST_ROWS = 3
LEAST_RISE_M = 0.01
LEAST_SHARE = 0.02
"""Of the energy at stake: PyBullet's contacts and what spins change it by so much unseen."""


def energy(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 5 of physics-eval, on E - W of `energies`: a lawful clip only loses.

    "energy gain" is the largest rise from any earlier step in % of the energy at stake (largest
    less least height energy, plus motion), anywhere in the clip; its alarm is that rise over three
    standard errors, less the same of the reference's own frames. "energy error" is the median
    difference from the reference's energy up to the step at which the clip leaves it, in %; its
    alarm is the largest that lasts two steps over three standard errors, the simulator's own
    spread counted among these.
    """
    made, true = energies(evidence, evidence.reading), energies(evidence, evidence.floor)
    return (_gain(evidence, made, true), _error(evidence, made, true))


def rises(some: Energy) -> tuple[Float, Float]:
    """Rise (S+1,) in J of each row above the least one before it in its piece, and its error.

    Three rows in a row give one by their median; what rolling may hide counts as had before.
    """
    rise, error = np.full(len(some.total_j), np.nan), np.full(len(some.total_j), np.nan)
    for piece in np.unique(some.piece):
        rows = some.rows[some.piece[some.rows] == piece]
        if len(rows) < LEAST_ROWS + 1:
            continue
        total = smooth(some.total_j[rows])
        had, sigma = total + some.rolling_j[rows], some.sigma_j[rows]
        for k in range(1, len(rows)):
            low = int(had[:k].argmin())
            rise[rows[k]] = total[k] - had[low]
            error[rows[k]] = np.hypot(sigma[k], sigma[low])
    return rise, error


def smooth(values: Float) -> Float:
    """Medians of three neighbours; the ends stay within theirs."""
    padded = np.concatenate([values[1:2], values, values[-2:-1]])
    medians: Float = np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=-1)
    return medians


def at_stake_j(evidence: Evidence, some: tuple[Energy, ...]) -> float:
    """The most less the least energy of each group, summed, in J; at least what lifts them 1 cm."""
    scene = evidence.scene
    mass_kg = sum(scene.bodies[body].mass_kg for group in some for body in group.bodies)
    least_j = LEAST_RISE_M * mass_kg * float(np.linalg.norm(scene.gravity_m_s2))
    spans = [np.ptp(group.total_j[group.rows]) for group in some if len(group.rows)]
    return max(float(sum(spans)), least_j, 1e-9)


def _gain(evidence: Evidence, made: tuple[Energy, ...], true: tuple[Energy, ...]) -> Measure:
    stake_j = at_stake_j(evidence, true)
    own = max((alarm for alarm, _, _ in map(worst_rise, true) if not np.isnan(alarm)), default=0.0)
    told = [found for found in map(worst_rise, made) if not np.isnan(found[0])]
    measurable = _measurable(made, true)
    if not told:
        return Measure("energy gain", NAN, "%", NAN, measurable)
    alarm, rise_j, step = max(told)
    value = 100.0 * max(rise_j for _, rise_j, _ in told) / stake_j
    alarm = max(0.0, alarm - own)
    return Measure("energy gain", value, "%", alarm, measurable, step if alarm > 1.0 else None)


def worst_rise(group: Energy) -> tuple[float, float, int]:
    """The rise of a group that lasts two rows: over three errors, in J, and its step."""
    rise_j, error_j = rises(group)
    rows = np.flatnonzero(~np.isnan(rise_j))
    if not len(rows):
        return NAN, 0.0, 0
    error_j = np.hypot(error_j, LEAST_SHARE * np.ptp(group.total_j[group.rows]))
    over = np.maximum(rise_j, 0.0)[rows] / (SIGMAS * np.maximum(error_j[rows], 1e-9))
    lasting = np.minimum(over[:-1], over[1:]) if len(over) > 1 else over
    k = int(lasting.argmax())
    return float(lasting[k]), float(max(rise_j[rows[k]], 0.0)), int(rows[k])


def _error(evidence: Evidence, made: tuple[Energy, ...], true: tuple[Energy, ...]) -> Measure:
    valid, stake_j = valid_steps(evidence), at_stake_j(evidence, true)
    off, over = [], []
    for group in made:
        twin = next((other for other in true if other.bodies == group.bodies), None)
        if twin is None:
            continue
        apart = np.abs(group.total_j - twin.total_j)[: valid + 1]
        chaos_j = _chaos_j(evidence, group)[: valid + 1]
        error = np.sqrt(group.sigma_j**2 + twin.sigma_j**2)[: valid + 1]
        error = np.sqrt(error**2 + chaos_j**2 + (LEAST_SHARE * stake_j) ** 2)
        off.append(100.0 * apart / stake_j)
        over.append(apart / (SIGMAS * error))
    if not over:
        return Measure("energy error", NAN, "%", NAN, _measurable(made, true))
    alarm, step = largest_pair(np.stack(over, axis=1)[1:])
    value = median(np.concatenate(off))
    return Measure("energy error", value, "%", alarm, _measurable(made, true), step)


def _chaos_j(evidence: Evidence, group: Energy) -> Float:
    """By how much the simulator's own spread may change a group's energy, (S+1,)."""
    if evidence.spread_m is None:
        return np.zeros(len(group.total_j))
    total, dt = np.zeros(len(group.total_j)), evidence.scene.dt_s
    g_m_s2 = float(np.linalg.norm(evidence.scene.gravity_m_s2))
    for index in group.bodies:
        mass_kg = evidence.scene.bodies[index].mass_kg
        spread_m = np.nan_to_num(evidence.spread_m[:, evidence.truth.indices.index(index)])
        way_m = evidence.floor.position_m[:, index]
        speed = np.nan_to_num(np.linalg.norm(np.diff(way_m, axis=0), axis=1) / dt)
        parting = np.abs(np.diff(spread_m)) / dt
        total[1:] += mass_kg * (speed * parting + 0.5 * parting**2 + g_m_s2 * spread_m[1:])
    return total


def _measurable(made: tuple[Energy, ...], true: tuple[Energy, ...]) -> float:
    """Share of the body rows measured in the reference that the clip has, too."""
    due, seen = (
        {(body, int(row)) for group in some for body in group.bodies for row in group.rows}
        for some in (true, made)
    )
    return len(due & seen) / len(due) if due else NAN
