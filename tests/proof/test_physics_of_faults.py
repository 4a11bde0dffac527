"""Each fault breaks what it says it breaks, by as much as it says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.proof.faults import Cue, Sight, drawn, engine, timing
from worldsim.proof.faults.fault import Plant, Run
from worldsim.proof.plan import Plan
from worldsim.sim.simulator import Simulator

Plans = Callable[..., Plan]
Paths = NDArray[np.float64]


def paths(plant: Plant, truth: Episode, cue: Cue, size: float, simulator: Simulator) -> Paths:
    """Places (T+1, N, 3) that the faulty clip is drawn from."""
    run = Run(truth, cue.onset, simulator)
    return np.stack([shot.position_m for shot in run.shots(lambda: plant(run, cue, size))])


def of(truth: Episode) -> Paths:
    assert truth.states is not None
    return truth.states.position_m


def test_a_teleport_is_as_far_as_it_says(plans: Plans, simulator: Simulator) -> None:
    made = plans("teleport")
    body, t = made.truth.scene.index(made.cue.body), made.cue.onset
    diameter_m = made.truth.scene.bodies[body].diameter_m
    for size in (0.3, 1.2):
        path = paths(engine.teleport, made.truth, made.cue, size, simulator)[:, body]
        apart = np.linalg.norm(path[t + 1] - of(made.truth)[t + 1, body]) / diameter_m
        assert apart == pytest.approx(size, rel=0.15)


def test_what_floats_hangs_where_it_was_lifted(plans: Plans, simulator: Simulator) -> None:
    made = plans("float")
    body, t = made.truth.scene.index(made.cue.body), made.cue.onset
    lift_m = 0.5 * made.truth.scene.bodies[body].diameter_m
    height_m = paths(engine.float_up, made.truth, made.cue, 0.5, simulator)[:, body, 2]
    hung_m = height_m[t + engine.RISE_STEPS :] - of(made.truth)[t, body, 2]
    assert np.allclose(hung_m, lift_m, atol=0.05 * lift_m)


def test_under_half_gravity_half_is_fallen(plans: Plans, simulator: Simulator) -> None:
    made = plans("gravity")
    truth, t = made.truth, made.cue.onset
    body = truth.scene.index(made.cue.body)
    assert truth.states is not None
    slow = Cue(t, made.cue.body, sign=-1)
    height_m = paths(engine.gravity, truth, slow, 2.0, simulator)[:, body, 2]
    frames, dt_s = 3, truth.scene.dt_s
    level_m = height_m[t] + truth.states.velocity_m_s[t, body, 2] * frames * dt_s
    fallen = (level_m - height_m[t + frames]) / (level_m - of(truth)[t + frames, body, 2])
    assert fallen == pytest.approx(0.5, abs=0.02)


def test_what_penetrates_goes_on_into_the_other(plans: Plans, simulator: Simulator) -> None:
    made = plans("penetrate")
    truth, t = made.truth, made.cue.onset
    assert made.cue.other
    body = truth.scene.index(made.cue.body)
    path = paths(engine.penetrate, truth, made.cue, 24.0, simulator)[:, body]
    if made.cue.other == "ground":
        assert path[t + 1 :, 2].min() < of(truth)[:, body, 2].min() - 0.05
    assert not np.allclose(path[t + 1 :], of(truth)[t + 1 :, body], atol=1e-3)


def test_energy_is_gained_at_the_impact(plans: Plans, simulator: Simulator) -> None:
    made = plans("energy")
    truth, t = made.truth, made.cue.onset
    body = truth.scene.index(made.cue.body)
    path = paths(engine.energy, truth, made.cue, 2.0, simulator)[:, body]
    after = slice(t + 1, t + 5)
    fast, true = (
        np.linalg.norm(np.diff(way[after], axis=0), axis=1).max()
        for way in (path, of(truth)[:, body])
    )
    assert fast > 1.2 * true


def test_a_force_at_a_distance_adds_what_it_says(plans: Plans, simulator: Simulator) -> None:
    made = plans("force")
    truth, t = made.truth, made.cue.onset
    body, dt_s = truth.scene.index(made.cue.body), truth.scene.dt_s
    path = paths(engine.force, truth, made.cue, 1.0, simulator)[:, body]
    moved_m = path[t + 1] - of(truth)[t + 1, body]
    # Half g t^2 in the air; what lies on something is held back or rolls.
    assert 0.1 < np.dot(moved_m, made.cue.toward) / (0.5 * 9.81 * dt_s**2) < 1.15


def test_mass_and_friction_change_what_follows(plans: Plans, simulator: Simulator) -> None:
    for kind, plant in (("mass", engine.mass), ("friction", engine.friction)):
        made = plans(kind)
        path = paths(plant, made.truth, made.cue, 8.0, simulator)
        t = made.cue.onset
        assert np.array_equal(path[: t + 1], of(made.truth)[: t + 1])
        assert np.abs(path - of(made.truth)).max() > 0.01


def test_time_runs_backwards_and_then_on(plans: Plans, simulator: Simulator) -> None:
    made = plans("reversal")
    true, t = of(made.truth), made.cue.onset
    path = paths(timing.reversal, made.truth, made.cue, 4.0, simulator)
    assert np.array_equal(path[t : t + 5], true[t - 4 : t + 1][::-1])
    assert np.array_equal(path[t + 5 :], true[t - 3 : t - 3 + len(path) - t - 5])


def test_what_freezes_stands_and_then_goes_on(plans: Plans, simulator: Simulator) -> None:
    made = plans("freeze")
    true, t = of(made.truth), made.cue.onset
    path = paths(timing.freeze, made.truth, made.cue, 4.0, simulator)
    assert (path[t : t + 5] == true[t]).all()
    assert np.array_equal(path[t + 5 :], true[t + 1 : t + 1 + len(path) - t - 5])


@pytest.mark.parametrize("kind", ["ignored", "swapped", "delayed"])
def test_other_actions_are_taken_than_told(plans: Plans, simulator: Simulator, kind: str) -> None:
    made = plans(kind)
    truth, t = made.truth, made.cue.onset
    run = Run(truth, t, simulator)
    {"ignored": timing.ignored, "swapped": timing.swapped, "delayed": timing.delayed}[kind](
        run, made.cue, 1.0
    )
    assert np.array_equal(run.actions[:t], truth.actions[:t])
    assert not np.array_equal(run.actions, truth.actions)
    if kind == "ignored":
        assert not run.actions[t:].any()
    if kind == "delayed":
        assert np.array_equal(run.actions[t:], truth.actions[t - 1 : -1])
    assert np.abs(run.actions).max() <= 1.0


def test_what_vanishes_comes_back(plans: Plans, simulator: Simulator) -> None:
    made = plans("vanish", 3)  # gone for 4 frames
    t, label = made.cue.onset, made.truth.scene.index(made.cue.body) + 1
    assert made.faulty.segmentation is not None
    px = (made.faulty.segmentation == label).sum((1, 2))
    assert (px[t + 1 : t + 5] == 0).all() and px[t] >= 12 and px[t + 5] >= 12
    assert np.array_equal(made.faulty.frames[t + 5 :], made.truth.frames[t + 5 :])


def test_what_is_hidden_comes_out_late(plans: Plans) -> None:
    made = plans("vanish-hidden")
    t, label = made.cue.onset, made.truth.scene.index(made.cue.body) + 1
    assert made.faulty.segmentation is not None and made.truth.segmentation is not None
    assert (made.truth.segmentation[:t] == label).any()
    assert not (made.truth.segmentation[t] == label).any()
    assert (made.truth.segmentation[t + 1] == label).any()
    assert not (made.faulty.segmentation[t:] == label).any()


def test_a_second_body_of_the_same_looks_stands_beside(plans: Plans) -> None:
    made = plans("duplicate")
    t, twin = made.cue.onset, len(made.truth.scene.bodies) + 1
    assert made.faulty.segmentation is not None
    px = (made.faulty.segmentation == twin).sum((1, 2))
    assert (px[: t + 1] == 0).all() and px[t + 1] >= 12


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_a_scaled_body_covers_more_or_less(
    plans: Plans, simulator: Simulator, share: float
) -> None:
    made = plans("shape")
    scene, index = made.truth.scene, made.truth.scene.index(made.cue.body)
    run = Run(made.truth, made.cue.onset, simulator)
    shots = run.shots(lambda: drawn.shape(run, made.cue, share))
    grown = np.array(shots[-1].scene.bodies[index].size_m) / scene.bodies[index].size_m
    assert grown == pytest.approx(1.0 + share if made.cue.sign > 0 else 1.0 / (1.0 + share))
    assert shots[made.cue.onset].scene is scene
    whole = Run(made.truth, made.cue.onset, simulator).shots(lambda: None)
    low_m, wanted_m = (
        shot.position_m[index, 2]
        - drawn.depth_below_m(shot.scene.bodies[index], shot.orientation_xyzw[index])
        for shot in (shots[-1], whole[-1])
    )
    assert low_m == pytest.approx(wanted_m, abs=1e-9)


def test_colours_swap_whole_and_half(plans: Plans, simulator: Simulator) -> None:
    made = plans("swap")
    one, two = (made.truth.scene.body(name) for name in (made.cue.body, made.cue.other))
    run = Run(made.truth, made.cue.onset, simulator)
    last = run.shots(lambda: drawn.swap(run, made.cue, 1.0))[-1].scene
    assert last.body(one.name).color_rgb == pytest.approx(two.color_rgb)
    assert last.body(two.name).color_rgb == pytest.approx(one.color_rgb)
    run = Run(made.truth, made.cue.onset, simulator)
    last = run.shots(lambda: drawn.colour(run, made.cue, 0.5))[-1].scene
    middle = 0.5 * (np.array(one.color_rgb) + made.cue.color_rgb)
    assert last.body(one.name).color_rgb == pytest.approx(tuple(middle))


def test_a_sight_without_states_is_refused(plans: Plans) -> None:
    with pytest.raises(ValueError, match="states"):
        Sight(plans("teleport").faulty)
