"""Drop against paper and pencil: free fall, mass, gusts, restitution; and its task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from solving import solved

from worldsim.agents.collect import Collector
from worldsim.sim.scenarios import Moment, Outcome, make_scene
from worldsim.sim.scenarios.drop import DROP, SLOW_M_S
from worldsim.sim.scene import Body, Scene, Split
from worldsim.sim.simulator import Simulator

REST = np.zeros(2, np.float32)
SPLITS = get_args(Split)
SEEDS = st.integers(0, 2**31)
BRIEF = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# How far PyBullet's restitution is off, single bounces from 0.8 to 1.45 m (least, greatest) and
# their mean. A body that overlaps the ground at the first contact leaves it faster by a fiftieth of
# the overlap a step; where in its step a body lands is chance. A cylinder's flat landing touches in
# one point of its rim, so that it leaves with a spin.
OFF = {
    "sphere": (0.0, 0.03, 0.02),
    "box": (0.0, 0.03, 0.02),
    "cylinder": (-0.22, 0.08, 0.05),
}
SIZES_M = {"sphere": (0.10,), "box": (0.20, 0.18, 0.16), "cylinder": (0.095, 0.17)}

Float = NDArray[np.float64]


def edited(scene: Scene, **change: Any) -> Scene:
    """The scene with its moving bodies changed."""
    bodies = tuple(replace(b, **change) if b.moves else b for b in scene.bodies)
    return replace(scene, bodies=bodies)


def flight(simulator: Simulator, scene: Scene, action: NDArray[np.float32] = REST) -> Float:
    """Positions (T+1, N, 3) at 240 Hz until shortly before the first body lands."""
    scene = replace(scene, frame_rate_hz=240)
    drop_m = min(b.position_m[2] - 0.9 * max(b.size_m) for b in scene.bodies if b.moves)
    steps = int(240 * 0.9 * np.sqrt(2.0 * drop_m / -scene.gravity_m_s2[2]))
    simulator.reset(scene)
    places = [simulator.state()["position_m"]]
    for _ in range(steps):
        simulator.step(action)
        places.append(simulator.state()["position_m"])
    return np.array(places)


@given(seed=SEEDS, split=st.sampled_from(SPLITS))
@BRIEF
def test_free_fall_fits_gravity(simulator: Simulator, seed: int, split: Split) -> None:
    """To 1e-6 of g. Velocity comes before position in a step (semi-implicit Euler), so a body is
    ahead of the parabola by g t dt / 2, which the linear term shows: 1 cm after half a second.
    """
    scene = make_scene("drop", seed, split)
    places = flight(simulator, scene)
    time_s = np.arange(len(places)) / 240.0
    assert len(time_s) > 40
    for index in scene.moving:
        way_m = places[:, index] - places[0, index]
        square, linear, _ = np.polyfit(time_s, way_m[:, 2], 2)
        assert 2.0 * square == pytest.approx(scene.gravity_m_s2[2], rel=1e-6)
        assert linear == pytest.approx(scene.gravity_m_s2[2] / 480.0, rel=1e-4)
        assert np.abs(way_m[:, :2]).max() < 1e-9


@given(seed=SEEDS, split=st.sampled_from(SPLITS), factor=st.floats(0.1, 10.0))
@BRIEF
def test_mass_does_not_change_the_fall(
    simulator: Simulator, seed: int, split: Split, factor: float
) -> None:
    scene = make_scene("drop", seed, split)
    heavier = edited(scene, mass_kg=factor * scene.body("parcel").mass_kg)
    assert np.abs(flight(simulator, scene) - flight(simulator, heavier)).max() < 1e-12


@given(
    seed=SEEDS,
    split=st.sampled_from(SPLITS),
    action=st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32)),
)
@BRIEF
def test_a_gust_accelerates_the_parcel_by_force_over_mass_and_nothing_else(
    simulator: Simulator, seed: int, split: Split, action: tuple[float, float]
) -> None:
    # Alone, or the gust blows it at another one.
    scene = make_scene("drop", seed, split)
    scene = replace(scene, bodies=tuple(b for b in scene.bodies if b.role != "free"))
    still, blown = (flight(simulator, scene, np.array(a, np.float32)) for a in (REST, action))
    time_s, parcel = np.arange(len(blown)) / 240.0, scene.index("parcel")
    pull_m_s2 = np.array(action) * scene.action_spec.scales / scene.body("parcel").mass_kg
    wanted_m = 0.5 * pull_m_s2 * (time_s * (time_s + 1.0 / 240.0))[:, None]
    assert np.abs((blown - still)[:, parcel, :2] - wanted_m).max() < 1e-6
    assert np.abs((blown - still)[:, parcel, 2]).max() < 1e-9


def rebound(simulator: Simulator, scene: Scene) -> float:
    """Speed after the parcel's first bounce over that before it."""
    simulator.reset(scene)
    fastest_m_s, parcel = 0.0, scene.index("parcel")
    for _ in range(300):
        simulator.step(REST)
        speed_m_s = simulator.state()["velocity_m_s"][parcel, 2]
        if speed_m_s > 0.0:
            return float(speed_m_s / -fastest_m_s)
        fastest_m_s = min(fastest_m_s, speed_m_s)
    raise AssertionError("the parcel did not bounce")


