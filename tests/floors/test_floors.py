"""Floors: the reading of true and of spoilt frames, kept cell by cell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from worldsim.errors import InputError
from worldsim.eval.reading.episodes import read_episode
from worldsim.floors import run
from worldsim.floors.measure import Measured
from worldsim.floors.plan import Cell, Plan
from worldsim.floors.run import CELLS_FOLDER, FLOORS_FILE, TABLE_FILE, measure_floors
from worldsim.floors.samples import Figures, Sample, deviation_m
from worldsim.floors.sources import RENDER, true_episode
from worldsim.floors.table import targets

PLAN = Plan(("drop",), (64,), ("A", "B"), episodes=1, steps=6, seed=3)
CELL = Cell("drop", 64, "A")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pybullet")
    out = tmp_path_factory.mktemp("floors") / "out"
    measure_floors(PLAN, out, workers=1)
    return out


@pytest.fixture(scope="module")
def measured(folder: Path) -> list[Measured]:
    return measure_floors(PLAN, folder, workers=1)


def test_every_cell_has_every_floor(measured: list[Measured]) -> None:
    assert [one.cell.mode for one in measured] == ["A", "B"]
    for one in measured:
        kinds = {name[:2] for name in one.floors}
        assert {"F1", "F2", "F4"} <= kinds and one.simulator.start_m > 0.0
        assert all(figures.frames == PLAN.steps + 1 for figures in one.floors.values())
        assert all(speed > 1.0 for speed in one.frames_s.values())


def test_spoilt_frames_are_read_worse_and_depth_helps(measured: list[Measured]) -> None:
    with_depth, without = (one.floors for one in measured)
    exact = with_depth[RENDER]
    assert exact.all_named == 1.0 and exact.lateral_diameters[0] < 0.05
    for name, figures in with_depth.items():
        if name.startswith("F2"):
            assert figures.lateral_m[0] > exact.lateral_m[0], name
        if name.startswith("F4"):
            assert figures.lateral_diameters[0] < 0.05 and figures.all_named == 1.0, name
    assert without[RENDER].along_m[0] > exact.along_m[0]


def test_the_same_call_measures_nothing_again(
    folder: Path, measured: list[Measured], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / FLOORS_FILE).read_bytes()

    def never(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(run, "measure", never)
    again = measure_floors(PLAN, folder, workers=1)
    assert [one.floors for one in again] == [one.floors for one in measured]
    assert (folder / FLOORS_FILE).read_bytes() == before
    assert json.loads(before)["kind"] == "worldsim floors"
    assert (folder / TABLE_FILE).read_text().count("| drop |") > 6


def test_another_plan_and_a_damaged_cell_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="seed"):
        measure_floors(replace(PLAN, seed=4), folder, workers=1)
    kept = folder / CELLS_FOLDER / f"{CELL.name}.json"
    whole = kept.read_text()
    kept.write_text(whole[: len(whole) // 2])
    try:
        with pytest.raises(InputError, match="damaged"):
            measure_floors(PLAN, folder, workers=1)
    finally:
        kept.write_text(whole)


def test_figures_know_a_shift_and_a_lost_body() -> None:
    """Read 5 cm too far to the right in every frame, or not found in one of seven."""
    pytest.importorskip("pybullet")
    truth = true_episode(CELL, PLAN, 0)
    reading = read_episode(truth, truth)
    own = Figures.of([Sample.of(reading, truth)])
    right = np.array(truth.scene.camera.world_from_camera)[:3, 0]
    moved = replace(reading, position_m=reading.position_m + 0.05 * right)
    shifted = Figures.of([Sample.of(moved, truth)])
    assert shifted.lateral_m[0] == pytest.approx(0.05, abs=0.01)
    assert shifted.along_m[0] < 0.02 and shifted.within_two_sigmas < own.within_two_sigmas
    assert deviation_m([Sample.of(moved, truth)]) < 0.01  # a shift is no spread
    found = reading.found.copy()
    place = reading.position_m.copy()
    found[3], place[3] = False, np.nan
    lost = Figures.of([Sample.of(replace(reading, found=found, position_m=place), truth)])
    assert lost.all_named == pytest.approx(own.all_named - 1.0 / (PLAN.steps + 1))


def test_targets_speak_of_mode_a_at_128_px(measured: list[Measured]) -> None:
    assert targets(measured) == []
    wide = replace(measured[0], cell=Cell("drop", 128, "A"))
    assert targets([wide])[0].startswith("ok")
    bad = replace(wide.floors[RENDER], all_named=0.9)
    failing = replace(wide, floors={**wide.floors, RENDER: bad})
    assert targets([failing])[0].startswith("FAIL")
