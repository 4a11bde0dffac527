"""Swing: a physical pendulum and its blow, held against paper and pencil, and the task.

Its moment of inertia is that of bob and rod about the hinge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.special import ellipk
from solving import solved

from worldsim.sim.scenarios import Moment, Outcome
from worldsim.sim.scenarios.swing import PIVOT_M, SWING
from worldsim.sim.scene import Body, Scene, Split
from worldsim.sim.simulator import Simulator

NULL = np.zeros(1, np.float32)
ERP = 0.02  # the share of an overlap that PyBullet pushes out in a physics step
BRIEF = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SPLITS = st.sampled_from(["id", "combo", "ood"])


@dataclass
class Pendulum:
    """Bob and rod of a scene as one body on a hinge."""

    inertia_kg_m2: float
    lever_kg_m: float  # mass times the distance of its centre from the hinge
    gravity_m_s2: float

    @classmethod
    def of(cls, scene: Scene) -> Pendulum:
        bob, rod = scene.body("bob"), scene.body("rod")
        length_m, rod_m = (
            float(np.linalg.norm(np.subtract(one.position_m, PIVOT_M))) for one in (bob, rod)
        )
        bob_kg_m2 = bob.mass_kg * (length_m**2 + 0.4 * bob.size_m[0] ** 2)
        thick_m, long_m = rod.size_m
        rod_kg_m2 = rod.mass_kg * (rod_m**2 + long_m**2 / 12.0 + thick_m**2 / 4.0)
        lever_kg_m = bob.mass_kg * length_m + rod.mass_kg * rod_m
        return cls(bob_kg_m2 + rod_kg_m2, lever_kg_m, -scene.gravity_m_s2[2])

    @property
    def period_s(self) -> float:
        """Of small swings."""
        pull = self.lever_kg_m * self.gravity_m_s2
        return 2.0 * float(np.pi * np.sqrt(self.inertia_kg_m2 / pull))

    def energy_j(
        self, angle_rad: NDArray[np.float64], rate_rad_s: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        height = self.lever_kg_m * self.gravity_m_s2 * (1.0 - np.cos(angle_rad))
        return 0.5 * self.inertia_kg_m2 * rate_rad_s**2 + height


def pulled(scene: Scene, angle_rad: float, keep: tuple[str, ...] = ()) -> Scene:
    """The scene with the pendulum pulled aside, to the right; bodies but `keep` are taken away."""
    turn = Rotation.from_rotvec([0.0, -angle_rad, 0.0])

    def moved(one: Body) -> Body:
        if one.name not in ("bob", "rod"):
            return one
        at_m = np.array(PIVOT_M) + turn.apply(np.subtract(one.position_m, PIVOT_M))
        faces = tuple(turn.as_quat().tolist())
        return replace(one, position_m=tuple(at_m.tolist()), orientation_xyzw=faces)

    kept = [one for one in scene.bodies if one.name in ("ground", "bob", "rod", *keep)]
    return replace(scene, bodies=tuple(moved(one) for one in kept))


def swung(
    simulator: Simulator, scene: Scene, frames: int, action: NDArray[np.float32] = NULL
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Angle rad, its rate rad/s, and the bob's distance from the hinge m, after every frame."""
    simulator.reset(scene)
    bob, rows = scene.index("bob"), []
    for _ in range(frames):
        simulator.step(action)
        state = simulator.state()
        arm_m = state["position_m"][bob] - PIVOT_M
        angle_rad = np.arctan2(arm_m[0], -arm_m[2])
        rows.append((angle_rad, -state["angular_velocity_rad_s"][bob][1], np.linalg.norm(arm_m)))
    angles_rad, rates_rad_s, lengths_m = np.array(rows).T
    return angles_rad, rates_rad_s, lengths_m


def period_s(angles_rad: NDArray[np.float64], dt_s: float) -> float:
    """Twice the mean time between passages through the lowest point."""
    before = np.flatnonzero(angles_rad[:-1] * angles_rad[1:] < 0.0)
    share = angles_rad[before] / (angles_rad[before] - angles_rad[before + 1])
    return float(2.0 * np.diff((before + share) * dt_s).mean())


@given(seed=st.integers(0, 999), split=SPLITS)
@BRIEF
def test_small_swings_take_the_time_that_theory_says(
    simulator: Simulator, seed: int, split: Split
) -> None:
    """2 pi sqrt(I / m g L), within 0.1 %."""
    scene = pulled(SWING.make_scene(seed, split), 0.04)
    angles_rad, _, _ = swung(simulator, scene, 200)
    wanted_s = Pendulum.of(scene).period_s
    assert period_s(angles_rad, scene.dt_s) == pytest.approx(wanted_s, rel=1e-3)


@pytest.mark.parametrize("angle_rad", [0.5, 1.0, 1.5, 2.2])
def test_wide_swings_take_longer(simulator: Simulator, angle_rad: float) -> None:
    """By 2 K(sin(angle / 2)) / pi, K being the complete elliptic integral. Within 0.1 %."""
    scene = pulled(SWING.make_scene(0), angle_rad)
    angles_rad, _, _ = swung(simulator, scene, 200)
    longer = 2.0 / np.pi * float(ellipk(np.sin(0.5 * angle_rad) ** 2))
    wanted_s = longer * Pendulum.of(scene).period_s
    assert period_s(angles_rad, scene.dt_s) == pytest.approx(wanted_s, rel=1e-3)


