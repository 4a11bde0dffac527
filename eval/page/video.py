"""Truth, model and error beside each other: as a film a browser plays and as a contact sheet."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.data.atomic import write_whole
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.quiet import silent_stderr

Image = NDArray[np.uint8]
Frames = NDArray[np.uint8]

PANEL_PX = 256
TILE_PX = 128
BAR_PX = 40
GAP_PX = 6
ERROR_GAIN = 2
QUIET_LEVELS = 6
"""Differences up to this many grey levels stay black: noise to the eye, and costly to encode."""
PAPER = (24, 26, 30)
INK = (236, 238, 242)
FILMED = 10
HOLD_FRAMES = 5
"""The last frame of an episode stays for this long before the next begins."""


def write_video(
    path: Path,
    frames: Frames,
    frame_rate_hz: float,
    least_px: int = 256,
    codec: Literal["VP8", "VP9"] = "VP9",
) -> Path:
    """Write frames (T, H, W, 3) as a film, enlarged by whole pixels to `least_px` high.

    VP8 is written seven times as fast and a tenth larger. Raises InputError on an empty film, and
    where this OpenCV can not write the codec.
    """
    if frames.ndim != 4 or not len(frames) or frames.dtype != np.uint8:
        raise InputError(f"a film needs uint8 frames (T, H, W, 3), got {frames.shape}")
    scale = max(1, -(-least_px // frames.shape[1]))
    height, width = (2 * (scale * side // 2) for side in frames.shape[1:3])
    path.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.VideoWriter.fourcc(*f"{codec}0")
    # OpenCV says nothing of a full disk; written elsewhere first, the film appears whole.
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / "film.webm"
        with silent_stderr():
            writer = cv2.VideoWriter(str(draft), code, float(frame_rate_hz), (width, height))
        if not writer.isOpened():
            raise InputError(f"this OpenCV can not write {codec}; install opencv-python-headless")
        try:
            for frame in frames:
                large = enlarged(frame, scale)[:height, :width]
                writer.write(cv2.cvtColor(large, cv2.COLOR_RGB2BGR))
        finally:
            writer.release()
        write_whole(path, draft.read_bytes())
    return path


def film_of(episodes: Sequence[Episode], path: Path) -> Path:
    """Write a film of the first episodes, at most FILMED, one after the other."""
    filmed = episodes[:FILMED]
    frames = np.concatenate([episode.frames for episode in filmed])
    return write_video(path, frames, filmed[0].scene.frame_rate_hz)


def side_by_side(
    generated: Sequence[Episode], reference: Sequence[Episode], start_frames: int = 1
) -> Frames:
    """Film of truth, model and error, one episode after the other, with the step number."""
    film = []
    for number, (made, true) in enumerate(zip(generated, reference, strict=True)):
        title = "" if len(generated) == 1 else f"episode {number + 1}"
        length = min(len(made.frames), len(true.frames))
        for t in range(length):
            panels = (true.frames[t], made.frames[t], error_image(made.frames[t], true.frames[t]))
            film.append(_frame(panels, _step(t, start_frames), title))
        film += [film[-1]] * HOLD_FRAMES
    return np.stack(film)


def contact_sheet(
    generated: Episode, reference: Episode, start_frames: int = 1, columns: int = 9
) -> Image:
    """One image: truth over model over error at steps spread over the episode, (H, W, 3)."""
    last = min(len(generated.frames), len(reference.frames)) - 1
    at = np.unique(np.linspace(start_frames - 1, last, columns).round().astype(int))
    made, true = generated.frames[at], reference.frames[at]
    rows = (true, made, [error_image(a, b) for a, b in zip(made, true, strict=True)])
    tile = TILE_PX * np.array(true.shape[1:3]) // true.shape[1]
    left, top = 90, 34
    height = top + 3 * (tile[0] + GAP_PX)
    sheet = _paper(height, left + len(at) * (tile[1] + GAP_PX))
    for row, (name, images) in enumerate(zip(("truth", "model", "error"), rows, strict=True)):
        y = top + row * (tile[0] + GAP_PX)
        write(sheet, name, (12, y + tile[0] // 2), 0.55)
        for column, image in enumerate(images):
            x = left + column * (tile[1] + GAP_PX)
            sheet[y : y + tile[0], x : x + tile[1]] = _fitted(image, tile[0], tile[1])
    for column, t in enumerate(at):
        write(sheet, _step(int(t), start_frames), (left + column * (tile[1] + GAP_PX), 22), 0.5)
    return sheet


def write_image(path: Path, image: Image) -> Path:
    """Write an RGB image (H, W, 3) as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    write_whole(path, data.tobytes())
    return path


def error_image(generated: Image, reference: Image) -> Image:
    """Twice the largest channel difference, from black through red to white."""
    difference = np.abs(generated.astype(np.int16) - reference).max(-1)
    difference[difference <= QUIET_LEVELS] = 0
    strength = np.minimum(ERROR_GAIN * difference, 255).astype(np.uint8)
    coloured: Image = cv2.applyColorMap(strength, cv2.COLORMAP_INFERNO)[..., ::-1].astype(np.uint8)
    return coloured


def enlarged(image: Image, scale: int) -> Image:
    """Every pixel as a square of `scale` x `scale`."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def _frame(panels: Sequence[Image], step: str, title: str) -> Image:
    height = PANEL_PX
    width = PANEL_PX * panels[0].shape[1] // panels[0].shape[0]
    canvas = _paper(BAR_PX + height + GAP_PX, 3 * width + 4 * GAP_PX)
    for k, (name, panel) in enumerate(zip(("truth", "model", "error"), panels, strict=True)):
        left = GAP_PX + k * (width + GAP_PX)
        canvas[BAR_PX : BAR_PX + height, left : left + width] = _fitted(panel, height, width)
        write(canvas, name, (left + 4, 27), 0.7)
    write(canvas, title, (GAP_PX + width + 100, 26), 0.5)
    write(canvas, step, (canvas.shape[1] - 120, 27), 0.7)
    return canvas


def _step(frame: int, start_frames: int) -> str:
    step = frame - start_frames + 1
    return f"step {step}" if step > 0 else "start"


def _fitted(image: Image, height: int, width: int) -> Image:
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST)
    return resized.astype(np.uint8, copy=False)


def _paper(height: int, width: int) -> Image:
    even = (height + height % 2, width + width % 2, 3)
    return np.broadcast_to(np.array(PAPER, np.uint8), even).copy()


def write(
    canvas: Image,
    text: str,
    at: tuple[int, int],
    size: float,
    ink: tuple[int, int, int] = INK,
) -> None:
    """Put a line of text on the canvas, from `at` (x, y), the left end of its base line."""
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)
