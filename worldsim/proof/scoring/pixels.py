"""A classifier that sees raw pixels only: what it finds is what the suite leaks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.proof.scoring.decision import auc

Float = NDArray[np.float64]
SIDE_PX = 16
FRAMES = 8
FOLDS = 5
RIDGE = 1.0  # of the mean variance of a pixel, for each clip
FEWEST = 2 * FOLDS


def thumbnail(episode: Episode) -> NDArray[np.uint8]:
    """The clip in 8 grey frames of 16 x 16, spread over its length."""
    frames = np.linspace(0, episode.steps, FRAMES).round().astype(int)
    grey = [cv2.cvtColor(episode.frames[t], cv2.COLOR_RGB2GRAY) for t in frames]
    size = (SIDE_PX, SIDE_PX)
    return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in grey])


def pixel_auc(clean: NDArray[np.uint8], faulty: NDArray[np.uint8]) -> float:
    """AUC of ridge regression on thumbnails (n, 8, 16, 16), each scored by folds without it.

    NaN below 10 clips of a class.
    """
    if min(len(clean), len(faulty)) < FEWEST:
        return float("nan")
    x = np.concatenate([clean, faulty]).reshape(len(clean) + len(faulty), -1) / 255.0
    y = np.concatenate([-np.ones(len(clean)), np.ones(len(faulty))])
    fold = np.empty(len(x), int)
    for label in (-1, 1):  # as many of each class in every fold
        members = np.flatnonzero(y == label)
        fold[np.random.default_rng(0).permutation(members)] = np.arange(len(members)) % FOLDS
    score = np.empty(len(x))
    for k in range(FOLDS):
        score[fold == k] = _ridge(x[fold != k], y[fold != k], x[fold == k])
    # Folds differ in their offsets: only clips of one fold are compared.
    parts = [auc(score[(fold == k) & (y < 0)], score[(fold == k) & (y > 0)]) for k in range(FOLDS)]
    return float(np.mean(parts))


def _ridge(x: Float, y: Float, unseen: Float) -> Float:
    """Ridge regression in its dual form: there are more pixels than clips."""
    mean, offset = x.mean(0), y.mean()
    centred = x - mean
    gram = centred @ centred.T
    strength = RIDGE * max(float(np.trace(gram)) / len(x), 1e-12)
    weights = np.linalg.solve(gram + strength * np.eye(len(x)), y - offset)
    scores: Float = (unseen - mean) @ centred.T @ weights + offset
    return scores
