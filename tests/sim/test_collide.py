"""Collide against paper and pencil: momentum, restitution, friction; and its task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from solving import solved

from worldsim.sim.scenarios import Moment, Outcome, make_scene
from worldsim.sim.scenarios.collide import COLLIDE, TABLE_M
from worldsim.sim.scene import Body, Scene, Split
from worldsim.sim.simulator import Simulator

REST = np.zeros(2, np.float32)
SPLITS = get_args(Split)
SEEDS = st.integers(0, 2**31)
BRIEF = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# A step pushes out a share of an overlap, and PyBullet adds that speed to the rebound's. The first
# contact's overlap is up to a step's approach, so a restitution comes out too high by up to that
# share, as chance has it: a fiftieth at a cushion, a quarter of it between two balls.
EXCESS = 0.02
# A ball rebounds from a cushion up to so many first steps of free fall early, and slower by the
# speed that closes the gap in one step: 0.06 m/s on Earth. Two spheres have no such gap.
EARLY = 1.5

Change = Callable[[Body], Body]


def edited(scene: Scene, keep: tuple[str, ...], change: Change, **rest: Any) -> Scene:
    """The scene with only these balls, changed."""
    bodies = tuple(
        change(body) if body.moves else body
        for body in scene.bodies
        if body.name in keep or not body.moves
    )
    return replace(scene, bodies=bodies, **rest)


def smooth(body: Body, **change: Any) -> Body:
    return replace(body, friction=0.0, rolling_friction=0.0, spinning_friction=0.0, **change)


def momentum(scene: Scene, velocity_m_s: NDArray[np.float64]) -> NDArray[np.float64]:
    mass_kg = np.array([scene.bodies[i].mass_kg for i in scene.moving])
    total: NDArray[np.float64] = mass_kg @ velocity_m_s[list(scene.moving)]
    return total


def energy_j(scene: Scene, state: dict[str, NDArray[np.float64]]) -> float:
    """Of motion and spin, and of height above the start."""
    total = 0.0
    for index in scene.moving:
        body, radius_m = scene.bodies[index], scene.bodies[index].size_m[0]
        velocity, spin = state["velocity_m_s"][index], state["angular_velocity_rad_s"][index]
        rise_m = state["position_m"][index, 2] - body.position_m[2]
        total += 0.5 * body.mass_kg * float(velocity @ velocity)
        total += 0.2 * body.mass_kg * radius_m**2 * float(spin @ spin)
        total -= body.mass_kg * scene.gravity_m_s2[2] * float(rise_m)
    return total


def crash(simulator: Simulator, scene: Scene) -> tuple[NDArray[np.float64], float]:
    """Run the cue into the target: the contact's normal and its impulse in that frame, N s."""
    simulator.reset(scene)
    pair = sorted((scene.index("cue"), scene.index("target")))
    for _ in range(40):
        simulator.step(REST)
        table = simulator.contacts()
        for row in range(int(table["contact_count"])):
            if sorted(table["contact_bodies"][row]) == pair:
                return table["contact_normal"][row], float(table["contact_impulse_n_s"][row])
    raise AssertionError("the balls did not meet")


@given(
    seed=SEEDS,
    split=st.sampled_from(SPLITS),
    speed_m_s=st.floats(0.3, 2.0),
    share=st.floats(-0.7, 0.7),
    chase=st.floats(-0.5, 0.5),
)
@BRIEF
def test_a_free_collision_keeps_momentum_and_has_the_product_of_the_restitutions(
    simulator: Simulator, seed: int, split: Split, speed_m_s: float, share: float, chase: float
) -> None:
    """Off centre, in the air, without gravity: the friction of the surfaces acts too."""
    scene = make_scene("collide", seed, split)
    reach_m = scene.body("cue").size_m[0] + scene.body("target").size_m[0]
    start = {
        "cue": ((-0.25, 0.0, 0.5), (speed_m_s, 0.0, 0.0)),
        "target": ((0.0, share * reach_m, 0.5), (chase * speed_m_s, 0.0, 0.0)),
    }

    def aloft(body: Body) -> Body:
        position_m, velocity_m_s = start[body.name]
        return replace(body, position_m=position_m, velocity_m_s=velocity_m_s)

    scene = edited(scene, ("cue", "target"), aloft, gravity_m_s2=(0.0, 0.0, 0.0))
    simulator.reset(scene)
    before = simulator.state()
    normal, impulse_n_s = crash(simulator, scene)
    after = simulator.state()
    cue, target = scene.index("cue"), scene.index("target")

    sums = [momentum(scene, state["velocity_m_s"]) for state in (before, after)]
    assert np.linalg.norm(sums[1] - sums[0]) < 1e-6 * np.linalg.norm(sums[0])

    gain_m_s = after["velocity_m_s"][target] - before["velocity_m_s"][target]
    given_n_s = scene.bodies[target].mass_kg * abs(float(gain_m_s @ normal))
    assert given_n_s == pytest.approx(impulse_n_s, rel=1e-3)

    approach, parting = (
        float((state["velocity_m_s"][cue] - state["velocity_m_s"][target]) @ normal)
        for state in (before, after)
    )
    excess = -parting / approach - scene.bodies[cue].restitution * scene.bodies[target].restitution
    assert abs(excess) < 0.01
    assert energy_j(scene, after) < energy_j(scene, before)


