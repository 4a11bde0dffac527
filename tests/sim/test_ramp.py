"""Ramp: sliding and rolling on an incline, held against paper and pencil, and its task.

PyBullet multiplies the frictions of two bodies that touch; the plank's is 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from solving import solved

from worldsim.sim.scenarios import Moment, Outcome
from worldsim.sim.scenarios.ramp import HEIGHT_M, RAMP
from worldsim.sim.scene import Body, Scene
from worldsim.sim.simulator import Simulator

PIVOT_M = np.array([0.0, 0.0, HEIGHT_M])
NULL = np.zeros(1, np.float32)
BRIEF = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SEEDS = {
    shape: next(s for s in range(99) if RAMP.drawn(s).word("shape") == shape)
    for shape in ("sphere", "box")
}


def at_along(scene: Scene, tilt_rad: float, along_m: float, **values: float) -> Scene:
    """The scene with the plank tilted and the load alone on it, at a place along it."""
    turn = Rotation.from_rotvec([0.0, tilt_rad, 0.0])

    def moved(one: Body) -> Body:
        if not one.moves:
            return one
        from_m = np.subtract(one.position_m, PIVOT_M)
        if one.role == "free":
            from_m[0] = along_m
            one = replace(one, **values)  # type: ignore[arg-type]
        at_m, faces = PIVOT_M + turn.apply(from_m), turn.as_quat()
        return replace(one, position_m=tuple(at_m.tolist()), orientation_xyzw=tuple(faces.tolist()))

    kept = (one for one in scene.bodies if one.role != "free" or one.name == "load")
    return replace(scene, bodies=tuple(moved(one) for one in kept))


@dataclass
class Slide:
    """How the load went down a plank that is held at a tilt, (T,) from the first frame on."""

    time_s: NDArray[np.float64]
    along_m: NDArray[np.float64]  # from its start
    speed_m_s: NDArray[np.float64]
    spin_rad_s: NDArray[np.float64]

    @property
    def pull_m_s2(self) -> float:
        return float(np.polyfit(self.time_s, self.speed_m_s, 1)[0])


def slide(simulator: Simulator, shape: str, tilt_rad: float, **values: float) -> Slide:
    """A second, or less where the load has gone 0.8 m. The null action holds the plank."""
    gravity_m_s2 = values.pop("gravity_m_s2", 9.81)
    scene = at_along(RAMP.make_scene(SEEDS[shape]), tilt_rad, -0.45, **values)
    simulator.reset(replace(scene, gravity_m_s2=(0.0, 0.0, -gravity_m_s2)))
    load, down = scene.index("load"), np.array([np.cos(tilt_rad), 0.0, -np.sin(tilt_rad)])
    rows = []
    for frame in range(1, 21):
        simulator.step(NULL)
        state = simulator.state()
        along_m = (state["position_m"][load] - scene.body("load").position_m) @ down
        if along_m > 0.8:
            break
        speed_m_s = state["velocity_m_s"][load] @ down
        rows.append((frame / 20.0, along_m, speed_m_s, state["angular_velocity_rad_s"][load][1]))
    return Slide(*np.array(rows).T)


@given(
    friction=st.floats(0.03, 0.36),
    tilt_rad=st.floats(0.02, 0.40),
    mass_kg=st.floats(0.1, 2.0),
    gravity_m_s2=st.floats(4.0, 11.0),
)
@BRIEF
def test_a_box_slides_above_the_friction_angle_only(
    simulator: Simulator, friction: float, tilt_rad: float, mass_kg: float, gravity_m_s2: float
) -> None:
    """PyBullet is off by less than 0.02 m/s2; below the angle the box stays within 1 mm."""
    assume(abs(np.tan(tilt_rad) - friction) > 0.005)
    values = {"friction": friction, "mass_kg": mass_kg, "gravity_m_s2": gravity_m_s2}
    found = slide(simulator, "box", tilt_rad, **values)
    pull_m_s2 = gravity_m_s2 * (np.sin(tilt_rad) - friction * np.cos(tilt_rad))
    if pull_m_s2 > 0.0:
        assert found.pull_m_s2 == pytest.approx(pull_m_s2, abs=0.02)
    else:
        assert np.abs(found.along_m).max() < 1e-3


@given(
    friction=st.floats(0.05, 0.5),
    tilt_rad=st.floats(0.05, 0.40),
    mass_kg=st.floats(0.1, 2.0),
    gravity_m_s2=st.floats(4.0, 16.0),
)
@BRIEF
def test_a_ball_rolls_where_friction_suffices(
    simulator: Simulator, friction: float, tilt_rad: float, mass_kg: float, gravity_m_s2: float
) -> None:
    """PyBullet's rolling ball is off by less than 0.5 %, in its pull and in v = omega r."""
    assume(friction > 2.0 / 7.0 * np.tan(tilt_rad) + 0.01)
    values = {"friction": friction, "mass_kg": mass_kg, "gravity_m_s2": gravity_m_s2}
    found = slide(simulator, "sphere", tilt_rad, **values)
    assert found.pull_m_s2 == pytest.approx(5.0 / 7.0 * gravity_m_s2 * np.sin(tilt_rad), rel=5e-3)
    radius_m = RAMP.make_scene(SEEDS["sphere"]).body("load").size_m[0]
    assert found.spin_rad_s * radius_m == pytest.approx(found.speed_m_s, rel=5e-3, abs=1e-3)


