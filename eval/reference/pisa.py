"""PISA's centroid distance, Chamfer distance and IoU: as coded, and corrected by other names.

Source: vision-x-nyu/pisa-experiments, eval.py and utils/metrics.py; Li et al. 2025, "PISA
Experiments". Distances are over sqrt(2) H, the diagonal of a square frame. As coded, a frame in
which either mask is empty is left out of both distances: a body that vanishes is forgiven.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from worldsim.episode import Episode
from worldsim.errors import InputError

from .inputs import (
    Bool,
    Float,
    body_masks,
    check_alike,
    check_masks,
    mean_of_known,
    moving_bodies,
)

LOST = 1.0
"""Corrected distance of a frame in which one of two masks is empty: the whole diagonal."""


def matching_frames(
    generated_count: int, generated_rate_hz: float, real_count: int, real_rate_hz: float
) -> list[int]:
    """Which real frame each generated one is compared with: int(i * real / generated rate).

    Generated frames past the end of the real clip have none and are cut off.
    """
    if not min(generated_rate_hz, real_rate_hz) > 0.0:
        raise InputError(f"frame rates {generated_rate_hz}, {real_rate_hz} Hz: both above 0 needed")
    ratio = real_rate_hz / generated_rate_hz
    wanted = [int(i * ratio) for i in range(generated_count)]
    return [index for index in wanted if index < real_count]


def centroids_px(masks: Bool) -> Float:
    """Mean (x, y) of each mask's pixel indices, (T, H, W) -> (T, 2); NaN where it is empty."""
    check_masks("masks", masks)
    places = np.full((len(masks), 2), np.nan)
    for t, mask in enumerate(masks):
        y, x = np.nonzero(mask)
        if len(x):
            places[t] = x.mean(), y.mean()
    return places


def l2_as_coded(generated: Bool, reference: Bool) -> float:
    """The published "L2" of two stacks of masks (T, H, W), 0 best.

    Not an L2: the root is taken of each square alone, so this is the mean of |dx| and |dy| over
    frames and axes, over sqrt(2) H. Frames with an empty mask are left out; NaN without others.
    """
    apart = np.abs(_offsets_px(generated, reference))
    return mean_of_known(list(apart.ravel())) / _diagonal_px(reference)


def l2_euclidean(generated: Bool, reference: Bool) -> float:
    """The same with the length of (dx, dy): what the name says. Empty masks are still left out."""
    apart = np.linalg.norm(_offsets_px(generated, reference), axis=1)
    return mean_of_known(list(apart)) / _diagonal_px(reference)


def l2_corrected(generated: Bool, reference: Bool) -> float:
    """`l2_euclidean` with every frame scored.

    A frame in which only one mask is empty has distance 1 (`LOST`), one in which both are has 0.
    """
    apart = np.linalg.norm(_offsets_px(generated, reference), axis=1) / _diagonal_px(reference)
    return float(np.mean(_scored(apart, generated, reference, LOST)))


def chamfer_as_coded(generated: Bool, reference: Bool) -> float:
    """Chamfer distance of two stacks of masks (T, H, W) over sqrt(2) H, 0 best.

    Mean distance of a mask's pixels to the other's nearest, summed over both directions, averaged
    over frames. Frames with an empty mask are left out; NaN without others.
    """
    return mean_of_known(list(_chamfers(generated, reference)))


def chamfer_corrected(generated: Bool, reference: Bool) -> float:
    """`chamfer_as_coded` with every frame scored: 1 a direction where one mask is empty."""
    apart = _chamfers(generated, reference)
    return float(np.mean(_scored(apart, generated, reference, 2.0 * LOST)))


def iou(generated: Bool, reference: Bool) -> float:
    """Intersection over union averaged over frames (T, H, W); 1 for a frame with both empty."""
    _check(generated, reference)
    both = (generated & reference).sum((1, 2))
    either = (generated | reference).sum((1, 2))
    return float(np.mean(np.where(either == 0, 1.0, both / np.maximum(either, 1))))


def named_values(
    generated: Episode, reference: Episode, bodies: tuple[str, ...] = ()
) -> dict[str, float]:
    """PISA on this pair: the mean over the named bodies, or over all that can move.

    The authors score one body, the one that falls. Masks are the episodes' segmentations; raises
    InputError where one has none. A body left out by the code (NaN) is left out of the mean.
    """
    measures = {
        "pisa_l2_as_coded": l2_as_coded,
        "pisa_chamfer_as_coded": chamfer_as_coded,
        "pisa_iou": iou,
        "pisa_l2_euclidean": l2_euclidean,
        "pisa_l2_corrected": l2_corrected,
        "pisa_chamfer_corrected": chamfer_corrected,
    }
    pairs = [
        (body_masks("generated", generated, name), body_masks("reference", reference, name))
        for name in bodies or moving_bodies(reference)
    ]
    return {
        name: mean_of_known([measure(made, true) for made, true in pairs])
        for name, measure in measures.items()
    }


def _check(generated: Bool, reference: Bool) -> None:
    check_masks("generated", generated)
    check_masks("reference", reference)
    check_alike("generated", generated, "reference", reference)


def _diagonal_px(masks: Bool) -> float:
    return float(np.sqrt(2.0) * masks.shape[1])


def _offsets_px(generated: Bool, reference: Bool) -> Float:
    _check(generated, reference)
    return centroids_px(generated) - centroids_px(reference)


def _chamfers(generated: Bool, reference: Bool) -> Float:
    """Sum of both directions over sqrt(2) H of each frame, (T,); NaN where a mask is empty."""
    _check(generated, reference)
    apart = np.full(len(generated), np.nan)
    for t, (made, true) in enumerate(zip(generated, reference, strict=True)):
        if made.any() and true.any():
            first, second = np.argwhere(made), np.argwhere(true)
            there = cKDTree(second).query(first)[0].mean()
            back = cKDTree(first).query(second)[0].mean()
            apart[t] = (there + back) / _diagonal_px(reference)
    return apart


def _scored(apart: Float, generated: Bool, reference: Bool, lost: float) -> Float:
    """Distances of all frames: `lost` where one mask is empty, 0 where both are."""
    made, true = generated.any((1, 2)), reference.any((1, 2))
    return np.where(made & true, apart, np.where(made ^ true, lost, 0.0))
