"""Bodies of any form in PyBullet: their mass, spin, feet and falls, in every scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Force
from worldsim.sim.bullet import data_path
from worldsim.sim.camera import Camera
from worldsim.sim.mesh import Mesh
from worldsim.sim.meshes import EXTRUSIONS, PRIMITIVES, extrusion, hull, load_mesh, primitive
from worldsim.sim.meshes.solid import solid
from worldsim.sim.relations import surface_points
from worldsim.sim.scenarios import SCENARIOS
from worldsim.sim.scenarios.parts import ground
from worldsim.sim.scenarios.swap import with_mesh
from worldsim.sim.scene import Body, Scene
from worldsim.sim.simulator import Simulator

BRIEF = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NOTHING = np.zeros(2, np.float32)
EDGES_M = (0.10, 0.06, 0.08)
CAMERA = Camera((0.0, -2.0, 1.0), (0.0, 0.0, 0.1), fov_y_rad=0.3, near_m=0.5, far_m=5.0)
UPRIGHT = tuple(Rotation.from_euler("x", 90, degrees=True).as_quat())


@pytest.fixture(scope="module")
def duck() -> Mesh:
    try:
        return load_mesh(data_path() / "duck.obj")
    except InputError as error:
        pytest.skip(str(error))


def body(mesh: Mesh, length_m: float, **values: object) -> Body:
    """A body of that mesh, on the ground where no position is given."""
    size_m = tuple(length_m * edge for edge in mesh.extents)
    made = Body("thing", "mesh", size_m, (0.9, 0.2, 0.1), (0.0, 0.0, 0.0), mesh=mesh)
    basic = {"role": "actuated", "mass_kg": 0.3, "linear_damping": 0.0, "angular_damping": 0.0}
    made = replace(made, **{**basic, **values})  # type: ignore[arg-type]
    if "position_m" in values:
        return made
    return replace(made, position_m=(0.0, 0.0, -lowest_m(made)))


def lowest_m(thing: Body) -> float:
    return float(surface_points(thing)[:, 2].min())


def scene(*bodies: Body, gravity_m_s2: float = -9.81) -> Scene:
    """Bodies above the ground; the action is a force that the tests leave at nothing."""
    return Scene(
        scenario="drop",
        bodies=(ground(), *bodies),
        camera=CAMERA,
        actuator=Force(body="thing"),
        action_spec=ActionSpec(tuple(ActionChannel(f"force_{a}", "N", 1.0) for a in "xy")),
        gravity_m_s2=(0.0, 0.0, gravity_m_s2),
        frame_rate_hz=20,
    )


def played(simulator: Simulator, start: Scene, frames: int) -> dict[str, NDArray[np.float64]]:
    """States of the thing, (frames + 1, ...), while nothing acts."""
    index = start.index("thing")
    simulator.reset(start)
    states = [simulator.state()]
    for _ in range(frames):
        simulator.step(NOTHING)
        states.append(simulator.state())
    return {name: np.stack([state[name][index] for state in states]) for name in states[0]}


def at_end(thing: Body, states: dict[str, NDArray[np.float64]]) -> Body:
    return replace(
        thing,
        position_m=tuple(states["position_m"][-1]),
        orientation_xyzw=tuple(states["orientation_xyzw"][-1]),
    )


@pytest.mark.parametrize("mesh", [hull(3), extrusion("ell"), primitive("torus")])
def test_mass_moments_and_centre_are_those_of_the_mesh(simulator: Simulator, mesh: Mesh) -> None:
    simulator.reset(scene(body(mesh, 0.2)))
    found = simulator._bullet.getDynamicsInfo(
        *simulator._links[1], physicsClientId=simulator._client
    )
    assert found[0] == 0.3
    assert found[2] == pytest.approx(0.3 * 0.2**2 * np.array(mesh.inertia), rel=1e-9)
    assert found[3] == (0.0, 0.0, 0.0) and found[4] == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("mesh", [hull(8), extrusion("tee"), primitive("capsule")])
def test_a_spinning_mesh_keeps_angular_momentum_and_place(simulator: Simulator, mesh: Mesh) -> None:
    """In 5 s momentum turns and grows by at most 2 % and energy by 4 %: Bullet's explicit step."""
    thing = body(mesh, 0.2, position_m=(0.1, 0.2, 1.0), angular_velocity_rad_s=(2.0, 0.3, 2.0))
    states = played(simulator, scene(thing, gravity_m_s2=0.0), 100)
    moments = 0.3 * 0.2**2 * np.array(mesh.inertia)
    turns = Rotation.from_quat(states["orientation_xyzw"])
    spin = turns.inv().apply(states["angular_velocity_rad_s"])
    momentum = turns.apply(moments * spin)
    drift = np.linalg.norm(momentum - momentum[0], axis=1) / np.linalg.norm(momentum[0])
    energy = 0.5 * (moments * spin**2).sum(1)
    assert drift.max() < 0.02
    assert np.abs(energy / energy[0] - 1.0).max() < 0.04
    assert np.ptp(turns.as_matrix(), axis=0).max() > 1.0  # it does turn
    assert np.abs(states["position_m"] - thing.position_m).max() < 1e-12