@given(seed=st.integers(0, 999), split=SPLITS, angle_rad=st.floats(0.3, 2.5))
@BRIEF
def test_energy_does_not_drift_and_the_rod_keeps_its_length(
    simulator: Simulator, seed: int, split: Split, angle_rad: float
) -> None:
    """Over 10 s.

    PyBullet's energy goes up and down by 2 % within a swing, more under a strong gravity, and comes
    back: the mean over the last seconds is that over the first ones within 0.5 %.
    """
    scene = pulled(SWING.make_scene(seed, split), angle_rad)
    pendulum = Pendulum.of(scene)
    angles_rad, rates_rad_s, lengths_m = swung(simulator, scene, 200)
    energy_j = pendulum.energy_j(angles_rad, rates_rad_s)
    start_j = pendulum.energy_j(np.array(angle_rad), np.array(0.0))
    assert energy_j == pytest.approx(start_j, rel=0.02)
    thirds_j = [part.mean() for part in np.split(energy_j[2:], 3)]
    assert thirds_j == pytest.approx([thirds_j[0]] * 3, rel=5e-3)
    assert np.ptp(lengths_m) < 1e-5
    length_m = PIVOT_M[2] - SWING.make_scene(seed, split).body("bob").position_m[2]
    assert lengths_m == pytest.approx(length_m, abs=1e-5)


@given(seed=st.integers(0, 999))
@BRIEF
def test_a_held_torque_does_not_reach_the_ball(simulator: Simulator, seed: int) -> None:
    """It would lift the bob by asin(torque / m g L): so far to the right, and swinging twice it."""
    scene = SWING.make_scene(seed)
    pendulum = Pendulum.of(scene)
    lift = scene.action_spec.scales[0] / (pendulum.lever_kg_m * pendulum.gravity_m_s2)
    angles_rad, _, _ = swung(simulator, scene, 100, np.ones(1, np.float32))
    assert 0.10 < lift < 0.26
    assert angles_rad.min() > -0.02
    assert angles_rad.max() == pytest.approx(2.0 * np.arcsin(lift), rel=0.05)
    assert not SWING.task(scene, moment(simulator)).success


def moment(simulator: Simulator) -> Moment:
    state = simulator.state()
    return Moment(state["position_m"], state["orientation_xyzw"], state["velocity_m_s"])


@dataclass
class Blow:
    """The physics step in which the bob meets the ball: states before and after it."""

    before: dict[str, NDArray[np.float64]]
    after: dict[str, NDArray[np.float64]]
    impulse_n_s: float


def blow(simulator: Simulator, scene: Scene) -> Blow:
    """Let the pendulum go, a physics step a frame, until it hits."""
    scene = replace(scene, frame_rate_hz=scene.physics_rate_hz)
    simulator.reset(scene)
    pair = {scene.index("bob"), scene.index("ball")}
    for _ in range(2 * scene.physics_rate_hz):
        before = simulator.state()
        simulator.step(NULL)
        found = simulator.contacts()
        for row in range(int(found["contact_count"])):
            if set(found["contact_bodies"][row].tolist()) == pair:
                return Blow(before, simulator.state(), float(found["contact_impulse_n_s"][row]))
    raise AssertionError("the bob missed the ball")


def struck(seed: int, split: Split, **values: float) -> Scene:
    """A pendulum pulled far to the side away from the ball."""
    scene = SWING.make_scene(seed, split)
    side = np.sign(scene.body("ball").position_m[0])
    bodies = tuple(
        replace(one, **values) if one.name == "ball" else one  # type: ignore[arg-type]
        for one in scene.bodies
    )
    return pulled(replace(scene, bodies=bodies), -1.6 * float(side), keep=("ball", "stand"))