def lone_parcel(ground_restitution: float = 1.0, **change: Any) -> Scene:
    """Ground and an upright parcel, at 240 frames/s."""
    scene = make_scene("drop", 0)
    upright = {"orientation_xyzw": (0.0, 0.0, 0.0, 1.0), **change}
    bodies = (
        replace(scene.body("ground"), restitution=ground_restitution),
        replace(scene.body("parcel"), **upright),
    )
    return replace(scene, bodies=bodies, frame_rate_hz=240)


@pytest.mark.parametrize("shape", SIZES_M)
@pytest.mark.parametrize("restitution", [0.3, 0.6])
def test_restitution_is_the_products_within_what_pybullet_adds(
    simulator: Simulator, shape: Any, restitution: float
) -> None:
    least, greatest, mean = OFF[shape]
    off = []
    for height_m in np.linspace(0.8, 1.45, 20).tolist():
        scene = lone_parcel(
            ground_restitution=0.8,
            shape=shape,
            size_m=SIZES_M[shape],
            position_m=(0.0, 0.0, height_m),
            restitution=restitution / 0.8,
        )
        off.append(rebound(simulator, scene) - restitution)
    assert least < min(off) and max(off) < greatest
    assert abs(np.mean(off)) < mean


def test_only_the_product_of_the_restitutions_counts(simulator: Simulator) -> None:
    one = rebound(simulator, lone_parcel(1.0, restitution=0.25))
    other = rebound(simulator, lone_parcel(0.5, restitution=0.5))
    assert one == other
    assert rebound(simulator, lone_parcel(1.0, restitution=0.5)) > one + 0.2


@pytest.mark.parametrize("split", ["id", "combo"])
def test_bodies_come_to_rest_on_the_ground(simulator: Simulator, split: Split) -> None:
    """Within an episode, no deeper than 1 mm, none balancing on an edge."""
    for seed in range(6):
        scene = make_scene("drop", seed, split)
        simulator.reset(scene)
        for _ in range(100):
            simulator.step(REST)
        state = simulator.state()
        for index in scene.moving:
            body = scene.bodies[index]
            low_m, high_m = half_heights_m(body)
            assert np.linalg.norm(state["velocity_m_s"][index]) < 0.05
            assert low_m - 1e-3 < state["position_m"][index, 2] < high_m + 0.02


def half_heights_m(body: Body) -> tuple[float, float]:
    """Least and greatest height of its centre as it lies."""
    if body.shape == "box":
        return 0.5 * min(body.size_m), 0.5 * max(body.size_m)
    halves_m = (body.size_m[0], 0.5 * body.height_m)
    return min(halves_m), max(halves_m)


