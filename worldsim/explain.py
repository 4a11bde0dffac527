"""The closest simulation: which physics, if any, explains the places read in a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from worldsim.eval.chaos import reading_error_m
from worldsim.eval.evidence import Evidence
from worldsim.eval.laws.tracks import LEAST_SIGMA_M
from worldsim.sim.simulator import Simulator

Float = NDArray[np.float64]

NAMES = ("gravity", "friction", "restitution", "mass")
SPEEDS = ("start velocity x", "start velocity y", "start velocity z")
SPAN_S = 1.0
LEAST_STEPS = 6
BOUND = float(np.log(8.0))
PRIOR = 2.0
"""Deviation of a logarithm that no place tells of: what has no effect stays as it was."""
SPEED_M_S = 1.0
STARTS = 2
EVALUATIONS = 12
STEP = 0.02
EXPLAINED = 1.5
"""An unexplained residual up to so many reading errors is none."""
MOVED_SIGMAS = 3.0
LEAST_MOVED = 0.05
OFF_SIGMAS = 4.0


@dataclass(frozen=True)
class Explanation:
    """What explains a clip best from frame `since` on, for `steps` steps.

    `theta` and `errors` by name: factors of gravity, friction, restitution and mass (errors are of
    their logarithms), and where the clip never is the reference an offset of the velocities at the
    start in m/s. A factor with an error near 2 has no effect on what is seen. `residual` is the
    RMS of what remains over the reading's error, `reference_residual` the same for theta = 1.
    """

    since: int
    steps: int
    theta: dict[str, float]
    errors: dict[str, float]
    residual: float
    reference_residual: float

    @property
    def moved(self) -> dict[str, float]:
        """What of theta is not as in the scene, by three standard errors and 5 %."""
        found = {}
        for name, value in self.theta.items():
            away = abs(value) if name in SPEEDS else abs(float(np.log(value)))
            if away > max(MOVED_SIGMAS * self.errors[name], LEAST_MOVED):
                found[name] = value
        return found

    @property
    def verdict(self) -> str:
        """In words: as simulated, another physics, or none."""
        if self.residual > EXPLAINED:
            return "no physics found"
        if self.reference_residual <= EXPLAINED or not self.moved:
            return "as simulated"
        told = (f"{n} {v:+.2f} m/s" if n in SPEEDS else f"{n} x{v:.2f}" for n, v in _most(self))
        return f"consistent, but {', '.join(told)}"


def explain(
    evidence: Evidence,
    simulator: Simulator,
    start: int = 0,
    before: NDArray[np.float32] | None = None,
) -> Explanation:
    """Check 20 of physics-eval: theta* = argmin sum |p_hat - sim(theta)|^2, and its residual.

    The clip is the reference's up to the frame `since`, before its places part; from there the
    simulator goes on with other parameters, for a second at most. Least squares (scipy) from the
    best of single changes. `before` holds the `start` actions that lead to the clip's first frame.
    Raises ValueError where the reference has no states: it cannot be simulated again.
    """
    if evidence.reference.states is None:
        raise ValueError("a reference without states cannot be simulated again")
    problem = _Problem.of(evidence, simulator, start, before)
    names = (*NAMES, *SPEEDS) if problem.since == 0 else NAMES
    origin = np.zeros(len(names))
    starts = sorted(_starts(len(names)), key=lambda theta: _cost(problem(theta)))[:STARTS]
    bounds = np.array([BOUND if n in NAMES else 2.0 * SPEED_M_S for n in names])
    fits = [
        least_squares(
            problem,
            theta,
            bounds=(-bounds - 1e-9, bounds + 1e-9),
            jac=lambda x: _slopes(problem, x),
            max_nfev=EVALUATIONS,
        )
        for theta in starts
    ]
    best = min(fits, key=lambda fit: float(fit.cost))
    residual = problem.residual(best.x)
    # Beyond its noise a misfit makes theta less sure.
    errors = np.sqrt(np.diag(np.linalg.pinv(best.jac.T @ best.jac))) * max(residual, 1.0)
    theta = {n: float(x if n in SPEEDS else np.exp(x)) for n, x in zip(names, best.x, strict=True)}
    return Explanation(
        problem.since,
        problem.steps,
        theta,
        dict(zip(names, errors.tolist(), strict=True)),
        residual,
        problem.residual(origin),
    )


@dataclass(frozen=True)
class _Problem:
    """Residuals of a segment as a function of theta; two runs of equal theta are equal."""

    evidence: Evidence
    run: Callable[[Float], Float]
    since: int
    steps: int
    sigma_m: float

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        simulator: Simulator,
        start: int,
        before: NDArray[np.float32] | None,
    ) -> _Problem:
        sigma_m = max(reading_error_m(_floor_m(evidence), evidence.truth), LEAST_SIGMA_M)
        most = round(SPAN_S / evidence.scene.dt_s)
        since = min(_parting(evidence, sigma_m), max(evidence.steps - LEAST_STEPS, 0))
        steps = min(max(most, LEAST_STEPS), evidence.steps - since)
        first = np.zeros_like(evidence.reference.actions[:0]) if before is None else before[:start]
        lead = np.concatenate([first, evidence.reference.actions[:since]])
        actions = evidence.reference.actions[since : since + steps]

        def run(theta: Float) -> Float:
            return _simulated(evidence, simulator, lead, actions, theta)

        return cls(evidence, run, since, steps, sigma_m)

    def __call__(self, theta: Float) -> Float:
        scales = np.array([PRIOR if i < len(NAMES) else SPEED_M_S for i in range(len(theta))])
        return np.concatenate([self.misfits(theta), theta / scales])

    def misfits(self, theta: Float) -> Float:
        """Misfits over the reading's error, flat; a lost body is off by its diameter."""
        evidence, frames = self.evidence, slice(self.since + 1, self.since + self.steps + 1)
        visible = evidence.truth.visible[frames]
        own = evidence.places_m[frames] - self.run(theta)
        bias = np.nan_to_num(_floor_m(evidence)[frames] - evidence.truth.position_m[frames])
        lost_m = np.broadcast_to(evidence.truth.diameter_m[None, :, None], own.shape)
        off = np.where(np.isnan(own), lost_m, own - bias * (np.abs(bias) < lost_m))
        flat: Float = (off[visible] / self.sigma_m).ravel()
        return flat

    def residual(self, theta: Float) -> float:
        """RMS of the misfits of all bodies in view."""
        values = self.misfits(theta)
        return float(np.sqrt((values**2).mean())) if values.size else 0.0