@pytest.mark.parametrize(("friction", "tilt_rad"), [(0.02, 0.15), (0.05, 0.30), (0.08, 0.40)])
def test_a_ball_slips_where_friction_is_too_low(
    simulator: Simulator, friction: float, tilt_rad: float
) -> None:
    """Friction then gives what it can: to the ball's speed, and to its spin. Within 1 %."""
    found = slide(simulator, "sphere", tilt_rad, friction=friction)
    drag_m_s2 = 9.81 * friction * np.cos(tilt_rad)
    assert found.pull_m_s2 == pytest.approx(9.81 * np.sin(tilt_rad) - drag_m_s2, rel=0.01)
    rim_m_s = found.spin_rad_s * RAMP.make_scene(SEEDS["sphere"]).body("load").size_m[0]
    assert rim_m_s == pytest.approx(2.5 * drag_m_s2 * found.time_s, rel=0.01)
    assert np.all(rim_m_s < 0.8 * found.speed_m_s)


@pytest.mark.parametrize("shape", ["sphere", "box"])
def test_mass_does_not_matter(simulator: Simulator, shape: str) -> None:
    pulls_m_s2 = [
        slide(simulator, shape, 0.35, friction=0.2, mass_kg=mass_kg).pull_m_s2
        for mass_kg in (0.1, 0.5, 2.0)
    ]
    assert np.ptp(pulls_m_s2) < 0.02


def judged(placed: Scene, velocity_m_s: NDArray[np.float64] | None = None) -> Outcome:
    """The task on the poses of a scene that starts level, with other velocities where given."""
    at_m = np.array([one.position_m for one in placed.bodies])
    turns = np.array([one.orientation_xyzw for one in placed.bodies])
    speeds_m_s = np.zeros_like(at_m) if velocity_m_s is None else velocity_m_s
    start = at_along(RAMP.make_scene(placed.seed), 0.0, 0.0)
    return RAMP.task(start, Moment(at_m, turns, speeds_m_s))


@given(
    shape=st.sampled_from(["sphere", "box"]),
    tilt_rad=st.floats(-0.42, 0.42),
    offset_m=st.floats(-0.3, 0.3),
)
@BRIEF
def test_at_rest_on_the_band_is_a_success_at_any_tilt(
    shape: str, tilt_rad: float, offset_m: float
) -> None:
    scene = RAMP.make_scene(SEEDS[shape])
    band = scene.body("band")
    outcome = judged(at_along(scene, tilt_rad, band.position_m[0] + offset_m))
    assert outcome.distance_m == pytest.approx(abs(offset_m), abs=1e-6)
    assert outcome.reward == pytest.approx(outcome.success - outcome.distance_m)
    if abs(abs(offset_m) - 0.5 * band.size_m[0]) > 1e-6:
        assert outcome.success == (abs(offset_m) < 0.5 * band.size_m[0])
    assert not outcome.failed


def test_only_a_load_that_rests_on_the_plank_counts() -> None:
    scene = RAMP.make_scene(SEEDS["box"])
    there = at_along(scene, 0.0, scene.body("band").position_m[0])
    names = [one.name for one in there.bodies]
    speeds_m_s = np.zeros((len(names), 3))
    speeds_m_s[names.index("load"), 0] = 0.12
    assert not judged(there, speeds_m_s).success
    speeds_m_s[names.index("band"), 0] = 0.05
    assert judged(there, speeds_m_s).success
    load = there.body("load")
    x_m, y_m, _ = load.position_m
    below = replace(load, position_m=(x_m, y_m - 0.3, 0.5 * load.height_m))
    fallen = judged(replace(there, bodies=(*there.bodies[:-1], below)))
    assert fallen.failed and not fallen.success


def test_a_load_at_rest_against_a_stop_has_neither_succeeded_nor_failed(
    simulator: Simulator,
) -> None:
    for seed in range(4):
        scene = RAMP.make_scene(seed, "ood")
        simulator.reset(scene)
        for _ in range(60):
            simulator.step(np.ones(1, np.float32))
        state = simulator.state()
        outcome = RAMP.task(scene, Moment(*list(state.values())[:3]))
        assert not outcome.success and not outcome.failed
        assert outcome.distance_m > 0.5 * scene.body("band").size_m[0] + 0.02


def test_the_scripted_policy_solves_it_and_chance_does_not(simulator: Simulator) -> None:
    assert solved(RAMP, "scripted", 10) >= 0.8
    assert solved(RAMP, "random", 10) < 0.2
