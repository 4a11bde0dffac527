"""Pixels that must stay: where the reference shows static bodies alone, and how they change."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.eval.same import Same

from .position import judged

if TYPE_CHECKING:
    from worldsim.episode import Episode
    from worldsim.eval.evidence import Evidence
    from worldsim.eval.reading.reading import Reading

Float = NDArray[np.floating]
Bool = NDArray[np.bool_]

FIRST_FRAMES = 3
DARKEST = 16.0
"""Added to colours before their logarithm: noise of dark pixels is no change."""
_LOGARITHMS = np.log(np.arange(256, dtype=np.float32) + DARKEST)
_NEAR = np.ones((5, 5), np.uint8)


def still_pixels(evidence: Evidence) -> Bool:
    """Pixels (S+1, H, W) that show static bodies or nothing in the reference.

    Where the camera rests they do so in the first frames too, which the clip's later ones are
    compared with: what a body has covered must come out as it was. Two pixels round what moves are
    left out.
    """
    return _still_pixels(Same(evidence.floor, evidence))


@lru_cache(maxsize=4)
def _still_pixels(key: Same[Reading, Evidence]) -> Bool:
    evidence = key.of
    still = ~_moving_pixels(evidence.reference.segmentation, evidence.floor, evidence)
    if evidence.truth.world_from_camera is None:
        still &= still[:FIRST_FRAMES].all(0)
    return still


def uncovered(evidence: Evidence, reading: Reading) -> Bool:
    """Pixels (S+1, H, W) on which no moving body was read."""
    return ~_moving_pixels(None, reading, evidence)


def _moving_pixels(
    segmentation: NDArray[np.uint8] | None, reading: Reading, evidence: Evidence
) -> Bool:
    labels = np.array(judged(evidence.scene)) + 1
    moving = np.isin(reading.segmentation, labels)
    if segmentation is not None:
        moving |= np.isin(segmentation, labels)
    return np.array([cv2.dilate(m.view(np.uint8), _NEAR).view(bool) for m in moving])


def colour_change(episode: Episode, evidence: Evidence) -> tuple[Float, Float]:
    """Logarithms of colours (S+1, H, W, 3) over those of the clip's own first frames, and gains.

    The gain (S+1, 3) is what the whole picture does, its median over the still pixels, already
    taken off. A legal look, the same in all frames, changes neither.
    """
    return _colour_change(Same(episode, None), Same(evidence.floor, evidence))


@lru_cache(maxsize=4)
def _colour_change(
    episode: Same[Episode, None], by: Same[Reading, Evidence]
) -> tuple[Float, Float]:
    tones, still = _LOGARITHMS[episode.one.frames], still_pixels(by.of)
    change = tones - np.median(tones[:FIRST_FRAMES], axis=0)
    gains = np.zeros((len(tones), 3), np.float32)
    for t, mask in enumerate(still):
        if mask.any():
            gains[t] = np.median(change[t][mask], axis=0)
    return change - gains[:, None, None], gains


def gain(episode: Episode, evidence: Evidence) -> Float:
    """How exposure and white balance of a clip drift from its first frames, (S+1, 3) logarithms.

    Zero where the camera moves: no pixel then shows the same surface twice.
    """
    if evidence.truth.world_from_camera is not None:
        return np.zeros((evidence.steps + 1, 3))
    return colour_change(episode, evidence)[1]


def depth_change(depth_m: Float | None, evidence: Evidence) -> Float:
    """Depth (S+1, H, W) over what it must be, less 1: the clip's own first frames, or the truth's.

    With a moving camera it must be the reference's. NaN where there is no depth.
    """
    if depth_m is None:
        return np.full(evidence.reference.frames.shape[:3], np.nan)
    if evidence.truth.world_from_camera is None:
        wanted = np.median(depth_m[:FIRST_FRAMES], axis=0)
    else:
        wanted = evidence.reference.depth_m
    with np.errstate(invalid="ignore", divide="ignore"):
        change = depth_m / wanted - 1.0
    return np.where(np.isfinite(change), change, np.inf)
