"""Footage: frames of a clip in a file of any usual kind, as they are there."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.quiet import silent_stderr

FILMS = (".mp4", ".webm", ".avi", ".mov", ".mkv")
ARRAYS = (".npz",)
PICTURES = (".png",)
MOST_FRAMES = 2000
MOST_PIXELS = 400_000_000
"""Frames times pixels of a clip that is read: 1.2 GB of memory."""


@dataclass(frozen=True)
class Footage:
    """What a file shows. Depth and rate are None where the file says nothing of them."""

    path: Path
    frames: NDArray[np.uint8]  # (F, H, W, 3) RGB, F >= 2
    depth_m: NDArray[np.float32] | None  # (F, H, W) along the view axis, finite and above 0
    rate_hz: float | None
    notes: tuple[str, ...] = ()  # what was left out, and why

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.frames.shape[2], self.frames.shape[1]


def is_clip(path: Path) -> bool:
    """Whether a path is named like a clip, or is a folder of PNGs."""
    if path.is_dir():
        return any(_pictures(path))
    return path.suffix.lower() in (*FILMS, *ARRAYS)


def read_footage(path: Path) -> Footage:
    """Read an mp4, webm, avi, mov or mkv film, an .npz file or a folder of PNGs.

    An .npz file holds `frames` uint8 (F, H, W, 3), and perhaps `depth_m` (F, H, W) and
    `frame_rate_hz`. PNGs are taken in the order of the numbers in their names.
    Raises InputError on what is missing, damaged, empty or too long.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        return _of_pictures(path)
    readers: dict[tuple[str, ...], Callable[[Path], Footage]] = {FILMS: _of_film, ARRAYS: _of_npz}
    for endings, reader in readers.items():
        if path.suffix.lower() in endings:
            if not path.stat().st_size:
                raise InputError(f"{path} is empty")
            return reader(path)
    known = ", ".join((*FILMS, *ARRAYS))
    raise InputError(f"{path}: a clip ends in {known}, or is a folder of PNGs")


def _of_film(path: Path) -> Footage:
    with silent_stderr():
        film = cv2.VideoCapture(str(path))
        try:
            if not film.isOpened():
                raise InputError(f"{path} is no film that can be read; is it damaged or cut off?")
            rate_hz = float(film.get(cv2.CAP_PROP_FPS))
            told = float(film.get(cv2.CAP_PROP_FRAME_COUNT))
            frames = _decoded(film, path)
        finally:
            film.release()
    notes = []
    if np.isfinite(told) and 0 < len(frames) < round(told):
        notes.append(f"cut off: {len(frames)} of {round(told)} frames could be read")
    known = np.isfinite(rate_hz) and 0.0 < rate_hz <= 1000.0
    return Footage(path, _checked(frames, path), None, rate_hz if known else None, tuple(notes))


def _decoded(film: cv2.VideoCapture, path: Path) -> list[NDArray[np.uint8]]:
    frames: list[NDArray[np.uint8]] = []
    while True:
        there, frame = film.read()
        if not there or frame is None:
            return frames
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False))
        _check_length(len(frames), frame.shape[0] * frame.shape[1], path)


def _of_pictures(folder: Path) -> Footage:
    frames = []
    for path in _pictures(folder):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{path} is no picture that can be read")
        frames.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False))
        if frames[-1].shape != frames[0].shape:
            raise InputError(
                f"{path} is {_size(frames[-1])}, the first picture {_size(frames[0])}; "
                "give all one size"
            )
        _check_length(len(frames), image.shape[0] * image.shape[1], folder)
    return Footage(folder, _checked(frames, folder), None, None)


def _pictures(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES]
    return sorted(found, key=lambda path: (_numbers(path.stem), path.name))


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _of_npz(path: Path) -> Footage:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no .npz file that can be read: {error}") from error
    frames = arrays.get("frames")
    if frames is None:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise InputError(f"{path} must hold `frames` uint8 (F, H, W, 3); it holds {held}")
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise InputError(
            f"{path}: frames must be uint8 (F, H, W, 3), got {frames.dtype} {frames.shape}"
        )
    _check_length(len(frames), frames.shape[1] * frames.shape[2], path)
    rate = arrays.get("frame_rate_hz")
    rate_hz = None if rate is None else _rate(rate, path)
    depth_m, notes = _depth(arrays.get("depth_m"), frames.shape[:3], path)
    return Footage(path, _checked(list(frames), path), depth_m, rate_hz, notes)


def _rate(value: NDArray[Any], path: Path) -> float:
    if value.size != 1 or value.dtype.kind not in "iuf" or not 0.0 < float(value.item()) <= 1000.0:
        raise InputError(f"{path}: frame_rate_hz must be one number above 0, got {value!r}")
    return float(value.item())


def _depth(
    depth: NDArray[Any] | None, shape: tuple[int, ...], path: Path
) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
    """Depth that can be used, or None and why not."""
    if depth is None:
        return None, ()
    if depth.dtype.kind not in "iuf" or depth.shape != shape:
        raise InputError(
            f"{path}: depth_m must be metres {shape} like the frames, got {depth.dtype} "
            f"{depth.shape}; without depth_m the clip is judged by its colours alone"
        )
    bad = ~(np.isfinite(depth) & (depth > 0.0))
    if not bad.any():
        return depth.astype(np.float32), ()
    frames = np.flatnonzero(bad.any(axis=(1, 2)))
    return None, (
        f"depth is NaN, infinite or not above 0 in {len(frames)} of {shape[0]} frames (first in "
        f"frame {frames[0]}): depth is left out, places are measured from colours and known sizes, "
        "depth drift is not measured",
    )


def _checked(frames: list[NDArray[np.uint8]], path: Path) -> NDArray[np.uint8]:
    if len(frames) < 2:
        raise InputError(f"{path} shows {len(frames)} frames that can be read; a clip needs 2")
    if min(frames[0].shape[:2]) < 16:
        raise InputError(f"{path} is {_size(frames[0])}; a clip needs 16 x 16 px at least")
    return np.stack(frames)


def _size(image: NDArray[np.uint8]) -> str:
    return f"{image.shape[1]} x {image.shape[0]} px"


def _check_length(count: int, pixels: int, path: Path) -> None:
    if count > MOST_FRAMES or count * pixels > MOST_PIXELS:
        raise InputError(
            f"{path} is longer or larger than can be judged: {MOST_FRAMES} frames and "
            f"{MOST_PIXELS / 1e6:.0f} megapixels in all are the most; cut it or make it smaller"
        )