@given(seed=SEEDS, split=st.sampled_from(SPLITS), share=st.floats(-0.6, 0.6))
@BRIEF
def test_balls_that_slide_without_friction_keep_momentum_along_the_table(
    simulator: Simulator, seed: int, split: Split, share: float
) -> None:
    scene = make_scene("collide", seed, split)
    reach_m = scene.body("cue").size_m[0] + scene.body("target").size_m[0]
    start = {"cue": (-0.2, 0.0, 1.0), "target": (0.1, share * reach_m, 0.0)}

    def sliding(body: Body) -> Body:
        x_m, y_m, speed_m_s = start[body.name]
        position_m = (x_m, y_m, body.size_m[0])
        return smooth(body, position_m=position_m, velocity_m_s=(speed_m_s, 0.0, 0.0))

    scene = edited(scene, ("cue", "target"), sliding)
    simulator.reset(scene)
    before = momentum(scene, simulator.state()["velocity_m_s"])
    crash(simulator, scene)
    after = momentum(scene, simulator.state()["velocity_m_s"])
    assert np.linalg.norm((after - before)[:2]) < 0.01 * np.linalg.norm(before)


@given(seed=SEEDS, split=st.sampled_from(SPLITS), speed_m_s=st.floats(0.4, 2.0))
@BRIEF
def test_a_cushion_turns_the_speed_towards_it_and_no_other(
    simulator: Simulator, seed: int, split: Split, speed_m_s: float
) -> None:
    def sliding(body: Body) -> Body:
        position_m = (TABLE_M[0] - 0.2, -0.2, body.size_m[0])
        return smooth(body, position_m=position_m, velocity_m_s=(speed_m_s, 0.3, 0.0))

    scene = edited(make_scene("collide", seed, split), ("cue",), sliding)
    cue = scene.index("cue")
    simulator.reset(scene)
    while simulator.state()["velocity_m_s"][cue, 0] > 0.99 * speed_m_s:
        simulator.step(REST)
    velocity_m_s = simulator.state()["velocity_m_s"][cue]
    ball = scene.bodies[cue]
    theory_m_s = ball.restitution * speed_m_s
    lost_m_s = -EARLY * scene.gravity_m_s2[2] / scene.physics_rate_hz
    assert theory_m_s - lost_m_s - 0.002 < -velocity_m_s[0]
    assert -velocity_m_s[0] < theory_m_s + (EXCESS + 0.002) * speed_m_s
    assert velocity_m_s[1] == pytest.approx(0.3, abs=1e-6)


def lone_roll(scene: Scene, speed_m_s: float, spin: bool, **change: Any) -> Scene:
    """The cue ball alone on the table, sliding or rolling along x, at 240 frames/s."""

    def moving(body: Body) -> Body:
        radius_m = body.size_m[0]
        return replace(
            body,
            position_m=(-0.3, 0.0, radius_m),
            velocity_m_s=(speed_m_s, 0.0, 0.0),
            angular_velocity_rad_s=(0.0, speed_m_s / radius_m if spin else 0.0, 0.0),
            **change,
        )

    return edited(scene, ("cue",), moving, frame_rate_hz=240)


def speeds_m_s(simulator: Simulator, scene: Scene, steps: int) -> NDArray[np.float64]:
    """Of the cue ball along x, before the first and after every step."""
    cue = scene.index("cue")
    simulator.reset(scene)
    speeds = []
    for step in range(steps + 1):
        if step:
            simulator.step(REST)
        speeds.append(simulator.state()["velocity_m_s"][cue, 0])
    return np.array(speeds)


