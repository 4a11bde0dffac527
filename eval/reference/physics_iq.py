"""Physics-IQ, original and Verified: overlap of motion between a clip and two real takes.

Sources: google-deepmind/physics-IQ-benchmark, code/calculate_and_write_metrics_to_csv.py (terms),
code/calculate_iq_score.py (original score), physiq/calculate_iq_score_stable.py (Verified,
`final_score_view`). Motamed et al. 2025, "Do generative video models understand physical
principles?"; "Physics-IQ Verified", arXiv 2606.18943. What is known to be wrong with these scores
is kept: a frame in which nothing moves in either clip is a perfect one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError

from .inputs import Bool, Float, Frames, check_alike, check_frames, check_masks
from .motion_masks import REDUCTION, motion_masks, reduced_frames, reduced_masks, stored_levels

EPSILON = 1e-8
"""Added to the physical variance before Verified divides by it."""


@dataclass(frozen=True)
class Terms:
    """The four comparisons of one clip with another; all but `mse` are 0..1, higher is better."""

    spatial: float
    spatiotemporal: Float  # (T,)
    weighted_spatial: float
    mse: NDArray[np.float32]  # (T,), of RGB in 0..1


@dataclass(frozen=True)
class Sample:
    """One scenario seen from one view: the clip against take 1, and take 1 against take 2."""

    terms: Terms
    variance: Terms


def frame_iou(first: Bool, second: Bool) -> Float:
    """Intersection over union of every frame, (T, H, W) twice -> (T,); 1 where both are empty."""
    both = (first & second).sum((1, 2))
    either = (first | second).sum((1, 2))
    ratio: Float = np.where(either == 0, 1.0, both / np.maximum(either, 1))
    return ratio


def spatial_iou(first: Bool, second: Bool) -> float:
    """Overlap of where anything ever moved, (T, H, W) twice; 1 where nothing did in both."""
    return float(frame_iou(first.max(0)[None], second.max(0)[None])[0])


def weighted_spatial_iou(first: Bool, second: Bool) -> float:
    """Overlap of how long things moved where: sum of minima over sum of maxima of the means."""
    means = first.mean(0), second.mean(0)
    largest = float(np.maximum(*means).sum())
    return float(np.minimum(*means).sum()) / largest if largest > 0.0 else 1.0


def frame_mse(first: Float, second: Float) -> NDArray[np.float32]:
    """Mean squared difference of every frame in single precision, as there."""
    return np.array(
        [
            np.mean(np.square(a.astype(np.float32) - b.astype(np.float32)))
            for a, b in zip(first, second, strict=True)
        ],
        np.float32,
    )


def compare_masks(first: Bool, second: Bool, mse: NDArray[np.float32]) -> Terms:
    """The terms of two stacks of masks (T, H, W) that are reduced already."""
    check_masks("first masks", first)
    check_masks("second masks", second)
    check_alike("first masks", first, "second masks", second)
    return Terms(
        spatial_iou(first, second),
        frame_iou(first, second),
        weighted_spatial_iou(first, second),
        mse,
    )


def sample(
    generated: Frames, take_1: Frames, take_2: Frames, through_codec: bool = False
) -> Sample:
    """What the scores are made of, from three clips (T, H, W, 3) of equal shape.

    Take 2 tells the physical variance only; the clip is never compared with it. The authors' clips
    are 5 s long. `through_codec` sends the masks through mp4v as the authors do (`stored_levels`).
    Raises InputError on other shapes or dtypes, and on frames below 4 x 4 px.
    """
    clips = {"generated": generated, "take 1": take_1, "take 2": take_2}
    for name, frames in clips.items():
        check_frames(name, frames, REDUCTION)
        check_alike(name, frames, "take 1", take_1)
    found = [motion_masks(frames) for frames in clips.values()]
    masks = [reduced_masks(stored_levels(m) if through_codec else m) for m in found]
    small = [reduced_frames(frames) for frames in clips.values()]
    return Sample(
        compare_masks(masks[0], masks[1], frame_mse(small[0], small[1])),
        compare_masks(masks[1], masks[2], frame_mse(small[1], small[2])),
    )


def score(samples: Sequence[Sample], rounded: bool = True) -> float:
    """The original score, 0..100: a ratio of means over the data set, not a mean of ratios.

    100 * ((ST/vST + S/vS + WS/vWS) / 3 - (MSE - vMSE)), clipped. `rounded` does what the authors'
    code does on the way: values of single frames to 4 digits, mean variances to 4 (spatial: 5),
    the score to 2; with few samples this shows in the MSE. NaN where both a term and its variance
    are 0. Samples weigh the same, which is the authors' mean as long as clips are equally long.
    """
    _check_some(samples)

    def mean(of: Callable[[Sample], Any], digits: int | None = None) -> np.float64:
        value = np.float64(np.mean([np.mean(_listed(of(one), rounded)) for one in samples]))
        return np.round(value, digits) if rounded and digits is not None else value

    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = (
            mean(lambda s: s.terms.spatiotemporal) / mean(lambda s: s.variance.spatiotemporal, 4)
            + mean(lambda s: s.terms.spatial) / mean(lambda s: s.variance.spatial, 5)
            + mean(lambda s: s.terms.weighted_spatial)
            / mean(lambda s: s.variance.weighted_spatial, 4)
        )
    raw = overlap / 3.0 - (mean(lambda s: s.terms.mse) - mean(lambda s: s.variance.mse, 4))
    clipped = float(np.clip(100.0 * raw, 0.0, 100.0))
    return round(clipped, 2) if rounded else clipped


def verified_terms(one: Sample, rounded: bool = True) -> dict[str, float]:
    """The four normalised terms of one sample, each clipped to 0..1.

    S/(vS + 1e-8) and so on; for the error the inverse of MSE/(vMSE + 1e-8). `rounded` rounds
    values of single frames to 4 digits, as reading the authors' CSV does: an MSE below 5e-5
    counts as none at all, and earns the full mark.
    """
    pairs: dict[str, tuple[Any, Any]] = {
        "spatial": (one.terms.spatial, one.variance.spatial),
        "spatiotemporal": (one.terms.spatiotemporal, one.variance.spatiotemporal),
        "weighted_spatial": (one.terms.weighted_spatial, one.variance.weighted_spatial),
        "mse": (one.terms.mse, one.variance.mse),
    }
    values = {}
    for name, (term, variance) in pairs.items():
        above = np.float64(np.mean(_listed(term, rounded)))
        below = np.float64(np.mean(_listed(variance, rounded)))
        with np.errstate(divide="ignore"):
            ratio = above / (below + EPSILON)
            values[name] = float(np.clip(1.0 / ratio if name == "mse" else ratio, 0.0, 1.0))
    return values


def verified_score(samples: Sequence[Sample], rounded: bool = True) -> float:
    """The Verified score, 0..100: mean over samples of the mean of their four clipped terms.

    The authors' `final_score_view` is the same in 0..1. Their geometric and harmonic means are
    not reported and not given here.
    """
    _check_some(samples)
    means = [np.mean(list(verified_terms(one, rounded).values())) for one in samples]
    return 100.0 * float(np.mean(means))


def named_values(generated: Episode, reference: Episode, second_take: Episode) -> dict[str, float]:
    """Physics-IQ on this one pair, with `second_take` (the simulator again) as physical variance.

    Both scores are those of a data set of one sample. Raises InputError as `sample` does.
    """
    one = sample(generated.frames, reference.frames, second_take.frames)
    return {
        "physics_iq": score([one]),
        "physics_iq_verified": verified_score([one]),
        "physics_iq_spatial_iou": one.terms.spatial,
        "physics_iq_spatiotemporal_iou": float(one.terms.spatiotemporal.mean()),
        "physics_iq_weighted_spatial_iou": one.terms.weighted_spatial,
        "physics_iq_mse": float(one.terms.mse.mean(dtype=np.float64)),
    }


def _check_some(samples: Sequence[Sample]) -> None:
    if not samples:
        raise InputError("no samples to score; give at least one")


def _listed(value: float | NDArray[Any], rounded: bool) -> list[float]:
    """Values of single frames, rounded to 4 digits; single numbers stay as they are."""
    if isinstance(value, float):
        return [value]
    return [round(float(v), 4) if rounded else float(v) for v in value]
