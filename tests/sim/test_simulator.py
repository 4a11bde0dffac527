from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from resource import getpagesize

import numpy as np
import pytest
from chasing import chase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.scenarios import make_scene
from worldsim.sim.scene import Scene
from worldsim.sim.simulator import Simulator

Record = list[NDArray[np.generic]]
REST = np.zeros(2, np.float32)


def record(simulator: Simulator, actions: list[NDArray[np.float32]]) -> Record:
    """Everything the simulator tells after each action."""
    arrays: Record = []
    for action in actions:
        simulator.step(action)
        arrays += [*simulator.state().values(), *simulator.contacts().values()]
    return arrays + [*simulator.render()]


def same(one: Record, other: Record) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.mark.parametrize(("seed", "cut"), [(6, 3), (6, 17), (12, 10), (12, 17)])
def test_restore_continues_bit_for_bit(simulator: Simulator, seed: int, cut: int) -> None:
    # Bullet's own saveState fails on these four.
    simulator.reset(make_scene("push", seed))
    for step in range(cut):
        simulator.step(chase(simulator, step))
    snapshot = simulator.snapshot()
    before = [*simulator.state().values(), *simulator.contacts().values()]
    actions, continued = [], []
    for step in range(cut, cut + 20):
        actions.append(chase(simulator, step))
        continued += record(simulator, actions[-1:])

    def again(other: Simulator) -> Record:
        return [array for action in actions for array in record(other, [action])]

    simulator.restore(snapshot)
    assert same([*simulator.state().values(), *simulator.contacts().values()], before)
    assert simulator.snapshot() == snapshot
    assert same(again(simulator), continued)
    simulator.reset(make_scene("push", seed + 1))
    simulator.step(REST)
    simulator.restore(snapshot)
    assert same(again(simulator), continued)


def digest(simulator: Simulator, seed: int) -> str:
    actions = np.random.default_rng(seed).uniform(-1, 1, (12, 2)).astype(np.float32)
    simulator.reset(make_scene("push", seed))
    hashed = hashlib.sha256()
    for array in record(simulator, list(actions)):
        hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()


def test_other_process_and_other_history_give_the_same_bits(simulator: Simulator) -> None:
    first = digest(simulator, 3)
    digest(simulator, 4)
    assert digest(simulator, 3) == first
    assert digest(simulator, 5) != first
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_simulator import digest; from worldsim.sim.simulator import Simulator\n"
        "print(digest(Simulator(), 3))"
    )
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == first
    assert done.stderr == ""  # no banner


def test_engine_settings_of_a_former_scene_do_not_survive(simulator: Simulator) -> None:
    first = digest(simulator, 3)
    scene = make_scene("push", 4)
    simulator.reset(
        replace(scene, physics_rate_hz=480, frame_rate_hz=20, gravity_m_s2=(0.0, 0.0, -1.0))
    )
    simulator.step(REST)
    assert digest(simulator, 3) == first


@given(seed=st.integers(0, 2**31), split=st.sampled_from(["id", "combo", "ood"]))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_scene_at_rest_stays_at_rest(simulator: Simulator, seed: int, split: str) -> None:
    scene = make_scene("push", seed, split)  # type: ignore[arg-type]
    simulator.reset(scene)
    start = simulator.state()
    for _ in range(10):
        simulator.step(REST)
    end = simulator.state()
    assert np.abs(end["position_m"] - start["position_m"]).max() < 1e-3
    assert np.abs(end["orientation_xyzw"] - start["orientation_xyzw"]).max() < 1e-3
    assert np.abs(end["velocity_m_s"]).max() < 1e-3


@pytest.mark.parametrize("axis", [0, 1])
def test_opposite_actions_part_the_pusher(simulator: Simulator, axis: int) -> None:
    scene = make_scene("push", 0)
    ends = []
    for sign in (-1.0, 1.0):
        simulator.reset(scene)
        for _ in range(20):
            simulator.step((sign * np.eye(2)[axis]).astype(np.float32))
        ends.append(simulator.state()["position_m"][scene.index("pusher"), axis])
    assert ends[1] - ends[0] > scene.body("pusher").size_m[0]


@given(action=st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32)))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_pusher_takes_the_commanded_velocity(
    simulator: Simulator, action: tuple[float, float]
) -> None:
    scene = alone(make_scene("push", 0))
    simulator.reset(scene)
    pusher, wanted = scene.index("pusher"), np.array(action) * scene.action_spec.scales
    before = simulator.state()["position_m"][pusher]
    for step in range(3):
        simulator.step(np.array(action, np.float32))
        state = simulator.state()
        moved = (state["position_m"][pusher] - before) / scene.dt_s
        before = state["position_m"][pusher]
        assert moved[:2] == pytest.approx(wanted, rel=0.05, abs=1e-3)
        assert state["velocity_m_s"][pusher, :2] == pytest.approx(wanted, rel=0.05, abs=1e-3), step


