"""Topple against paper and pencil: support, critical angles, chain reactions."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worldsim.sim.scenarios import Moment, make_scene
from worldsim.sim.scenarios.topple import PUSHER_M, TOPPLE, domino_size_m
from worldsim.sim.scene import Body, Scene, Split
from worldsim.sim.simulator import Simulator

SPLITS = get_args(Split)
BRIEF = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
REST = np.zeros(2, np.float32)
HEIGHT_M = 0.18
EDGE_M = 0.08
# PyBullet's friction lets blocks that overhang creep: by up to 1.1 mm in 10 s, seen at 0.45.
CREEP_M = 2e-3
# PyBullet's steps of 1/240 s make a fall slower than its energy says: by 1.3 % at 4 m/s2, 2.2 % at
# 9.81, 2.7 % at 16. A critical angle comes out right within 0.1 degrees, a support within 1 %.
SLOWER = 0.035

State = dict[str, NDArray[np.float64]]


def only(*bodies: Body, gravity_m_s2: float = 9.81) -> Scene:
    """A scene of the ground, these bodies and, out of their way, the pusher."""
    scene = make_scene("topple", 0)
    pusher = replace(scene.body("pusher"), position_m=(-0.44, -0.44, 0.125))
    bodies = (scene.bodies[0], pusher, *bodies)
    return replace(scene, bodies=bodies, gravity_m_s2=(0.0, 0.0, -gravity_m_s2))


def domino(
    name: str, x_m: float, tilt_rad: float = 0.0, thickness_m: float = 0.03, friction: float = 0.5
) -> Body:
    """A domino whose upright centre is at x, tilted about its lower edge towards +x."""
    sine, cosine = float(np.sin(tilt_rad)), float(np.cos(tilt_rad))
    return Body(
        name=name,
        shape="box",
        size_m=(thickness_m, domino_size_m(HEIGHT_M)[1], HEIGHT_M),
        color_rgb=(1.0, 0.0, 0.0),
        position_m=(
            x_m + 0.5 * (thickness_m - thickness_m * cosine + HEIGHT_M * sine),
            0.0,
            0.5 * (thickness_m * sine + HEIGHT_M * cosine),
        ),
        mass_kg=0.2,
        friction=friction,
        orientation_xyzw=(0.0, float(np.sin(0.5 * tilt_rad)), 0.0, float(np.cos(0.5 * tilt_rad))),
        linear_damping=0.0,
        angular_damping=0.0,
    )


def tower(*overhangs: float) -> tuple[Body, ...]:
    """Blocks, each further along x than the one below by a share of its edge."""
    first = Body(
        name="block_0",
        shape="box",
        size_m=(EDGE_M,) * 3,
        color_rgb=(1.0, 0.0, 0.0),
        position_m=(0.0, 0.0, 0.5 * EDGE_M),
        mass_kg=0.2,
        friction=0.5,
        linear_damping=0.0,
        angular_damping=0.0,
    )
    x_m = EDGE_M * np.cumsum((0.0, *overhangs))
    return tuple(
        replace(first, name=f"block_{n}", position_m=(float(x), 0.0, (n + 0.5) * EDGE_M))
        for n, x in enumerate(x_m)
    )


def left_alone(simulator: Simulator, scene: Scene, seconds: float) -> State:
    simulator.reset(scene)
    for _ in range(round(seconds * scene.frame_rate_hz)):
        simulator.step(REST)
    return simulator.state()


def fallen(scene: Scene, state: State) -> list[bool]:
    """Which of the free bodies have lost a tenth of their height."""
    return [
        bool(state["position_m"][index, 2] < 0.9 * body.position_m[2])
        for index, body in enumerate(scene.bodies)
        if body.role == "free"
    ]


# Support.


@pytest.mark.parametrize("overhangs", [(0.0,), (0.3,), (0.45,), (0.25, 0.2), (-0.3, 0.3)])
def test_a_supported_tower_stands_ten_seconds(
    simulator: Simulator, overhangs: tuple[float, ...]
) -> None:
    """Every block's centre, and that of all blocks above another one, is over what is below."""
    scene = only(*tower(*overhangs))
    start_m = np.array([body.position_m for body in scene.bodies])
    end = left_alone(simulator, scene, 10.0)
    assert np.abs(end["position_m"] - start_m)[2:].max() < CREEP_M
    assert np.abs(end["velocity_m_s"]).max() < 1e-3