def test_bodies_land_on_each_other_now_and_then(simulator: Simulator) -> None:
    touched = []
    for seed in range(20):
        scene = make_scene("drop", seed)
        simulator.reset(scene)
        pairs = set()
        for _ in range(30):
            simulator.step(REST)
            pairs |= {tuple(pair) for pair in simulator.contacts()["contact_bodies"].tolist()}
        touched.append(any(min(pair) > scene.index("ground") for pair in pairs))
    assert np.mean(touched) > 0.2


@given(seed=SEEDS, split=st.sampled_from(SPLITS))
@BRIEF
def test_bodies_start_apart_and_the_others_away_from_the_pad(seed: int, split: Split) -> None:
    scene = make_scene("drop", seed, split)
    moving = [scene.bodies[i] for i in scene.moving]
    assert len(moving) == (4 if split == "ood" else len(moving)) and 2 <= len(moving) <= 4
    for number, body in enumerate(moving):
        for other in moving[:number]:
            gap_m = np.linalg.norm(np.subtract(body.position_m, other.position_m))
            assert gap_m > 0.5 * (np.linalg.norm(extents(body)) + np.linalg.norm(extents(other)))
    pad = scene.body("pad")
    for body in moving:
        gap_m = float(np.linalg.norm(np.subtract(body.position_m, pad.position_m)[:2]))
        assert gap_m > pad.size_m[0] + 0.1
        assert 0.35 <= gap_m <= 0.60 or body.name != "parcel"


def extents(body: Body) -> tuple[float, ...]:
    """Edges of what may touch: a sphere reaches no further than its radius."""
    if body.shape == "box":
        return body.size_m
    if body.shape == "sphere":
        return (2.0 * body.size_m[0],)
    return (2.0 * body.size_m[0], body.size_m[1])


def outcome(offset_m: tuple[float, float, float], speed_m_s: float = 0.0) -> Outcome:
    """Of a parcel so far from the pad, from where it rests in the middle."""
    scene = make_scene("drop", 0)
    parcel, pad = scene.index("parcel"), scene.body("pad")
    position_m = np.array([body.position_m for body in scene.bodies])
    position_m[parcel] = (*pad.position_m[:2], half_heights_m(scene.bodies[parcel])[1])
    position_m[parcel] += offset_m
    velocity_m_s = np.zeros_like(position_m)
    velocity_m_s[parcel, 0] = speed_m_s
    turns = np.array([body.orientation_xyzw for body in scene.bodies])
    return DROP.task(scene, Moment(position_m, turns, velocity_m_s))


def test_a_parcel_at_rest_on_the_pad_is_a_success() -> None:
    radius_m = make_scene("drop", 0).body("pad").size_m[0]
    there = outcome((0.9 * radius_m, 0.0, 0.0), speed_m_s=0.9 * SLOW_M_S)
    assert there.success and there.reward == pytest.approx(1.0 - 0.9 * radius_m)


def test_a_parcel_beside_above_or_rolling_over_the_pad_is_none() -> None:
    radius_m = make_scene("drop", 0).body("pad").size_m[0]
    beside = outcome((0.0, 1.05 * radius_m, 0.0))
    assert not beside.success and beside.reward == pytest.approx(-1.05 * radius_m)
    assert not outcome((0.0, 0.0, 0.08)).success
    assert not outcome((0.0, 0.0, 0.0), speed_m_s=1.1 * SLOW_M_S).success


def test_the_scripted_policy_solves_it_and_chance_does_not(simulator: Simulator) -> None:
    assert solved(DROP, "scripted", 10) >= 0.8
    assert solved(DROP, "random", 10) < 0.2


def test_a_recording_keeps_the_parcel_in_the_picture(simulator: Simulator) -> None:
    for index in range(4):
        episode = Collector("drop", seed=1, steps=64, size_px=16)(index)
        assert episode.states is not None
        place_m = episode.states.position_m[:, episode.scene.index("parcel")]
        image_px, _ = episode.scene.camera.project(place_m)
        assert image_px.min() > 0.0 and image_px.max() < 16.0
