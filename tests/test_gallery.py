"""The gallery: what stands where in the picture, and when a start is called solved."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from worldsim import cli, gallery
from worldsim.agents.scripted import SCRIPTED
from worldsim.errors import InputError
from worldsim.gallery import EXPLORED, PAPER, SOLVED, UNSOLVED, Cell
from worldsim.sim.look import LOOKS
from worldsim.sim.scenarios import SCENARIOS


def cell(shade: int, size_px: int = 32, **values: Any) -> Cell:
    frames = np.full((3, size_px, size_px, 3), shade, np.uint8)
    return Cell(frames, **{"steps": 9, "scripted": True, "solved": True, **values})


def test_every_frame_stands_in_its_row_and_column() -> None:
    rows = [[cell(10), cell(20)], [cell(30), cell(40)]]
    sheet = gallery.sheet(["a", "b"], ["id", "ood"], rows)
    drawn = np.abs(sheet.astype(int) - np.array(PAPER)).max(-1)
    for row, cells in enumerate(rows):
        for column, one in enumerate(cells):
            pixels = np.argwhere((sheet == one.frames[0, 0, 0]).all(-1) & (drawn > 100))
            square = pixels[len(pixels) // 2]
            assert row == square[0] * 2 // sheet.shape[0]
            assert column == square[1] * 2 // sheet.shape[1]
            assert len(pixels) >= 3 * 96 * 96  # enlarged by whole pixels


@pytest.mark.parametrize(
    ("values", "color", "says"),
    [
        ({}, SOLVED, "solved in 9 steps"),
        ({"steps": 1}, SOLVED, "solved in 1 step"),
        ({"solved": False}, UNSOLVED, "not solved in 9 steps"),
        ({"scripted": False, "solved": False}, EXPLORED, "explored for 9 steps"),
    ],
)
def test_a_caption_says_how_it_ended(
    values: dict[str, Any], color: tuple[int, int, int], says: str
) -> None:
    one = cell(10, **values)
    assert one.caption == says and one.color == color
    sheet = gallery.sheet(["a"], ["id"], [[one]])
    assert (sheet == np.array(color)).all(-1).sum() > 40


def test_an_episode_in_three_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    push = SCENARIOS["push"]
    seen = gallery.film(push, "id", 32, 0)
    assert seen.solved and seen.scripted and seen.steps < 100
    assert seen.frames.shape == (3, 32, 32, 3)
    assert not np.array_equal(seen.frames[0], seen.frames[2])
    monkeypatch.delitem(SCRIPTED, "push")
    assert not gallery.film(push, "id", 32, 0).scripted


def test_the_command_draws_what_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "one.png"
    line = f"gallery --out {out} --scenarios push --size-px 48 --seed 1"
    assert cli.main(line.split()) == 0
    assert capsys.readouterr().out.strip() == str(out)
    picture = cv2.imread(str(out))
    assert picture is not None and picture.shape[1] > 9 * 96 > picture.shape[0]


def test_nothing_is_written_where_a_name_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean push"):
        gallery.gallery(tmp_path / "x.png", ["push", "posh"])
    assert not list(tmp_path.iterdir())


def test_a_split_that_a_scenario_lacks_stays_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCENARIOS, "push", replace(SCENARIOS["push"], reserved=()))
    picture = cv2.imread(str(gallery.gallery(tmp_path / "x.png", ["push"], 32)))
    assert picture is not None
    middle = picture.shape[1] // 2 + gallery.MARGIN_PX // 2
    column = picture[gallery.HEAD_PX :, middle].astype(int)
    assert (column == column[0]).all()


def test_every_look_shows_the_same_moment_otherwise(tmp_path: Path) -> None:
    path = gallery.looks(tmp_path / "looks.png", ["push"], 32)
    picture = cv2.imread(str(path))
    assert picture is not None
    tiles = [picture[row * 35 : row * 35 + 32, -35:-3] for row in range(len(picture) // 35)]
    assert len(tiles) == sum(look.renderer == "worldsim" for look in LOOKS.values())
    for one, other in combinations(tiles, 2):
        assert (one != other).any()