def _simulated(
    evidence: Evidence,
    simulator: Simulator,
    lead: NDArray[np.float32],
    actions: NDArray[np.float32],
    theta: Float,
) -> Float:
    """Places (K, M, 3) after each of the actions, with theta in force from the first of them."""
    scene = evidence.scene
    simulator.reset(scene)
    for action in lead:
        simulator.step(action)
    gravity, friction, restitution, mass = np.exp(theta[: len(NAMES)]).tolist()
    hands = simulator.edit()
    hands.gravity(tuple(gravity * value for value in scene.gravity_m_s2))
    state = simulator.state()
    for index, body in enumerate(scene.bodies):
        if not hands.loose(body.name):
            continue
        driven = mass * body.mass_kg if body.name == scene.actuator.body else None
        hands.matter(body.name, driven, friction * body.friction, restitution * body.restitution)
        if len(theta) > len(NAMES):
            speed = state["velocity_m_s"][index] + theta[len(NAMES) :]
            hands.move(body.name, speed.tolist())
    places = []
    for action in actions:
        simulator.step(action)
        places.append(simulator.state()["position_m"][evidence.truth.indices])
    return np.array(places)


def _parting(evidence: Evidence, sigma_m: float) -> int:
    """The last frame before the clip's places part from the reference's for two frames."""
    apart = np.linalg.norm(evidence.places_m - _floor_m(evidence), axis=-1)
    apart = np.where(evidence.truth.visible, np.nan_to_num(apart, nan=np.inf), 0.0)
    off: NDArray[np.bool_] = np.asarray((apart > OFF_SIGMAS * sigma_m).any(1))
    both = np.flatnonzero(off[:-1] & off[1:])
    alone = np.flatnonzero(off)
    if len(both):
        return max(int(both[0]) - 2, 0)
    return max(int(alone[0]) - 1, 0) if len(alone) else 0


def _starts(count: int) -> list[Float]:
    """As it was, and each factor alone at 1/3, 1/1.6, 1.6 and 3."""
    starts = [np.zeros(count)]
    for index in range(len(NAMES)):
        for value in (1.0 / 3.0, 1.0 / 1.6, 1.6, 3.0):
            starts.append(np.zeros(count))
            starts[-1][index] = np.log(value)
    return starts


def _slopes(problem: _Problem, theta: Float) -> Float:
    """Central differences, wide enough to pass over the steps that contacts make."""
    columns = []
    for index in range(len(theta)):
        shift = np.zeros(len(theta))
        shift[index] = STEP
        columns.append((problem(theta + shift) - problem(theta - shift)) / (2.0 * STEP))
    return np.stack(columns, axis=1)


def _floor_m(evidence: Evidence) -> Float:
    places: Float = evidence.floor.position_m[:, evidence.truth.indices]
    return places


def _cost(values: Float) -> float:
    return float((values**2).sum())


def _most(found: Explanation) -> Sequence[tuple[str, float]]:
    return tuple(found.moved.items())