def alone(scene: Scene) -> Scene:
    """The scene with the pusher in the middle and the others out of its way."""
    places = {"pusher": (0.0, 0.0), "sphere": (-0.2, 0.2), "box": (0.2, 0.2)}
    bodies = tuple(
        replace(body, position_m=(*places.get(body.name, body.position_m[:2]), body.position_m[2]))
        for body in scene.bodies
    )
    return replace(scene, bodies=bodies)


def test_a_sphere_let_go_comes_to_rest(simulator: Simulator) -> None:
    for split in ("id", "ood"):
        scene = alone(make_scene("push", 1, split))
        radius_m = scene.body("sphere").size_m[0]
        rolling = replace(
            scene.body("sphere"),
            position_m=(-0.1, 0.1, radius_m),
            velocity_m_s=(0.35, 0.0, 0.0),
            angular_velocity_rad_s=(0.0, 0.35 / radius_m, 0.0),
        )
        bodies = tuple(rolling if b.name == "sphere" else b for b in scene.bodies)
        simulator.reset(replace(scene, bodies=bodies))
        assert simulator.state()["velocity_m_s"][scene.index("sphere"), 0] == 0.35
        for _ in range(8):
            simulator.step(REST)
        state = simulator.state()
        assert np.linalg.norm(state["velocity_m_s"][scene.index("sphere")]) < 2e-3
        assert 0.02 < state["position_m"][scene.index("sphere"), 0] + 0.1 < 0.1


@pytest.mark.parametrize("split", ["id", "combo", "ood"])
def test_nothing_leaves_jumps_or_climbs(simulator: Simulator, split: str) -> None:
    fastest_m = 1.5 * np.hypot(0.35, 0.35) * 0.1 + 0.03
    for seed in range(20):
        scene = make_scene("push", seed, split)  # type: ignore[arg-type]
        simulator.reset(scene)
        start = before = simulator.state()["position_m"]
        for step in range(50):
            simulator.step(chase(simulator, step))
            state = simulator.state()
            position_m = state["position_m"]
            assert np.abs(position_m[list(scene.moving), :2]).max() < 0.26
            assert np.abs(position_m[:, 2] - start[:, 2]).max() < 0.01
            assert np.linalg.norm(position_m - before, axis=1).max() < fastest_m
            x, y, _, _ = state["orientation_xyzw"][scene.index("box")]
            assert 1.0 - 2.0 * (x * x + y * y) > np.cos(np.radians(15.0))
            assert state["orientation_xyzw"][scene.index("pusher")] == pytest.approx([0, 0, 0, 1])
            before = position_m


@pytest.mark.parametrize(
    "action",
    [[np.nan, 0], [np.inf, 0], [1.5, 0], [0], [0, 0, 0], [[0, 0]], 0.0],
    ids=["nan", "inf", "large", "short", "long", "batch", "scalar"],
)
def test_a_bad_action_moves_nothing(simulator: Simulator, action: object) -> None:
    simulator.reset(make_scene("push", 0))
    simulator.step(np.ones(2, np.float32))
    before = simulator.state()
    with pytest.raises(ValueError):
        simulator.step(np.array(action, np.float32))
    assert all(np.array_equal(before[name], now) for name, now in simulator.state().items())
    assert len(json.loads(simulator.snapshot())["actions"]) == 12


def test_simulators_do_not_leak(simulator: Simulator) -> None:
    scene = make_scene("push", 0)
    clients = set()
    for i in range(50):
        other = Simulator()
        other.reset(scene)
        clients.add(other._client)
        if i % 2:
            other.close()
            other.close()
        del other
    assert len(clients) == 1


def test_resets_keep_the_memory(simulator: Simulator) -> None:
    def resident_mib() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize() / 2**20

    scenes = [make_scene("push", seed) for seed in range(20)]
    for scene in scenes:
        simulator.reset(scene)
    before_mib = resident_mib()
    for _ in range(10):
        for scene in scenes:
            simulator.reset(scene)
    assert resident_mib() - before_mib < 10.0  # 46 where the meshes' lists are not shared


def test_use_before_reset_after_close_and_of_foreign_bytes() -> None:
    simulator = Simulator()
    with pytest.raises(InputError, match="reset"):
        simulator.step(REST)
    simulator.reset(make_scene("push", 0))
    before = simulator.snapshot()
    for foreign in (b"", b"{}", b"\xff\x00", before[:-5], before.replace(b'"actions": "', b"x")):
        with pytest.raises(InputError, match="snapshot"):
            simulator.restore(foreign)
    assert simulator.snapshot() == before
    simulator.close()
    for call in (simulator.state, simulator.render, simulator.contacts, simulator.snapshot):
        with pytest.raises(InputError, match="closed"):
            call()
    with pytest.raises(InputError, match="closed"):
        simulator.reset(make_scene("push", 0))
    Simulator.__new__(Simulator).close()  # as the garbage collector does after a failed copy


def test_without_pybullet_the_error_says_which_python_has_it() -> None:
    program = (
        "import sys; sys.modules['pybullet'] = None\n"
        "from worldsim.errors import InputError; from worldsim.sim.simulator import Simulator\n"
        "try: Simulator()\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "CPython 3.9-3.11 on Linux x86-64" in done.stdout
    assert done.stderr == ""