@pytest.mark.parametrize("split", SPLITS)
def test_a_sliding_ball_is_slowed_by_friction_until_it_rolls_at_five_sevenths(
    simulator: Simulator, split: Split
) -> None:
    """Within 1 % of mu g; a roll keeps 5/7 of the speed of the slide."""
    for seed in range(4):
        scene = lone_roll(make_scene("collide", seed, split), 0.7, spin=False, rolling_friction=0.0)
        friction, gravity_m_s2 = scene.body("cue").friction, -scene.gravity_m_s2[2]
        slide_s = (2.0 / 7.0) * 0.7 / (friction * gravity_m_s2)
        half = int(120.0 * slide_s)
        speeds = speeds_m_s(simulator, scene, 2 * half + 12)
        slowing_m_s2 = 240.0 * (speeds[0] - speeds[half]) / half
        assert slowing_m_s2 == pytest.approx(friction * gravity_m_s2, rel=0.01)
        assert speeds[-1] / 0.7 == pytest.approx(5.0 / 7.0, rel=0.002)


@pytest.mark.parametrize("split", SPLITS)
def test_a_rolling_ball_is_slowed_by_rolling_friction_alone(
    simulator: Simulator, split: Split
) -> None:
    """PyBullet's rolling resistance is up to 12 % stronger than 5/7 of rho g / r."""
    for seed in range(4):
        scene = make_scene("collide", seed, split)
        free = speeds_m_s(simulator, lone_roll(scene, 0.5, spin=True, rolling_friction=0.0), 120)
        assert free == pytest.approx(0.5, abs=1e-6)
        cue = scene.body("cue")
        force_share = cue.rolling_friction / cue.size_m[0]
        theory_m_s2 = -5.0 / 7.0 * force_share * scene.gravity_m_s2[2]
        speeds = speeds_m_s(simulator, lone_roll(scene, 0.5, spin=True), 120)
        ratio = 2.0 * (speeds[0] - speeds[-1]) / theory_m_s2
        assert 0.97 < ratio < 1.12


@given(seed=SEEDS, split=st.sampled_from(SPLITS))
@settings(parent=BRIEF, max_examples=12)
def test_energy_never_grows_and_no_ball_leaves(
    simulator: Simulator, seed: int, split: Split
) -> None:
    """All balls start at up to 2 m/s. No frame adds 1e-5 of the first energy."""
    rng = np.random.default_rng(seed)

    def rolling(body: Body) -> Body:
        x, y = (float(value) for value in rng.uniform(-1.4, 1.4, 2))
        spin = (-y / body.size_m[0], x / body.size_m[0], 0.0)
        return replace(body, velocity_m_s=(x, y, 0.0), angular_velocity_rad_s=spin)

    scene = make_scene("collide", seed, split)
    scene = edited(scene, tuple(b.name for b in scene.bodies if b.moves), rolling)
    simulator.reset(scene)
    first = last = energy_j(scene, simulator.state())
    for _ in range(60):
        simulator.step(REST)
        state = simulator.state()
        now = energy_j(scene, state)
        assert now - last < 1e-5 * first
        last = now
        for index in scene.moving:
            radius_m = scene.bodies[index].size_m[0]
            assert np.all(np.abs(state["position_m"][index, :2]) + radius_m < np.add(TABLE_M, 0.01))
            assert abs(state["position_m"][index, 2] - radius_m) < 0.03  # spin climbs a cushion
    assert last < 0.5 * first


def outcome(offset_m: tuple[float, float], who: str = "target") -> Outcome:
    """What it is worth that this ball lies so far from the zone's centre."""
    scene = make_scene("collide", 1)
    position_m = np.array([body.position_m for body in scene.bodies])
    position_m[scene.index(who), :2] = position_m[scene.index("zone"), :2] + offset_m
    turns = np.array([body.orientation_xyzw for body in scene.bodies])
    return COLLIDE.task(scene, Moment(position_m, turns, np.zeros_like(position_m)))


def test_the_target_in_the_zone_is_a_success_a_near_miss_and_another_ball_are_none() -> None:
    radius_m = make_scene("collide", 1).body("zone").size_m[0]
    inside = outcome((0.0, 0.9 * radius_m))
    assert inside.success and inside.reward == pytest.approx(1.0 - 0.9 * radius_m)
    near = outcome((1.05 * radius_m, 0.0))
    assert not near.success and not near.failed and near.reward == pytest.approx(-1.05 * radius_m)
    assert not outcome((0.0, 0.0), "cue").success


def test_the_scripted_policy_solves_it_and_chance_does_not(simulator: Simulator) -> None:
    assert solved(COLLIDE, "scripted", 10) >= 0.8
    assert solved(COLLIDE, "random", 10) < 0.2
