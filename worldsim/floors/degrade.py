"""True frames as they come out of what stands between a world and its frames."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.page.video import write_video
from worldsim.videos.footage import read_footage

BLUR_PX = 0.8
"""Deviation of the blur at 128 px; it grows with the size."""
SMALLEST_FILM_PX = 64


def blurred(episode: Episode) -> Episode:
    """Frames and depth blurred by a Gaussian: edges of both become slopes."""
    sigma = BLUR_PX * episode.frames.shape[1] / 128.0
    frames = [cv2.GaussianBlur(frame, (0, 0), sigma) for frame in episode.frames]
    depth = [cv2.GaussianBlur(depth, (0, 0), sigma) for depth in episode.depth_m]
    return _with(episode, np.stack(frames), np.stack(depth))


def through_codec(episode: Episode) -> Episode:
    """Frames written as a VP9 film at its usual quality and read again; depth is not in a film."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.webm"
        write_video(path, episode.frames, episode.scene.frame_rate_hz, SMALLEST_FILM_PX)
        frames = read_footage(path).frames
    height, width = episode.frames.shape[1:3]
    if frames.shape[1:3] != (height, width):
        frames = np.stack(
            [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames]
        )
    return _with(episode, frames, episode.depth_m)


def _with(episode: Episode, frames: NDArray[np.generic], depth_m: NDArray[np.generic]) -> Episode:
    return replace(episode, frames=frames.astype(np.uint8), depth_m=depth_m.astype(np.float32))