@given(seed=st.integers(0, 999), split=SPLITS)
@BRIEF
def test_the_blow_hands_over_what_theory_says(
    simulator: Simulator, seed: int, split: Split
) -> None:
    """Without friction the impulse J goes through both centres, at a lever d to the hinge.

    The ball gains J / m, the pendulum loses J d / I, and they part at the restitution's share of
    the speed at which they met. PyBullet adds to that share up to `ERP`, as it also pushes out the
    overlap that a physics step has made; in that step the bob also turns and both fall.
    """
    scene = struck(seed, split, friction=0.0)
    bob, ball = scene.index("bob"), scene.index("ball")
    found, pendulum = blow(simulator, scene), Pendulum.of(scene)
    before, after = found.before, found.after
    normal = before["position_m"][ball] - before["position_m"][bob]
    normal /= np.linalg.norm(normal)
    arm_m = before["position_m"][bob] - PIVOT_M
    lever_m = abs(float(np.cross(arm_m, normal)[1]))
    mass_kg = scene.body("ball").mass_kg

    gained_m_s = after["velocity_m_s"][ball] - before["velocity_m_s"][ball]
    assert mass_kg * gained_m_s @ normal == pytest.approx(found.impulse_n_s, rel=0.01)
    rates_rad_s = [abs(state["angular_velocity_rad_s"][bob][1]) for state in (before, after)]
    step_s = 1.0 / scene.physics_rate_hz
    pull_n_m = pendulum.lever_kg_m * pendulum.gravity_m_s2 * abs(arm_m[0]) / np.linalg.norm(arm_m)
    lost = pendulum.inertia_kg_m2 * (rates_rad_s[0] - rates_rad_s[1]) - pull_n_m * step_s
    assert lost == pytest.approx(found.impulse_n_s * lever_m, rel=0.02)

    met_m_s = before["velocity_m_s"][bob] @ normal
    parted_m_s = (after["velocity_m_s"][ball] - after["velocity_m_s"][bob]) @ normal
    restitution = scene.body("ball").restitution
    assert restitution - 0.01 < parted_m_s / met_m_s < restitution + ERP + 0.04


@given(seed=st.integers(0, 999), split=SPLITS)
@BRIEF
def test_the_ball_flies_off_and_energy_does_not_grow(
    simulator: Simulator, seed: int, split: Split
) -> None:
    scene = struck(seed, split)
    bob, ball = scene.index("bob"), scene.index("ball")
    pendulum, mass_kg = Pendulum.of(scene), scene.body("ball").mass_kg
    found = blow(simulator, scene)

    def energy_j(state: dict[str, NDArray[np.float64]]) -> float:
        arm_m = state["position_m"][bob] - PIVOT_M
        rate_rad_s = state["angular_velocity_rad_s"][bob][1]
        swinging_j = pendulum.energy_j(np.arctan2(arm_m[0], -arm_m[2]), rate_rad_s)
        speed_m_s = np.linalg.norm(state["velocity_m_s"][ball])
        rim_m_s = scene.body("ball").size_m[0] * state["angular_velocity_rad_s"][ball]
        moving_j = 0.5 * mass_kg * (speed_m_s**2 + 0.4 * rim_m_s @ rim_m_s)
        lifted_j = mass_kg * pendulum.gravity_m_s2 * state["position_m"][ball][2]
        return float(swinging_j + moving_j + lifted_j)

    assert energy_j(found.after) < energy_j(found.before)
    away = np.sign(scene.body("ball").position_m[0])
    along_m_s = away * found.after["velocity_m_s"][:, 0]
    assert along_m_s[ball] > max(along_m_s[bob], 0.0)
    for _ in range(scene.physics_rate_hz // 3):
        simulator.step(NULL)
    assert SWING.task(scene, moment(simulator)).success
    assert energy_j(simulator.state()) < energy_j(found.before)


def judged(scene: Scene, **at_m: tuple[float, float, float]) -> Outcome:
    """The task on the start of a scene with some bodies elsewhere."""
    places_m = np.array([at_m.get(one.name, one.position_m) for one in scene.bodies])
    turns = np.array([one.orientation_xyzw for one in scene.bodies])
    return SWING.task(scene, Moment(places_m, turns, np.zeros_like(places_m)))


@given(seed=st.integers(0, 999), share=st.floats(0.0, 3.0), azimuth_rad=st.floats(-3.1, 3.1))
@BRIEF
def test_a_ball_that_has_moved_by_its_radius_is_a_success(
    seed: int, share: float, azimuth_rad: float
) -> None:
    scene = SWING.make_scene(seed)
    ball = scene.body("ball")
    moved_m = share * ball.size_m[0]
    x_m, y_m, z_m = ball.position_m
    there_m = (x_m + moved_m * np.cos(azimuth_rad), y_m, z_m + moved_m * np.sin(azimuth_rad))
    outcome = judged(scene, ball=there_m)
    if abs(share - 1.0) > 1e-6:
        assert outcome.success == (share > 1.0)
    assert outcome.distance_m > 0.0 or outcome.success
    assert outcome.reward == pytest.approx(outcome.success - outcome.distance_m)
    assert not outcome.failed


def test_a_bob_that_touches_the_ball_or_another_ball_that_moves_is_no_success() -> None:
    scene = next(s for s in map(SWING.make_scene, range(9)) if len(s.bodies) > 7)
    ball, bob = scene.body("ball"), scene.body("bob")
    x_m, y_m, z_m = ball.position_m
    beside_m = (x_m - np.sign(x_m) * (ball.size_m[0] + bob.size_m[0]), y_m, z_m)
    touching = judged(scene, bob=beside_m)
    assert not touching.success
    assert touching.distance_m == pytest.approx(ball.size_m[0], abs=1e-6)
    other = judged(scene, other_ball=(0.5, 0.5, 0.1))
    assert not other.success and other == judged(scene)


def test_the_scripted_policy_solves_it_and_chance_does_not(simulator: Simulator) -> None:
    assert solved(SWING, "scripted", 10) >= 0.8
    assert solved(SWING, "random", 10) < 0.2
