"""The report on disk: a page that needs nothing else, a film that plays, values that load."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.clips import worst_first
from worldsim.eval.page.charts import position_chart
from worldsim.eval.page.report import write_report
from worldsim.eval.page.video import (
    HOLD_FRAMES,
    contact_sheet,
    error_image,
    side_by_side,
    write_video,
)
from worldsim.eval.score import Report
from worldsim.eval.suite import evaluate


def frames_of(path: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        ok, frame = capture.read()
        if not ok:
            return frames
        frames.append(frame)


@pytest.fixture(scope="module")
def written(episodes: list[Episode], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "deep" / "down"
    report = evaluate(episodes[1], episodes[0], shuffled=episodes[1])
    paths = write_report(report, out, episodes[1], episodes[0])
    assert all(path.is_file() for path in paths)
    return out


def test_the_files(written: Path) -> None:
    names = {"report.json", "report.html", "worst_1.webm", "contact_sheet.png"}
    assert {path.name for path in written.iterdir()} == names
    report = Report.load(written / "report.json")
    assert report.scenario == "push" and "model" in report.rows


def test_the_film_plays(written: Path, episodes: list[Episode]) -> None:
    frames = frames_of(written / "worst_1.webm")
    assert len(frames) == episodes[0].steps + 1 + HOLD_FRAMES
    assert frames[0].shape[1] > 2 * frames[0].shape[0]
    assert (written / "worst_1.webm").read_bytes()[:4] == b"\x1a\x45\xdf\xa3"


def test_the_page_needs_nothing_else(written: Path) -> None:
    page = (written / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert page.count("<svg") >= 3 and "data:video/webm;base64," in page
    for body in ("pusher", "sphere", "box"):
        assert f"<h3>{body}" in page
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page).lower().replace("nano", "")


def test_the_sheet_is_an_image(written: Path) -> None:
    image = cv2.imread(str(written / "contact_sheet.png"))
    assert image is not None and image.shape[1] > image.shape[0] > 300


def test_error_panel_is_dark_for_equal_frames(episodes: list[Episode]) -> None:
    frame = episodes[0].frames[0]
    assert error_image(frame, frame).max() < 20
    assert error_image(frame, 255 - frame).max() > 200


def test_film_shows_truth_and_model_unchanged(episodes: list[Episode]) -> None:
    film = side_by_side(episodes[1:2], episodes[0:1])
    colour = np.array([b.color_rgb for b in episodes[0].scene.bodies if b.name == "pusher"])
    assert colour.size and film.dtype == np.uint8 and film.shape[1] % 2 == film.shape[2] % 2 == 0
    assert len(film) == episodes[0].steps + 1 + HOLD_FRAMES
    assert (film[0] != film[10]).any()
    assert contact_sheet(episodes[1], episodes[0]).dtype == np.uint8


def test_colours_survive_the_film(tmp_path: Path) -> None:
    """Red stays red: OpenCV writes BGR."""
    frames = np.zeros((5, 64, 64, 3), np.uint8)
    frames[..., 0] = 200
    decoded = frames_of(write_video(tmp_path / "red.webm", frames, 10))
    assert len(decoded) == 5 and decoded[0].shape[0] >= 256
    blue, green, red = decoded[2].reshape(-1, 3).mean(0)
    assert red > 150 and green < 50 and blue < 50


def test_an_empty_film_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="film"):
        write_video(tmp_path / "x.webm", np.zeros((0, 64, 64, 3), np.uint8), 10)
    assert not (tmp_path / "x.webm").exists()


def test_a_full_disk_names_the_file_and_leaves_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="x.webm: disk full"):
        write_video(tmp_path / "x.webm", np.zeros((2, 64, 64, 3), np.uint8), 10)
    assert not list(tmp_path.iterdir())


def test_unpaired_episodes_are_refused(episodes: list[Episode], tmp_path: Path) -> None:
    report = evaluate(episodes[0], episodes[0])
    with pytest.raises(InputError, match="pair"):
        write_report(report, tmp_path / "x", episodes[:2], episodes[:1])
    assert not (tmp_path / "x").exists()


def test_the_worst_clip_comes_first(episodes: list[Episode], tmp_path: Path) -> None:
    """Truth beside truth, and truth beside another episode: the second is the worst."""
    report = evaluate([episodes[0], episodes[1]], [episodes[0], episodes[2]])
    assert [clip.episode for clip in worst_first(report.clips)] == [1, 0]
    assert report.clips[0].worst < 0.1 and report.clips[1].worst > 1.0
    write_report(report, tmp_path, [episodes[0], episodes[1]], [episodes[0], episodes[2]])
    page = (tmp_path / "report.html").read_text()
    assert page.index("<h3>episode 2") < page.index("<h3>episode 1")
    assert page.count("<video") == page.count('class="playhead"') == 2
    assert "times the line" in page or "missing" in page


def test_a_chart_has_a_line_for_every_row(episodes: list[Episode]) -> None:
    report = evaluate(episodes[0], episodes[0])
    chart = position_chart(report, "box")
    assert chart.count('class="curve') == len(report.rows)


def test_a_chart_of_a_body_that_not_every_clip_shows(episodes: list[Episode]) -> None:
    """In Drop and Swing what falls and what hangs differ from scene to scene."""
    report = evaluate(episodes[:2], episodes[:2])
    without = {name: floor for name, floor in report.clips[1].floor_m.items() if name != "box"}
    clips = (report.clips[0], replace(report.clips[1], floor_m=without))
    assert position_chart(replace(report, clips=clips), "box").startswith("<svg")
