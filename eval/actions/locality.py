"""Locality: what an action cannot reach does not change; a resting scene left alone stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Contacts
from worldsim.eval.checks.position import SIGMAS
from worldsim.eval.evidence import Evidence
from worldsim.eval.laws.tracks import track

from .pair import Pair

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
NAN = float("nan")
LEAST_MEASURABLE = 0.9
"""With fewer places found nothing passes: what was lost may have moved."""


@dataclass(frozen=True)
class Locality:
    """What the action cannot have reached, after the onset; NaN where it reaches all.

    `apart_m` is the RMS difference of it in the two clips, `excess` that over the reading's own, 1
    where only noise differs; `before_m` the RMS difference of all bodies up to the onset, NaN where
    no frame lies there. `measurable` is the share of these places that were found in both clips.
    Read it beside the response: a model blind to actions is local.
    """

    apart_m: float
    excess: float
    before_m: float
    measurable: float

    @property
    def passed(self) -> float:
        """1 or 0; NaN where nothing that can be seen is out of reach."""
        if np.isnan(self.measurable):
            return NAN
        return float(self.excess <= SIGMAS and self.measurable >= LEAST_MEASURABLE)


@dataclass(frozen=True)
class Rest:
    """A scene at rest under the null action: the largest way in m of a body that should not move.

    `excess` is that way over three deviations of the reading, `bodies` how many rest. NaN where
    none does.
    """

    drift_m: float
    excess: float
    measurable: float
    bodies: int


def locality(pair: Pair) -> Locality:
    """Check 14 of physics-eval: bodies outside of the reach set, and all before the onset."""
    untouched = ~reached(pair)[:, pair.one.truth.indices] & pair.visible
    untouched[: pair.onset + 1] = False
    before_m, _ = _rms(pair.shown_m[1 : pair.onset + 1][pair.visible[1 : pair.onset + 1]])
    apart_m, measurable = _rms(pair.shown_m[untouched])
    sigma_m = pair.sigma_m[untouched]
    noise_m = float(np.sqrt(3.0 * (sigma_m**2).mean())) if sigma_m.size else NAN
    return Locality(apart_m, apart_m / noise_m, before_m, measurable)


def _rms(places_m: Float) -> tuple[float, float]:
    """Root mean square length of the rows found, and the share of those; NaN without rows."""
    if not len(places_m):
        return NAN, NAN
    found = np.isfinite(places_m).all(1)
    if not found.any():
        return NAN, 0.0
    return float(np.sqrt((places_m[found] ** 2).sum(1).mean())), float(found.mean())


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


def rest(evidence: Evidence) -> Rest:
    """Check 14 of physics-eval, second part: a clip of the null action from a start at rest.

    A body rests where its true way stays within three deviations of the reading.
    """
    truth = evidence.truth
    tracks = [track(evidence, evidence.floor, index) for index in truth.indices]
    limit_m = SIGMAS * np.sqrt(3.0) * np.array([one.sigma_m.max() for one in tracks])
    ways_m = np.linalg.norm(truth.position_m - truth.position_m[:1], axis=-1).max(0)
    resting = ways_m <= limit_m
    drift_m = np.linalg.norm(evidence.places_m - evidence.places_m[:1], axis=-1)[1:, resting]
    seen = truth.visible[1:, resting]
    found = np.isfinite(drift_m) & seen
    if not found.any():
        return Rest(NAN, NAN, 0.0 if seen.any() else NAN, int(resting.sum()))
    kept_m = np.where(found, drift_m, 0.0)
    excess = float((kept_m / limit_m[resting]).max())
    return Rest(float(kept_m.max()), excess, float(found.sum() / seen.sum()), int(resting.sum()))
