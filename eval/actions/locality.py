"""Locality: what an action cannot reach does not change; a resting scene left alone stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Contacts
from worldsim.eval.checks.position import SIGMAS
from worldsim.eval.evidence import Evidence

from .pair import Pair

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
NAN = float("nan")


@dataclass(frozen=True)
class Locality:
    """RMS difference in m of what the action cannot have reached; NaN where it reaches all.

    `excess` is the RMS over the reading's own, 1 where only noise differs, and `passed` holds up
    to 3. Read it beside the response: a model blind to actions is local.
    """

    apart_m: float
    excess: float
    places: int

    @property
    def passed(self) -> bool:
        return bool(self.excess <= SIGMAS)


def locality(pair: Pair) -> Locality:
    """Check 14 of physics-eval: bodies outside of the reach set, and all before the onset."""
    untouched = ~reached(pair)[:, pair.one.truth.indices]
    apart_m, sigma_m = pair.shown_m[untouched], pair.sigma_m[untouched]
    found = np.isfinite(apart_m).all(1)
    if not found.any():
        return Locality(NAN, NAN, 0)
    apart_m, sigma_m = apart_m[found], sigma_m[found]
    apart = float(np.sqrt((apart_m**2).sum(1).mean()))
    return Locality(apart, apart / float(np.sqrt(3.0 * (sigma_m**2).mean())), len(apart_m))


def reached(pair: Pair) -> Bool:
    """Bodies (S+1, N) that the actions may have changed by each frame, by both contact logs.

    From the onset on the driven body and what hangs on it; from then what touches a reached body
    that can move. A camera that is driven reaches all, and so does a run without a log.
    """
    scene = pair.one.scene
    reach = np.zeros((pair.one.steps + 1, len(scene.bodies)), bool)
    logs = [evidence.reference.contacts for evidence in (pair.one, pair.other)]
    driven = [i for i in scene.driven if scene.bodies[i].moves]
    if any(log is None for log in logs) or any(scene.bodies[i].role == "camera" for i in driven):
        reach[pair.onset + 1 :] = True
        return reach
    for frame in range(pair.onset + 1, len(reach)):
        reach[frame] = reach[frame - 1]
        reach[frame, driven] = True
        for log in logs:
            if log is not None:
                _pass_on(reach[frame], log, frame, scene.moving)
    return reach


def _pass_on(reach: Bool, log: Contacts, frame: int, moving: tuple[int, ...]) -> None:
    """Pass the reach on through one frame's contacts, in place, until none is added."""
    links = [(a, b) for a, b in log.bodies[frame].tolist() if a in moving and b in moving]
    for _ in links:
        for a, b in links:
            reach[a] = reach[b] = bool(reach[a] or reach[b])


def null_drift_m(evidence: Evidence) -> float:
    """Largest way in m from its start of a body that rests in the reference; NaN where none does.

    For a clip without action of a scene at rest. Bodies move where their true way passes three
    deviations of the reading.
    """
    floor = evidence.truth
    ways = np.linalg.norm(floor.position_m - floor.position_m[:1], axis=-1).max(0)
    covariance = evidence.floor.covariance_m2[:, floor.indices]
    sigma = np.sqrt(np.nanmax(np.trace(covariance, axis1=-2, axis2=-1), axis=0, initial=0.0) / 3.0)
    resting = ways <= SIGMAS * sigma
    drift = np.linalg.norm(evidence.places_m - evidence.places_m[:1], axis=-1)[:, resting]
    return float(np.nanmax(drift)) if np.isfinite(drift).any() else NAN