@given(
    seed=st.integers(0, 1000),
    edges_m=st.tuples(*[st.floats(0.05, 0.15)] * 3),
    speed_m_s=st.floats(-0.8, 0.8),
)
@BRIEF
def test_a_mesh_that_is_a_box_does_what_a_box_does(
    simulator: Simulator, seed: int, edges_m: tuple[float, float, float], speed_m_s: float
) -> None:
    """It falls, lands flat, bounces, slides and rests: 0.2 mm apart up to the second bounce."""
    mesh = solid(trimesh.creation.box(edges_m))
    rng = np.random.default_rng(seed)
    thing = body(
        mesh,
        max(edges_m),
        position_m=(*rng.uniform(-0.5, 0.5, 2), 0.5 * edges_m[2] + 0.2),
        velocity_m_s=(speed_m_s, 0.0, 0.0),
        friction=0.1,
        restitution=0.3,
    )
    box = replace(thing, shape="box", mesh=None, size_m=edges_m)
    ours, theirs = (played(simulator, scene(one), 40)["position_m"] for one in (thing, box))
    assert np.abs(ours[:8] - theirs[:8]).max() < 2e-4
    assert ours[-1, 2] == pytest.approx(theirs[-1, 2], abs=1e-4)


def test_a_box_of_a_file_is_a_box_of_the_engine(simulator: Simulator) -> None:
    """Boxes beside meshes are loaded otherwise; what they do among themselves is the same bits."""
    start = SCENARIOS["push"].make_scene(3)
    aside = replace(body(hull(0), 0.05, role="static"), position_m=(3.0, 0.0, 0.5))
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 2)).astype(np.float32)
    found = []
    for bodies in (start.bodies, (*start.bodies, aside)):
        simulator.reset(replace(start, bodies=bodies))
        for action in actions:
            simulator.step(action)
        positions_m = simulator.state()["position_m"][: len(start.bodies)]
        found.append((positions_m, *simulator.render()))
    assert all(np.array_equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("name", [*EXTRUSIONS, *PRIMITIVES])
def test_a_mesh_put_on_its_flat_side_stays_as_high(simulator: Simulator, name: str) -> None:
    mesh = extrusion(name) if name in EXTRUSIONS else primitive(name)
    thing = body(mesh, 0.2)
    states = played(simulator, scene(thing), 40)
    assert states["position_m"][-1, 2] == pytest.approx(thing.position_m[2], abs=2e-4)


@pytest.mark.parametrize("name", ["cross", "hexagon", "tee"])
def test_a_flat_fall_ends_flat(simulator: Simulator, name: str) -> None:
    """It bounces as the box round it does; without facets it span at 5 rad/s and more."""
    thing = body(extrusion(name), 0.2, restitution=0.4, position_m=(0.3, 0.1, 0.25))
    states = played(simulator, scene(thing), 40)
    assert np.abs(states["angular_velocity_rad_s"]).max() < 1.0
    box = played(simulator, scene(replace(thing, shape="box", mesh=None)), 40)
    assert np.abs(states["position_m"] - box["position_m"])[:8, 2].max() < 1e-3
    assert states["position_m"][5:, 2].max() > 0.85 * thing.size_m[2]  # it bounced
    assert lowest_m(at_end(thing, states)) == pytest.approx(0.0, abs=2e-3)
    up = Rotation.from_quat(states["orientation_xyzw"][-1]).as_matrix()[2, 2]
    assert up > 0.999


def arch(pieces: Sequence[Sequence[tuple[float, float, float]]] | None = None) -> Body:
    mesh = extrusion("arch")
    if pieces is not None:
        mesh = replace(mesh, pieces=tuple(tuple(piece) for piece in pieces))
    return body(mesh, 0.3, orientation_xyzw=UPRIGHT, friction=0.8)


POST = Body("post", "box", (0.06, 0.3, 0.15), (0.5, 0.5, 0.5), (0.0, 0.0, 0.075), role="static")


def touched(simulator: Simulator, name: str) -> bool:
    scene = simulator.scene
    table = simulator.contacts()
    pairs = table["contact_bodies"][: int(table["contact_count"])].tolist()
    wanted = {scene.index("thing"), scene.index(name)}
    return any(set(pair) == wanted for pair in pairs)


def test_an_arch_stands_on_its_feet_over_a_post(simulator: Simulator) -> None:
    thing = arch()
    states = played(simulator, scene(thing, POST), 40)
    assert np.abs(states["position_m"] - thing.position_m).max() < 1e-3
    assert touched(simulator, "ground") and not touched(simulator, "post")


def test_as_a_hull_the_arch_would_not_stand_there(simulator: Simulator) -> None:
    thing = arch([extrusion("arch").vertices])
    states = played(simulator, scene(thing, POST), 40)
    assert np.abs(states["position_m"] - thing.position_m).max() > 0.02


def test_a_ball_falls_through_a_ring(simulator: Simulator) -> None:
    thing = body(primitive("torus"), 0.4, friction=1.0)
    ball = Body("ball", "sphere", (0.05,), (0.1, 0.2, 0.9), (0.01, 0.0, 0.4), mass_kg=0.1)
    simulator.reset(scene(thing, ball))
    for _ in range(30):
        simulator.step(NOTHING)
    assert simulator.state()["position_m"][2, 2] == pytest.approx(0.05, abs=1e-3)


def test_the_duck_comes_to_rest_on_what_is_seen_of_it(simulator: Simulator, duck: Mesh) -> None:
    """Dropped from 10 cm: its lowest vertex ends within 2 mm of the ground."""
    thing = body(duck, 0.2, position_m=(0.0, 0.0, 0.2), friction=0.8, rolling_friction=0.002)
    states = played(simulator, scene(thing), 120)
    assert np.linalg.norm(states["velocity_m_s"][-1]) < 0.02
    assert lowest_m(at_end(thing, states)) == pytest.approx(0.0, abs=2e-3)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_takes_a_mesh(simulator: Simulator, name: str, duck: Mesh) -> None:
    scenario = SCENARIOS[name]
    old = scenario.make_scene(1)
    new = with_mesh(old, duck, scale=1.1)
    index = old.index(scenario.subject)
    before, after = old.bodies[index], new.bodies[index]
    assert max(after.size_m) == pytest.approx(1.1 * before.diameter_m, rel=1e-5)
    assert lowest_m(after) == pytest.approx(lowest_m(before), abs=1e-9)
    kept = ("name", "role", "mass_kg", "friction", "restitution", "color_rgb", "velocity_m_s")
    assert all(getattr(before, field) == getattr(after, field) for field in kept)
    assert new.bodies[:index] + new.bodies[index + 1 :] == (
        old.bodies[:index] + old.bodies[index + 1 :]
    )
    assert Scene.from_json(new.to_json()) == new
    assert new.describe() != old.describe()
    simulator.reset(new)
    assert index + 1 in simulator.render()[2]
    bullet, client = simulator._bullet, simulator._client
    bullet.performCollisionDetection(physicsClientId=client)
    identifier = simulator._links[index][0]
    points = bullet.getContactPoints(identifier, physicsClientId=client)
    assert min((point[8] for point in points), default=0.0) > -1e-4  # nothing overlaps it
    for _ in range(5):
        simulator.step(np.zeros(new.action_spec.size, np.float32))
    assert np.isfinite(simulator.state()["position_m"]).all()


def test_with_mesh_takes_another_body_and_no_nonsense(duck: Mesh) -> None:
    start = SCENARIOS["push"].make_scene(0)
    assert with_mesh(start, duck, name="sphere").body("sphere").mesh == duck
    with pytest.raises(InputError, match="did you mean sphere?"):
        with_mesh(start, duck, name="spere")
    for scale in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="positive number"):
            with_mesh(start, duck, scale)


def test_the_same_bits_with_a_mesh_after_reset_and_from_a_snapshot(
    simulator: Simulator, duck: Mesh
) -> None:
    start = with_mesh(SCENARIOS["push"].make_scene(2), duck)
    actions = np.random.default_rng(1).uniform(-1.0, 1.0, (10, 2)).astype(np.float32)
    ends = []
    for round_ in range(2):
        simulator.reset(start)
        for action in actions[: 5 if round_ else None]:
            simulator.step(action)
        if round_:
            simulator.restore(simulator.snapshot())
            for action in actions[5:]:
                simulator.step(action)
        ends.append((*simulator.state().values(), *simulator.render()))
    assert all(np.array_equal(one, other) for one, other in zip(*ends, strict=True))
