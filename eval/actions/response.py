"""Counterfactual response: does another action change what it changes in the simulator?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.position import SIGMAS

from .pair import Pair

Float = NDArray[np.float64]
NAN = float("nan")
LEAST_FRAMES = 2
"""A pair is informative where a body parts in so many frames."""
LEAST_DOSES = 3
"""A line of fewer pairs says nothing."""


@dataclass(frozen=True)
class Response:
    """What one pair shows; NaN where the pair is not `informative`.

    With D what the simulator's two runs differ by and D_hat the same of the clips, over telling
    places: `gain` = <D_hat, D> / <D, D>, `cosine` between them, `error` = norm(D_hat - D) /
    norm(D), `chosen` the share of the two clips nearer to their own simulation than to the other,
    `lag` the frames by which D_hat shows later than D. `measurable` is the share of telling places
    that were found in both clips. `parted_m` = norm(D) and `shown_m` = <D_hat, D> / norm(D), root
    mean squares over telling places.
    """

    informative: bool
    gain: float = NAN
    cosine: float = NAN
    error: float = NAN
    chosen: float = NAN
    lag: float = NAN
    measurable: float = NAN
    parted_m: float = NAN
    shown_m: float = NAN


@dataclass(frozen=True)
class Dose:
    """Line of shown over simulated differences of pairs of growing doses; 1 and 1 at best."""

    slope: float
    r2: float
    pairs: int


def response(pair: Pair) -> Response:
    """Check 13 of physics-eval. A place not found counts as one that did not move apart."""
    telling = pair.telling
    if np.count_nonzero(telling.any(1)) < LEAST_FRAMES:
        return Response(False)
    true_m, shown_m = pair.parted_m[telling], pair.shown_m[telling]
    found: NDArray[np.bool_] = np.asarray(np.isfinite(shown_m).all(1))
    shown_m = np.where(found[:, None], shown_m, 0.0)
    power, own = float((true_m**2).sum()), float((shown_m**2).sum())
    both = float((true_m * shown_m).sum())
    return Response(
        True,
        gain=both / power,
        cosine=both / float(np.sqrt(power * own)) if own else 0.0,
        error=float(np.sqrt(((shown_m - true_m) ** 2).sum() / power)),
        chosen=_chosen(pair),
        lag=_lag(pair),
        measurable=float(found.mean()),
        parted_m=float(np.sqrt(power / len(true_m))),
        shown_m=both / float(np.sqrt(power * len(true_m))),
    )


def dose_response(responses: Sequence[Response]) -> Dose:
    """Slope through the origin of `shown_m` over `parted_m`, and its share of the variance.

    Uninformative pairs are left out, and fewer than three make no line. A negative share means
    that one size fits all pairs better than the line does; no response at all has the share 0.
    """
    told = [(p.parted_m, p.shown_m) for p in responses if p.informative]
    if len(told) < LEAST_DOSES:
        return Dose(NAN, NAN, len(told))
    true_m, shown_m = np.array(told).T
    slope = float(true_m @ shown_m / (true_m @ true_m))
    spread = float(((shown_m - shown_m.mean()) ** 2).sum())
    left = float(((shown_m - slope * true_m) ** 2).sum())
    return Dose(slope, 1.0 - left / spread if spread > 0.0 else 0.0, len(told))


def _chosen(pair: Pair) -> float:
    """A clip as far from the one simulation as from the other counts half."""
    telling, one, other = pair.telling, pair.one, pair.other
    score = []
    for clip, own, foreign in ((one, one, other), (other, other, one)):
        places = clip.places_m[telling]
        found = np.isfinite(places).all(1)
        apart = [
            float(np.linalg.norm(places - run.truth.position_m[telling], axis=1)[found].sum())
            for run in (own, foreign)
        ]
        score.append(0.5 + 0.5 * np.sign(apart[1] - apart[0]))
    return float(np.mean(score))


def _lag(pair: Pair) -> float:
    """Frames between D and D_hat passing one level, of the body that parts clearly first.

    Clearly: by twice what is telling. The level lies half-way between the frame before and that
    one, so what the reading is off by moves neither passage. Negative where the clip parts before
    the simulator; all the rest of the clip where it never does; NaN where no body parts clearly.
    """
    apart_m = np.nan_to_num(np.linalg.norm(pair.parted_m, axis=-1), nan=0.0)
    clear = pair.telling & (apart_m >= 2.0 * SIGMAS * pair.sigma_m)
    if not clear.any():
        return NAN
    frames = np.where(clear.any(0), np.argmax(clear, axis=0), len(clear))
    body = int(frames.argmin())
    frame = int(frames[body])
    level_m = float(
        max(apart_m[frame - 1 : frame + 1, body].mean(), SIGMAS * pair.sigma_m[frame, body])
    )
    shown_m = np.nan_to_num(np.linalg.norm(pair.shown_m[:, body], axis=-1), nan=0.0)
    true, passed = int(np.argmax(apart_m[:, body] >= level_m)), np.flatnonzero(shown_m >= level_m)
    return float(passed[0] - true if len(passed) else len(apart_m) - true)
