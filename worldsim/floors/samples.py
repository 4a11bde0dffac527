"""What was read off one floor's clips beside the truth, and the figures of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.checks.position import Truth, truth_of
from worldsim.eval.reading.reading import Reading

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

NAMED_SHARE = 0.5
"""A body is rightly named where at least this share of the pixels so named show it."""
SIGMAS = 2.0


@dataclass(frozen=True)
class Sample:
    """One clip read: M bodies in T+1 frames, NaN where a body could not be seen or was not found.

    `offset_m` is across the view to the right, across it upwards, and along it; `sigma_m` are the
    reading's own standard errors of the same.
    """

    visible: Bool  # (T+1, M)
    named: Bool  # (T+1, M) found, and what is named so shows it
    offset_m: Float  # (T+1, M, 3)
    sigma_m: Float  # (T+1, M, 3)
    diameter_m: Float  # (M,)
    coordinates_m: Float  # (K, 3) offsets x, y, z of what was found

    @classmethod
    def of(cls, reading: Reading, truth_episode: Episode) -> Sample:
        """Raises AssertionError on an episode without segmentation."""
        truth = truth_of(truth_episode, reading)
        bodies = truth.indices
        offset = reading.position_m[:, bodies] - truth.position_m
        offset[~truth.visible] = np.nan
        axes = _axes(truth)
        covariance = reading.covariance_m2[:, bodies]
        along_axes = np.einsum("tmai,tmij,tmaj->tma", axes, covariance, axes)
        found = truth.visible & reading.found[:, bodies]
        return cls(
            truth.visible,
            found & _named(reading, truth_episode, bodies),
            np.einsum("tmai,tmi->tma", axes, offset),
            np.sqrt(np.maximum(along_axes, 0.0)),
            truth.diameter_m,
            offset[found & np.isfinite(offset).all(-1)],
        )


def _axes(truth: Truth) -> Float:
    """Right, up and along the ray to every true place, as rows (T+1, M, 3, 3)."""
    views = truth.views
    ray = truth.position_m - views[:, None, :3, 3]
    ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    right = np.cross(ray, -views[:, None, :3, 1])
    right = right / np.linalg.norm(right, axis=-1, keepdims=True)
    axes: Float = np.stack([right, np.cross(right, ray), ray], axis=-2)
    return axes


def _named(reading: Reading, truth: Episode, bodies: Sequence[int]) -> Bool:
    """Whether most pixels that the reading gives a body show that one, (T+1, M)."""
    assert truth.segmentation is not None
    columns = []
    for index in bodies:
        given = reading.segmentation == index + 1
        right = given & (truth.segmentation == index + 1)
        count = given.sum((1, 2))
        columns.append((count > 0) & (right.sum((1, 2)) >= NAMED_SHARE * count))
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Figures:
    """What a floor comes to; errors are those of bodies that were visible and found.

    `all_named` is the share of frames in which every visible body was found and rightly named,
    `within_two_sigmas` that of errors along one axis below two reported standard errors (0.954 is
    right). NaN where nothing was measured.
    """

    frames: int
    all_named: float
    lateral_m: tuple[float, float]  # median and 90 %
    lateral_diameters: tuple[float, float]
    along_m: tuple[float, float]
    along_diameters: tuple[float, float]
    within_two_sigmas: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Figures:
        every = np.concatenate([(s.named | ~s.visible).all(1) for s in samples])
        lateral = [np.linalg.norm(s.offset_m[..., :2], axis=-1) for s in samples]
        along = [np.abs(s.offset_m[..., 2]) for s in samples]
        scaled = [
            [error / s.diameter_m for error, s in zip(errors, samples, strict=True)]
            for errors in (lateral, along)
        ]
        sigmas = [np.abs(s.offset_m) / np.maximum(s.sigma_m, 1e-12) for s in samples]
        known = _flat(sigmas)
        return cls(
            len(every),
            float(every.mean()),
            _quantiles(lateral),
            _quantiles(scaled[0]),
            _quantiles(along),
            _quantiles(scaled[1]),
            float((known <= SIGMAS).mean()) if known.size else float("nan"),
        )


def deviation_m(samples: Sequence[Sample]) -> float:
    """Robust deviation of one coordinate of the error: 1.4826 MAD; 0 where nothing was found."""
    offset = np.concatenate([s.coordinates_m for s in samples])
    if not offset.size:
        return 0.0
    return float(1.4826 * np.median(np.abs(offset - np.median(offset, axis=0))))


def _flat(values: Sequence[Float]) -> Float:
    flat: Float = np.concatenate([value.ravel() for value in values])
    return flat[np.isfinite(flat)]


def _quantiles(values: Sequence[Float]) -> tuple[float, float]:
    flat = _flat(values)
    if not flat.size:
        return float("nan"), float("nan")
    return float(np.median(flat)), float(np.quantile(flat, 0.9))
