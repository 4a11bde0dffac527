"""Clips as they lie in files of any usual kind, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.quiet import silent_stderr
from worldsim.videos.footage import is_clip, read_footage

FRAMES = 6
CODECS = {"mp4": "mp4v", "webm": "VP90", "avi": "MJPG"}


def moving_square() -> NDArray[np.uint8]:
    """A blue square on red, 4 px further right in every frame: (6, 48, 64, 3) RGB."""
    frames = np.zeros((FRAMES, 48, 64, 3), np.uint8)
    frames[..., 0] = 200
    for t in range(FRAMES):
        frames[t, 16:32, 8 + 4 * t : 24 + 4 * t] = (20, 40, 220)
    return frames


def write(path: Path, frames: NDArray[np.uint8], rate_hz: float = 25.0) -> Path:
    code = cv2.VideoWriter.fourcc(*CODECS[path.suffix[1:]])
    with silent_stderr():
        film = cv2.VideoWriter(str(path), code, rate_hz, (frames.shape[2], frames.shape[1]))
        for frame in frames:
            film.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        film.release()
    return path


@pytest.mark.parametrize("ending", CODECS)
def test_a_film_comes_back_in_order_in_rgb_with_its_rate(tmp_path: Path, ending: str) -> None:
    frames = moving_square()
    footage = read_footage(write(tmp_path / f"film.{ending}", frames))
    assert footage.frames.shape == frames.shape and footage.rate_hz == pytest.approx(25.0)
    assert footage.depth_m is None and footage.size_px == (64, 48)
    apart = np.abs(footage.frames.astype(int) - frames).mean((1, 2, 3))
    assert (apart < 12).all()  # codecs smear, they do not swap channels or frames
    wrong = np.abs(footage.frames[::-1].astype(int) - frames).mean((1, 2, 3))
    assert wrong[0] > 2 * apart[0]


def test_pictures_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for t, frame in enumerate(moving_square()):
        cv2.imwrite(str(tmp_path / f"f{t * 3}.png"), frame[..., ::-1])  # f9 before f12
    assert is_clip(tmp_path)
    assert np.array_equal(read_footage(tmp_path).frames, moving_square())


def test_arrays_come_with_depth_and_rate(tmp_path: Path) -> None:
    depth_m = np.full((FRAMES, 48, 64), 1.5)
    np.savez(tmp_path / "c.npz", frames=moving_square(), depth_m=depth_m, frame_rate_hz=8)
    footage = read_footage(tmp_path / "c.npz")
    assert np.array_equal(footage.frames, moving_square()) and footage.rate_hz == 8.0
    assert footage.depth_m is not None and footage.depth_m.dtype == np.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_depth_that_is_no_depth_is_left_out_and_says_so(tmp_path: Path, bad: float) -> None:
    depth_m = np.ones((FRAMES, 48, 64))
    depth_m[3, 5, 5] = bad
    np.savez(tmp_path / "c.npz", frames=moving_square(), depth_m=depth_m)
    footage = read_footage(tmp_path / "c.npz")
    assert footage.depth_m is None
    (note,) = footage.notes
    assert "1 of 6 frames" in note and "frame 3" in note and "not measured" in note


def test_a_film_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.avi", moving_square())
    cut = tmp_path / "cut.avi"
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * 2 // 3])
    try:
        footage = read_footage(cut)
    except InputError as error:  # an OpenCV that reads none of it says so
        assert "cut.avi" in str(error)
    else:
        assert 2 <= len(footage.frames) < FRAMES


SPOILT = {
    "nowhere.mp4": (None, "no such file"),
    "empty.webm": (b"", "is empty"),
    "text.mp4": (b"not a film at all\n" * 40, "no film that can be read"),
    "text.npz": (b"not an archive", "no .npz file"),
    "notes.txt": (b"hello", "ends in .mp4"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_no_clip_says_so(tmp_path: Path, name: str) -> None:
    content, said = SPOILT[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_footage(tmp_path / name)


WRONG = {
    "no frames": ({"images": moving_square()}, "must hold `frames`"),
    "floats": ({"frames": moving_square() / 255.0}, "must be uint8"),
    "grey": ({"frames": moving_square()[..., 0]}, "must be uint8"),
    "one frame": ({"frames": moving_square()[:1]}, "1 frames that can be read"),
    "tiny": ({"frames": moving_square()[:, :8, :8]}, "16 x 16"),
    "depth": ({"frames": moving_square(), "depth_m": np.ones((6, 4, 4))}, "without depth_m"),
    "rate": ({"frames": moving_square(), "frame_rate_hz": 0}, "one number above 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_arrays_that_do_not_fit_say_so(tmp_path: Path, name: str) -> None:
    arrays, said = WRONG[name]
    np.savez(tmp_path / "c.npz", **arrays)
    with pytest.raises(InputError, match=said):
        read_footage(tmp_path / "c.npz")


def test_a_damaged_picture_and_one_of_another_size_are_named(tmp_path: Path) -> None:
    for t, frame in enumerate(moving_square()):
        cv2.imwrite(str(tmp_path / f"{t}.png"), frame)
    cv2.imwrite(str(tmp_path / "3.png"), moving_square()[3, :20])
    with pytest.raises(InputError, match="3.png is 64 x 20"):
        read_footage(tmp_path)
    (tmp_path / "3.png").write_bytes(b"none")
    with pytest.raises(InputError, match="3.png"), silent_stderr():
        read_footage(tmp_path)
