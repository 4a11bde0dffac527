"""The chaos ceiling: spread and horizon of runs by hand, and real runs of the simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade import SCENE, STEPS, clean

from worldsim.ceiling import Resimulation, reruns
from worldsim.episode import Episode
from worldsim.eval.chaos import ceiling_steps, reading_error_m, spread_m
from worldsim.eval.suite import SECOND_RUN, evaluate
from worldsim.sim.simulator import Simulator

TRUTH = clean().truth
SIGMA_M = 0.002


def runs_with(*offsets_m: float) -> np.ndarray:
    """Runs that leave the truth along x with the first body from step 10 on."""
    runs = np.repeat(TRUTH.position_m[None], len(offsets_m), axis=0)
    for run, offset_m in zip(runs, offsets_m, strict=True):
        run[10:, 0, 0] += offset_m
    return runs


def test_spread_is_the_root_mean_square() -> None:
    spread = spread_m(runs_with(0.03, 0.04), TRUTH)
    assert spread.shape == (STEPS + 1, 3)
    assert spread[12, 0] == pytest.approx(np.sqrt((0.03**2 + 0.04**2) / 2.0))
    assert not spread[:10].any() and not spread[:, 1:].any()


def test_ceiling_is_the_step_of_the_first_body_off() -> None:
    radius_m = 0.5 * TRUTH.diameter_m[0]
    assert ceiling_steps(runs_with(0.0, 1.1 * radius_m, 0.9 * radius_m), TRUTH) == [None, 10, None]
    hidden = replace(TRUTH, visible=np.zeros_like(TRUTH.visible))
    assert ceiling_steps(runs_with(1.0), hidden) == [None]


def test_reading_error_ignores_outliers() -> None:
    rng = np.random.default_rng(0)
    read = TRUTH.position_m + rng.normal(0.0, SIGMA_M, TRUTH.position_m.shape)
    read[3, 0] += 1.0
    read[5, 1] = np.nan
    assert reading_error_m(read, TRUTH) == pytest.approx(SIGMA_M, rel=0.2)
    assert reading_error_m(TRUTH.position_m, TRUTH) == 0.0


def test_an_exact_start_gives_the_recorded_run(
    episodes: list[Episode], simulator: Simulator
) -> None:
    rerun = Resimulation(simulator, runs=1)
    for start in (0, 7):
        (run,) = rerun(episodes[0], start, 0.0)
        assert episodes[0].states is not None
        np.testing.assert_array_equal(run, episodes[0].states.position_m)


def test_runs_part_from_the_start_frame_on(episodes: list[Episode], simulator: Simulator) -> None:
    true, start = episodes[0], 7
    assert true.states is not None
    runs = Resimulation(simulator, runs=3)(true, start, SIGMA_M)
    assert runs is not None and runs.shape == (3, true.steps + 1, len(true.scene.bodies), 3)
    apart = np.linalg.norm(runs - true.states.position_m, axis=-1)
    assert not apart[:, :start].any() and apart[:, start].max() < 6.0 * SIGMA_M
    for name in ("sphere", "box"):
        assert (apart[:, start, true.scene.index(name)] > 0.0).all()
    assert apart[:, -1].max() > 0.0
    again = Resimulation(simulator, runs=3)(true, start, SIGMA_M)
    np.testing.assert_array_equal(again, runs)


def test_what_does_not_replay_has_no_ceiling(episodes: list[Episode], simulator: Simulator) -> None:
    true = episodes[0]
    assert true.states is not None
    moved = replace(true.states, position_m=true.states.position_m + 0.01)
    rerun = Resimulation(simulator, runs=1)
    assert rerun(replace(true, states=moved), 3, SIGMA_M) is None
    assert rerun(replace(true, states=None), 3, SIGMA_M) is None


def test_displaced_worlds_have_no_snapshot(simulator: Simulator) -> None:
    simulator.reset(SCENE)
    before = simulator.state()
    offset_m = np.zeros((len(SCENE.bodies), 3))
    offset_m[:, 0] = 0.01
    editor = simulator.edit()
    for body in SCENE.bodies:
        if body.role == "free":
            editor.shift(body.name, (0.01, 0.0, 0.0))
    moved = simulator.state()
    free = [i for i, body in enumerate(SCENE.bodies) if body.role == "free"]
    np.testing.assert_allclose(
        (moved["position_m"] - before["position_m"])[free], offset_m[free], atol=1e-12
    )
    static = [i for i, body in enumerate(SCENE.bodies) if body.role != "free"]
    np.testing.assert_array_equal(moved["position_m"][static], before["position_m"][static])
    np.testing.assert_array_equal(moved["velocity_m_s"], before["velocity_m_s"])
    with pytest.raises(ValueError, match="edited"):
        simulator.snapshot()
    simulator.reset(SCENE)
    assert simulator.snapshot()


def test_second_run_is_a_row_and_gives_the_ceiling(episodes: list[Episode]) -> None:
    with reruns(3) as rerun:
        report = evaluate(episodes[0], episodes[0], start_frames=2, rerun=rerun)
    row = report.rows[SECOND_RUN]
    assert row.checks["position"]["position error"].value >= 0.0
    assert np.isnan(row.checks["appearance"]["size change"].value)
    share = report.rows["model"].checks["horizon"]["share of the ceiling"]
    assert share.n == 1 and share.value >= 1.0
