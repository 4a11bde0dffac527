"""Segment: the part of a clip that is to be explained, and how far a simulation is off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.evidence import Evidence
from worldsim.eval.laws.tracks import LEAST_SIGMA_M
from worldsim.explain.knobs import Theta, turn
from worldsim.sim.simulator import Simulator

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

SPAN_S = 1.0
"""So much of a clip is explained: beyond it chaos tells physics apart no longer."""
LEAST_STEPS = 6
BEFORE = 3
"""Frames before a clip parts from its reference that belong to its segment."""
OFF_SIGMAS = 4.0
OWN_SIGMAS = 5.0
"""Blur, codec and noise move a whole outline: places err by so many of a fit's own errors."""
MOST_DIAMETERS = 0.05
"""No place errs by more of the body's diameter: smear earns no wider limit."""
KICK_STEPS = 3
SOFT = 5.0
"""Misfits beyond so many errors count by their logarithm while theta is sought."""


@dataclass
class Segment:
    """Frames since + 1 ... last of a clip, as misfits of simulations that part from the reference.

    Places are those read, less what the same reading errs at the reference's.
    """

    evidence: Evidence
    simulator: Simulator
    lead: NDArray[np.float32]  # (start, A) actions up to the clip's first frame
    places_m: Float = field(init=False)  # (S+1, M, 3), NaN where not found
    counted: Bool = field(init=False)  # (S+1, M)
    sigma_m: Float = field(init=False)  # (S+1, M)
    parting: int = field(init=False)
    since: int = field(init=False)
    last: int = field(init=False)
    _runs: dict[tuple[object, ...], Float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        evidence, truth = self.evidence, self.evidence.truth
        floor_m = evidence.floor.position_m[:, truth.indices]
        bias_m = np.nan_to_num(floor_m - truth.position_m)
        lost = np.isnan(evidence.places_m).any(-1)
        self.counted = np.where(lost, truth.visible, True)
        self.sigma_m = _sigma_m(evidence, bias_m)
        self.places_m = evidence.places_m - bias_m
        apart = self._far(self.misfits(truth.position_m)) > OFF_SIGMAS
        first = np.flatnonzero(apart.any(1))
        self.parting = max(int(first[0]) - 1, 0) if len(first) else evidence.steps
        self.off = [truth.bodies[m] for m in np.argsort(_first(apart)) if apart[:, m].any()]
        whole = not len(first)
        most = max(round(SPAN_S / evidence.scene.dt_s), LEAST_STEPS)
        self.since = 0 if whole else max(self.parting - BEFORE, 0)
        self.last = evidence.steps if whole else min(self.parting + most, evidence.steps)

    @property
    def loose(self) -> Sequence[str]:
        """Judged bodies that move freely."""
        hands = self.simulator.edit()
        return [name for name in self.evidence.truth.bodies if hands.loose(name)]

    def replays(self) -> bool:
        """Whether the simulator repeats the reference, which all else rests on."""
        states = self.evidence.reference.states
        if states is None:
            return False
        again = self.run({}, self.last, self.last)
        true = self.evidence.truth.position_m[: self.last + 1]
        return bool(np.abs(again - true).max() < 1e-6)

    def kick_m_s(self, body: str) -> Float | None:
        """Velocity (3,) at the start that a body lacks in the reference, by its first places.

        None where it is not seen in them.
        """
        m = self.evidence.truth.bodies.index(body)
        frames = slice(1, KICK_STEPS + 1)
        t = np.arange(len(self.places_m))[frames] * self.evidence.scene.dt_s
        off_m = (self.places_m - self.evidence.truth.position_m)[frames, m]
        seen = ~np.isnan(off_m).any(1)
        if not seen.any():
            return None
        velocity: Float = np.median(off_m[seen] / t[seen, None], axis=0)
        return velocity

    def run(self, theta: Theta, onset: int, last: int) -> Float:
        """Places (last + 1, M, 3), with theta in force from frame `onset` on."""
        key = (tuple(sorted(theta.items())), onset, last)
        if key not in self._runs:
            self._runs[key] = self._simulated(theta, onset, last)
        return self._runs[key]

    def _simulated(self, theta: Theta, onset: int, last: int) -> Float:
        simulator, scene = self.simulator, self.evidence.scene
        indices, places = self.evidence.truth.indices, []
        simulator.reset(scene)
        for action in self.lead:
            simulator.step(action)
        for t in range(last + 1):
            state = simulator.state()
            if t == onset and theta:
                turn(simulator.edit(), scene, theta, state["velocity_m_s"])
            places.append(state["position_m"][indices])
            if t < last:
                simulator.step(self.evidence.reference.actions[t])
        return np.array(places)

    def misfits(self, places_m: Float) -> Float:
        """Misfits (T+1, M, 3) in errors of the reading; NaN where nothing is to be seen.

        A lost body is off by its diameter. None may hide where the
        reference shows it: what falls through the ground would have hidden.
        """
        frames, truth = slice(0, len(places_m)), self.evidence.truth
        off = self.places_m[frames] - places_m
        lost_m = np.broadcast_to(truth.diameter_m[None, :, None], off.shape)
        off = np.where(np.isnan(off), lost_m, off) / self.sigma_m[frames][..., None]
        off[~self.counted[frames]] = np.nan
        return off

    def _far(self, misfits: Float) -> Float:
        """Misfits (T+1, M) as lengths, of those alone in their frame the neighbours' larger."""
        size = np.nan_to_num(np.sqrt((misfits**2).mean(-1)))
        around = np.pad(size, ((1, 1), (0, 0)), mode="edge")
        lasting: Float = np.minimum(size, np.maximum(around[:-2], around[2:]))
        return lasting

    def vector(self, theta: Theta, onset: int, last: int) -> Float:
        """The segment's misfits up to `last`, flat, in errors of the reading."""
        flat = self.misfits(self.run(theta, onset, last))[self.since + 1 :].ravel()
        return np.nan_to_num(flat)

    def cost(self, theta: Theta, onset: int, last: int) -> float:
        """Half the squares of `vector`, as logarithms beyond SOFT errors (Cauchy's loss)."""
        square = np.square(self.vector(theta, onset, last) / SOFT)
        return float(0.5 * SOFT**2 * np.log1p(square).sum())

    def residual(self, theta: Theta, onset: int, last: int | None = None) -> float:
        """R_u: RMS of what lasts two frames, of the body for which it is largest."""
        stop = self.last if last is None else last
        misfits = self.misfits(self.run(theta, onset, stop))
        counts = np.isfinite(misfits[self.since + 1 :]).all(-1).sum(0)
        square = (self._far(misfits)[self.since + 1 :] ** 2).sum(0) / np.maximum(counts, 1)
        return float(np.sqrt(square.max()))


def _sigma_m(evidence: Evidence, bias_m: Float) -> Float:
    """Standard errors (S+1, M) of a coordinate: of the fit, or what the reference is read off by.

    Where a body is half hidden, places err alike in both clips as long as these are alike.
    """
    truth = evidence.truth
    covariance = evidence.reading.covariance_m2[:, truth.indices]
    own_m = OWN_SIGMAS * np.sqrt(np.trace(covariance, axis1=2, axis2=3).clip(0.0) / 3.0)
    most_m = np.maximum(MOST_DIAMETERS * truth.diameter_m, LEAST_SIGMA_M)
    sigma_m: Float = np.fmax(own_m, LEAST_SIGMA_M).clip(LEAST_SIGMA_M, most_m)
    both_m: Float = np.maximum(sigma_m, np.linalg.norm(bias_m, axis=-1) / np.sqrt(3.0))
    return both_m


def _first(apart: Bool) -> NDArray[np.int64]:
    """The first frame of each column (T, M) in which it is true; T where none is."""
    rows: NDArray[np.int64] = np.where(apart.any(0), apart.argmax(0), len(apart))
    return rows