@pytest.mark.parametrize("overhangs", [(0.505,), (0.6,), (0.40, 0.40)])
def test_an_unsupported_tower_falls(simulator: Simulator, overhangs: tuple[float, ...]) -> None:
    """The last one: each block is over the next, but both centres together are past the edge."""
    scene = only(*tower(*overhangs))
    assert fallen(scene, left_alone(simulator, scene, 2.0))[-1]


@pytest.mark.parametrize("split", SPLITS)
def test_everything_stands_ten_seconds(simulator: Simulator, split: Split) -> None:
    for seed in range(2):
        scene = make_scene("topple", seed, split)
        start_m = np.array([body.position_m for body in scene.bodies])
        end = left_alone(simulator, scene, 10.0)
        assert np.abs(end["position_m"] - start_m).max() < CREEP_M


# One domino.


@given(
    thickness_m=st.floats(0.02, 0.05),
    friction=st.floats(0.3, 0.9),
    gravity_m_s2=st.floats(4.0, 16.0),
)
@BRIEF
def test_past_its_critical_angle_a_domino_falls_over_before_it_falls_back(
    simulator: Simulator, thickness_m: float, friction: float, gravity_m_s2: float
) -> None:
    """PyBullet's rebound carries 2 % of the slender ones that fall back over to the other side."""
    critical_rad = np.arctan(thickness_m / HEIGHT_M)
    for side, falls in ((-1.0, False), (1.0, True)):
        tilt_rad = critical_rad + side * np.radians(0.3)
        tilted = domino("domino_1", 0.0, float(tilt_rad), thickness_m, friction)
        scene = only(tilted, gravity_m_s2=gravity_m_s2)
        end = left_alone(simulator, scene, 4.0)["position_m"][2]
        if falls:
            assert end[0] > 0.3 * HEIGHT_M
            assert end[2] == pytest.approx(0.5 * thickness_m, abs=1e-3)
        else:
            assert end[0] < 0.01


@pytest.mark.parametrize("gravity_m_s2", [4.0, 9.81, 16.0])
@pytest.mark.parametrize("friction", [0.5, 0.9])
def test_a_falling_domino_is_as_fast_as_its_energy_says(
    simulator: Simulator, gravity_m_s2: float, friction: float
) -> None:
    """About an edge that does not slip: I w^2 / 2 = m g (drop of the centre), whatever the mass."""
    thickness_m, start_rad = 0.03, np.radians(14.0)
    critical_rad = np.arctan(thickness_m / HEIGHT_M)
    arm_m = 0.5 * np.hypot(thickness_m, HEIGHT_M)
    inertia_per_kg = (thickness_m**2 + HEIGHT_M**2) / 3.0
    scene = only(
        domino("domino_1", 0.0, float(start_rad), thickness_m, friction), gravity_m_s2=gravity_m_s2
    )
    simulator.reset(scene)
    ratios = []
    for _ in range(20):
        simulator.step(REST)
        state = simulator.state()
        _, turn_y, _, turn_w = state["orientation_xyzw"][2]
        tilt_rad = 2.0 * np.arctan2(turn_y, turn_w)
        if np.radians(25.0) < tilt_rad < np.radians(60.0):
            drop_m = arm_m * (np.cos(start_rad - critical_rad) - np.cos(tilt_rad - critical_rad))
            rate_rad_s = np.sqrt(2.0 * gravity_m_s2 * drop_m / inertia_per_kg)
            ratios.append(state["angular_velocity_rad_s"][2, 1] / rate_rad_s)
    assert ratios and 1.0 - SLOWER < min(ratios) and max(ratios) < 1.0


