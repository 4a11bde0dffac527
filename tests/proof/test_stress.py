"""Rows of the stress table: all spoil the same true clip, each in its way."""

from __future__ import annotations

import numpy as np
import pytest

from worldsim.proof import stress
from worldsim.proof.clips.truths import Truths
from worldsim.proof.exam import Job, make
from worldsim.proof.faults.fault import changed_px
from worldsim.sim.simulator import Simulator


@pytest.fixture(scope="module")
def table(truths: Truths, simulator: Simulator) -> dict[str, stress.Sample]:
    return {row: stress.sample(row, 0, truths, simulator) for row in stress.ROWS}


@pytest.mark.parametrize("row", stress.ROWS)
def test_a_row_is_as_long_as_its_truth_and_starts_from_it(
    table: dict[str, stress.Sample], row: str
) -> None:
    made = table[row]
    assert made.clip.steps == made.truth.steps == made.take.steps
    assert made.number == table["exact copy"].number
    assert made.truth.states is not None and made.clip.states is None
    if row != "time reversed":
        assert np.array_equal(made.clip.frames[0], made.truth.frames[0])
    if row not in stress.LAWFUL:
        assert changed_px(made.truth, made.clip).max() > 50


def test_what_each_row_shows(table: dict[str, stress.Sample]) -> None:
    first = {
        row: int(np.flatnonzero(changed_px(made.truth, made.clip))[0])
        for row, made in table.items()
        if changed_px(made.truth, made.clip).any()
    }
    assert "exact copy" not in first
    assert first["vanish at 50 %"] == first["colour swap at 50 %"] == 13
    assert first["teleport at 50 %"] == 13 and first["vanish after 2 frames"] == 3
    assert first["time reversed"] == 0 and first["float from frame 8"] == 9
    reversed_row = table["time reversed"]
    assert np.array_equal(reversed_row.clip.frames[::-1], reversed_row.truth.frames)
    for row in ("freeze", "freeze, scene settles", "freeze, faint bodies"):
        assert (table[row].clip.frames == table[row].clip.frames[0]).all()


def test_faint_bodies_are_faint(table: dict[str, stress.Sample]) -> None:
    scene = table["freeze, faint bodies"].truth.scene
    body, ground = scene.body(scene.actuator.body), scene.body("ground")
    apart = np.subtract(body.color_rgb, ground.color_rgb) * 255.0
    assert apart == pytest.approx(10.0)


def test_a_row_called_as_a_fault_is_a_row(truths: Truths) -> None:
    made = make(truths, Job("freeze", stress.PART, 0))
    assert made.published and (made.clip.frames == made.clip.frames[0]).all()
