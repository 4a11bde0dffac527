"""Hands in a running world: what they change, and that a reset undoes it all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from worldsim.errors import InputError
from worldsim.sim.scenarios import find_scenario
from worldsim.sim.scene import Scene
from worldsim.sim.simulator import Simulator

STEPS = 12


def scene_of(name: str, seed: int = 3) -> Scene:
    return find_scenario(name).make_scene(seed, "id", 64, 64)


def run(simulator: Simulator, steps: int = STEPS) -> dict[str, np.ndarray]:
    """States (steps + 1, N, ...) under no action."""
    rows = [simulator.state()]
    for _ in range(steps):
        simulator.step(np.zeros(simulator.scene.action_spec.size, np.float32))
        rows.append(simulator.state())
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def at(values: np.ndarray, scene: Scene, name: str) -> np.ndarray:
    return values[:, scene.index(name)]


def test_a_placed_body_keeps_its_velocity_and_turn(simulator: Simulator) -> None:
    scene = scene_of("drop")
    simulator.reset(scene)
    run(simulator, 3)
    before, index = simulator.state(), scene.index("parcel")
    place_m = before["position_m"][index] + (0.0, 0.0, 1.0)
    simulator.edit().place("parcel", tuple(place_m))
    after = simulator.state()
    assert np.allclose(after["position_m"][index], place_m)
    for name in ("orientation_xyzw", "velocity_m_s", "angular_velocity_rad_s"):
        assert np.allclose(after[name][index], before[name][index])


def test_a_moved_body_flies_off(simulator: Simulator) -> None:
    scene = scene_of("drop")
    simulator.reset(scene)
    simulator.edit().move("parcel", (1.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    path_m = at(run(simulator, 4)["position_m"], scene, "parcel")
    assert path_m[-1, 0] - path_m[0, 0] == pytest.approx(4 * scene.dt_s, rel=0.01)


def test_a_pull_of_a_weight_holds_a_body_until_it_ends(simulator: Simulator) -> None:
    scene = scene_of("drop")
    simulator.reset(scene)
    weight_n = scene.body("parcel").mass_kg * 9.81
    simulator.edit().pull("parcel", (0.0, 0.0, weight_n))
    height_m = at(run(simulator, 6)["position_m"], scene, "parcel")[:, 2]
    start_m_s = scene.body("parcel").velocity_m_s[2]
    wanted_m = height_m[0] + start_m_s * scene.dt_s * np.arange(7)
    assert np.allclose(height_m, wanted_m, atol=2e-3)
    simulator.edit().pull("parcel", (0.0, 0.0, 0.0))
    fallen_m = at(run(simulator, 3)["position_m"], scene, "parcel")[:, 2]
    assert fallen_m[-1] - fallen_m[0] < start_m_s * 3 * scene.dt_s - 0.05


def test_gravity(simulator: Simulator) -> None:
    scene = scene_of("drop")
    simulator.reset(scene)
    simulator.edit().gravity((0.0, 0.0, 0.0))
    height_m = at(run(simulator, 4)["position_m"], scene, "parcel")[:, 2]
    start_m_s = scene.body("parcel").velocity_m_s[2]
    assert np.allclose(np.diff(height_m), start_m_s * scene.dt_s, atol=2e-3)


def test_a_body_ten_times_as_heavy_yields_a_tenth(simulator: Simulator) -> None:
    scene = scene_of("drop")
    shifts_m = []
    for times in (1.0, 10.0):
        simulator.reset(scene)
        hands, mass_kg = simulator.edit(), scene.body("parcel").mass_kg
        hands.matter("parcel", mass_kg=times * mass_kg)
        hands.pull("parcel", (mass_kg * 10.0, 0.0, 0.0))
        path_m = at(run(simulator, 4)["position_m"], scene, "parcel")[:, 0]
        free_m = scene.body("parcel").velocity_m_s[0] * 4 * scene.dt_s
        shifts_m.append(path_m[-1] - path_m[0] - free_m)
    assert shifts_m[0] / shifts_m[1] == pytest.approx(10.0, rel=0.05)


@pytest.mark.parametrize(("restitution", "rises"), [(1.5, True), (0.01, False)])
def test_restitution(simulator: Simulator, restitution: float, rises: bool) -> None:
    scene = scene_of("drop")
    simulator.reset(scene)
    for name in ("parcel", "ground"):
        simulator.edit().matter(name, restitution=restitution**0.5)
    velocity_m_s = at(run(simulator, 24)["velocity_m_s"], scene, "parcel")[:, 2]
    assert (velocity_m_s.max() > -velocity_m_s.min()) == rises


def test_friction_stops_a_sliding_box(simulator: Simulator) -> None:
    scene = scene_of("push")
    ways_m = []
    for friction in (0.02, 2.0):
        simulator.reset(scene)
        simulator.edit().matter("box", friction=friction)
        simulator.edit().move("box", (-0.3, 0.0, 0.0))
        path_m = at(run(simulator, 3)["position_m"], scene, "box")
        ways_m.append(float(np.linalg.norm(path_m[-1] - path_m[0])))
    assert ways_m[0] > 3.0 * ways_m[1]


def test_bodies_pass_through_each_other_until_they_meet_again(simulator: Simulator) -> None:
    scene = scene_of("drop")
    simulator.reset(scene)
    simulator.edit().collide("parcel", "ground", meet=False)
    assert at(run(simulator, 24)["position_m"], scene, "parcel")[-1, 2] < -0.5
    simulator.reset(scene)
    simulator.edit().collide("parcel", "ground", meet=False)
    simulator.edit().collide("parcel", "ground", meet=True)
    assert at(run(simulator, 24)["position_m"], scene, "parcel")[-1, 2] > 0.0


def test_nothing_of_an_edit_survives_a_reset(simulator: Simulator) -> None:
    scene = scene_of("drop")
    simulator.reset(scene)
    before = run(simulator)
    simulator.reset(scene)
    hands = simulator.edit()
    hands.gravity((0.0, 0.0, -1.0))
    hands.matter("parcel", mass_kg=9.0, friction=0.0, restitution=0.0)
    hands.collide("parcel", "ground", meet=False)
    hands.pull("parcel", (5.0, 0.0, 0.0))
    run(simulator)
    simulator.reset(scene)
    after = run(simulator)
    assert all(np.array_equal(after[name], before[name]) for name in before)


def test_a_world_that_is_only_looked_at_stays_the_same(simulator: Simulator) -> None:
    scene = scene_of("collide")
    simulator.reset(scene)
    before = run(simulator)
    simulator.reset(scene)
    assert simulator.edit().loose("cue")
    after = run(simulator)
    assert all(np.array_equal(after[name], before[name]) for name in before)


def test_what_hangs_on_joints_or_rests_cannot_be_edited(simulator: Simulator) -> None:
    scene = scene_of("push")
    simulator.reset(scene)
    hands = simulator.edit()
    assert [body.name for body in scene.bodies if hands.loose(body.name)] == ["sphere", "box"]
    for name in ("pusher", "wall_east"):
        with pytest.raises(InputError, match=name):
            hands.place(name, (0.0, 0.0, 1.0))
    with pytest.raises(InputError, match="nobody"):
        hands.move("nobody", (0.0, 0.0, 0.0))
    hands.collide("pusher", "box", meet=False)  # a pair needs no loose body


def test_an_edited_world_takes_no_snapshot(simulator: Simulator) -> None:
    scene = scene_of("drop")
    simulator.reset(scene)
    simulator.edit()
    with pytest.raises(InputError, match="snapshot"):
        simulator.snapshot()
    simulator.reset(replace(scene, seed=4))
    assert simulator.snapshot()