# A row.


@pytest.mark.parametrize("gap", [0.25, 0.5, 0.8, 0.97])
def test_a_row_closer_than_its_height_falls_to_the_last(simulator: Simulator, gap: float) -> None:
    scene = only(*row(gap))
    assert all(fallen(scene, left_alone(simulator, scene, 4.0)))


@pytest.mark.parametrize("gap", [1.05, 1.3])
def test_a_row_wider_than_its_height_does_not_notice(simulator: Simulator, gap: float) -> None:
    """From 0.99 to 1.03 the first one's top brushes the second one's foot, which shifts by 7 mm."""
    scene = only(*row(gap))
    end = left_alone(simulator, scene, 4.0)
    assert fallen(scene, end) == [True, False, False, False]
    start_m = np.array([body.position_m for body in scene.bodies])
    assert np.abs(end["position_m"] - start_m)[3:].max() < 1e-4


def row(gap: float) -> list[Body]:
    """Four dominoes with a share of their height between their faces, the first one pushed over.

    It turns about its lower edge at 3 rad/s; let go at rest, it may end up leaning on the second.
    """
    step_m, rate_rad_s = 0.03 + gap * HEIGHT_M, 3.0
    line = [domino(f"domino_{n}", -0.3 + n * step_m) for n in range(4)]
    line[0] = replace(
        domino("domino_0", -0.3, float(np.radians(12.0))),
        angular_velocity_rad_s=(0.0, rate_rad_s, 0.0),
    )
    x_m, _, z_m = np.subtract(line[0].position_m, (-0.3 + 0.015, 0.0, 0.0)).tolist()
    line[0] = replace(line[0], velocity_m_s=(rate_rad_s * z_m, 0.0, -rate_rad_s * x_m))
    return line


# The scene: what pushing does.


def towards(scene: Scene, name: str, state: State) -> NDArray[np.float32]:
    """Straight at a body until it has begun to fall."""
    body, pusher = scene.index(name), scene.index("pusher")
    position_m = state["position_m"]
    if position_m[body, 2] < 0.85 * scene.bodies[body].position_m[2]:
        return REST
    way_m = position_m[body, :2] - position_m[pusher, :2]
    return (way_m / np.linalg.norm(way_m)).astype(np.float32)


@pytest.mark.parametrize("split", SPLITS)
def test_the_naive_push_fells_the_whole_row(simulator: Simulator, split: Split) -> None:
    for seed in range(3):
        scene = make_scene("topple", seed, split)
        simulator.reset(scene)
        succeeded = False
        for _ in range(60):
            simulator.step(towards(scene, "marked_domino", simulator.state()))
            state = simulator.state()
            moment = Moment(state["position_m"], state["orientation_xyzw"], state["velocity_m_s"])
            outcome = TOPPLE.task(scene, moment)
            succeeded |= outcome.success
        assert outcome.failed and not succeeded
        names = [body.name for body in scene.bodies if body.role == "free"]
        down = dict(zip(names, fallen(scene, simulator.state()), strict=True))
        assert all(fell for name, fell in down.items() if "domino" in name)
        assert not down["upper_block"]


def test_a_pusher_at_the_foot_shoves_a_domino_upright(simulator: Simulator) -> None:
    """Why the pusher hovers: where it reaches down to the ground, the domino slides."""
    low, high = 0.5 * PUSHER_M[1] + 0.002, 0.125
    for z_m, falls in ((low, False), (high, True)):
        scene = only(domino("domino_1", 0.0))
        pusher = replace(scene.body("pusher"), position_m=(-0.1, 0.0, z_m))
        scene = replace(scene, bodies=(scene.bodies[0], pusher, scene.bodies[2]))
        simulator.reset(scene)
        for _ in range(16):
            simulator.step(towards(scene, "domino_1", simulator.state()))
        assert fallen(scene, simulator.state()) == [falls]
        assert simulator.state()["position_m"][2, 0] > 0.05
