"""Static world: what rests in the reference keeps its depth and colour, and nothing new appears."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from worldsim.eval.same import Same

from .measure import INF, NAN, Measure
from .position import judged
from .series import largest_pair, mean
from .still import colour_change, depth_change, still_pixels, uncovered

if TYPE_CHECKING:
    from worldsim.episode import Episode
    from worldsim.eval.evidence import Evidence
    from worldsim.eval.reading.reading import Reading

Float = NDArray[np.floating]
Bool = NDArray[np.bool_]

CHROMA = 0.25
"""Change of one colour channel over the mean of all (logarithm) that no shadow makes."""
TONE = 1.2
"""Change of brightness (logarithm) that no shadow makes, be it cast or taken away."""
DEPTH_SHARE = 0.03
FEWEST_PX = 6
FAR_QUANTILE = 0.9


@dataclass(frozen=True)
class _Drift:
    """What changes in the still pixels of one clip, by frame (S+1,)."""

    share: NDArray[np.float64]  # of the still pixels, changed in this frame and the next
    depth_m: NDArray[np.float64]  # 90 % quantile over the still pixels
    blobs: NDArray[np.int64]  # connected changes
    largest_px: Float
    measurable: float  # share of the still pixels that no body covers in this clip


def static(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 19 of physics-eval: static pixels stay, within the clip, and no new object appears.

    Colour counts by hue: shadows of moving bodies are legal. Alarms are what lasts two frames,
    less the same of the reference's own frames; a new object is measured by its area over that of
    the smallest moving body.
    """
    names = (("still pixels changed", "share"), ("depth drift", "m"), ("new objects", "bodies"))
    still = still_pixels(evidence)
    if not evidence.pictured or not still.any():
        return tuple(Measure(name, NAN, unit, NAN, NAN) for name, unit in names)
    made = _drift(evidence.generated, evidence.reading, evidence)
    true = _drift(evidence.reference, evidence.floor, evidence)
    body_px = _smallest_body_px(evidence)
    values = (mean(made.share[1:]), mean(made.depth_m[1:]), float(made.blobs[1:].max()))
    alarms = (
        _excess(made.share, true.share),
        _excess(made.depth_m, true.depth_m),
        max(0.0, float(made.largest_px.max() - true.largest_px.max())) / body_px,
    )
    worsts = (1.0, INF, float(len(evidence.truth.bodies)))
    return tuple(
        Measure(name, value, unit, alarm, made.measurable, worst=worst)
        for (name, unit), value, alarm, worst in zip(names, values, alarms, worsts, strict=True)
    )


def _excess(made: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    lasting, floor = (largest_pair(values[1:, None])[0] for values in (made, true))
    return max(0.0, lasting - float(np.nan_to_num(floor))) if math.isfinite(lasting) else lasting


def _drift(episode: Episode, reading: Reading, evidence: Evidence) -> _Drift:
    return _kept(Same(reading, episode), Same(evidence.floor, evidence))


@lru_cache(maxsize=4)
def _kept(key: Same[Reading, Episode], by: Same[Reading, Evidence]) -> _Drift:
    reading, episode, evidence = key.one, key.of, by.of
    still = still_pixels(evidence)
    open_px = still & uncovered(evidence, reading)
    depth = np.abs(depth_change(episode.depth_m, evidence))
    changed = np.nan_to_num(depth) > DEPTH_SHARE
    if evidence.truth.world_from_camera is None:
        tone, _ = colour_change(episode, evidence)
        channels = np.moveaxis(tone, -1, 0)  # one by one: ten times as fast as over the last axis
        middle = sum(channels) / len(channels)
        changed |= np.abs(middle) > TONE
        for channel in channels:
            changed |= np.abs(channel - middle) > CHROMA
    changed &= open_px
    lasting = changed.copy()
    lasting[:-1] &= changed[1:]
    blobs = [_blobs(frame) for frame in lasting]
    count = np.maximum(open_px.sum((1, 2)), 1)
    far_m = depth * evidence.reference.depth_m
    return _Drift(
        share=lasting.sum((1, 2)) / count,
        depth_m=np.array([_far(m[mask]) for m, mask in zip(far_m, open_px, strict=True)]),
        blobs=np.array([len(areas) for areas in blobs]),
        largest_px=np.array([max(areas, default=0.0) for areas in blobs]),
        measurable=float(open_px[1:].sum() / max(still[1:].sum(), 1)),
    )


def _far(change_m: Float) -> float:
    return float(np.quantile(change_m, FAR_QUANTILE)) if change_m.size else NAN


def _blobs(changed: Bool) -> list[float]:
    """Areas in px of the connected changes of a frame (H, W)."""
    labels, _ = ndimage.label(changed, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    return [float(area) for area in areas[areas >= FEWEST_PX]]


def _smallest_body_px(evidence: Evidence) -> float:
    """Median area of the smallest moving body where the reference shows it."""
    segmentation = evidence.reference.segmentation
    if segmentation is None:
        segmentation = evidence.floor.segmentation
    areas = []
    for index in judged(evidence.scene):
        area = np.count_nonzero(segmentation == index + 1, axis=(1, 2))
        areas += [float(np.median(area[area > 0]))] if area.any() else []
    return max(min(areas, default=1.0), float(FEWEST_PX))
