"""Physics-IQ's motion masks: where a frame differs from a running mean of the frames before.

Source: google-deepmind/physics-IQ-benchmark, code/binary_mask_generator.py, and the loading in
code/calculate_and_write_metrics_to_csv.py.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError

from .inputs import Bool, Float, Frames, check_extent, check_frames, check_masks

Levels = NDArray[np.uint8]

THRESHOLD = 10
"""Grey levels of 255. The mean takes in a frame before the two are compared, so against an old
background a change must exceed 10 / 0.7 = 14.3 levels."""
SHARE = 0.3
"""Weight of the newest frame in the running mean."""
REDUCTION = 4
"""Masks and frames are compared at a quarter of the real video's width and height."""


def motion_masks(frames: Frames, threshold: int = THRESHOLD) -> Bool:
    """Where something moves, (T, H, W, 3) -> (T, H, W); nothing does in the first frame.

    Grey, 5x5 Gaussian blur, running mean, difference above the threshold, morphological opening
    and closing with 5x5 ones. OpenCV's own rounding: grey and blur are whole levels, the mean is
    float64 and rounded for the difference only. Raises InputError on anything but uint8 frames.
    """
    check_frames("frames", frames)
    kernel = np.ones((5, 5), np.uint8)
    masks = np.zeros(frames.shape[:3], np.bool_)
    mean: Float = _blurred_grey(frames[0]).astype(np.float64)
    for t in range(1, len(frames)):
        grey = _blurred_grey(frames[t])
        cv2.accumulateWeighted(grey, mean, SHARE)
        change = cv2.absdiff(grey, cv2.convertScaleAbs(mean))
        moved = (change > threshold).astype(np.uint8)
        opened = cv2.morphologyEx(moved, cv2.MORPH_OPEN, kernel)
        masks[t] = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, kernel) > 0
    return masks


def _blurred_grey(frame: Frames) -> Levels:
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(grey, (5, 5), 0), np.uint8)


def stored_levels(masks: Bool, frame_rate_hz: float = 30.0) -> Levels:
    """Masks written as mp4v video and read again: grey levels, (T, H, W).

    The authors store masks so. The codec is lossy: edges ring, and after the reduction some
    pixels fall on the other side of 127. What it does depends on the FFmpeg that OpenCV brings,
    so scores here leave it out unless asked. Raises InputError where the codec is missing or
    the size is odd, which mp4v does not store.
    """
    check_masks("masks", masks)
    height, width = masks.shape[1:]
    if height % 2 or width % 2:
        raise InputError(f"mp4v stores even sizes only, not {height} x {width} px")
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "masks.mp4")
        code = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(path, code, frame_rate_hz, (width, height), isColor=False)
        for mask in masks:
            writer.write(mask.astype(np.uint8) * 255)
        writer.release()
        video = cv2.VideoCapture(path)
        levels = []
        while (read := video.read())[0]:
            levels.append(read[1][..., 0])
        video.release()
    if len(levels) != len(masks):
        raise InputError("this OpenCV cannot write mp4v video; leave the round trip out")
    return np.stack(levels).astype(np.uint8)


def reduced_masks(levels: Bool | Levels) -> Bool:
    """Masks at a quarter of the size, (T, H, W) -> (T, H // 4, W // 4).

    Takes masks, or levels 0..255 as `stored_levels` gives them; a reduced pixel is set above 127.
    """
    check_extent("masks", levels.shape, REDUCTION)
    full = levels.astype(np.uint8) * 255 if levels.dtype == np.bool_ else levels.astype(np.uint8)
    return np.stack([_reduced(level) > 127 for level in full])


def reduced_frames(frames: Frames) -> Float:
    """Frames at a quarter of the size, in 0..1, (T, H, W, 3) -> (T, H // 4, W // 4, 3)."""
    check_frames("frames", frames, REDUCTION)
    return np.stack([_reduced(frame) for frame in frames]) / 255.0


def _reduced(image: Levels) -> Levels:
    """Bilinear without prefilter: at exactly 1/4, the mean of the middle 2x2 of every 4x4."""
    height, width = image.shape[:2]
    size = (width // REDUCTION, height // REDUCTION)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
