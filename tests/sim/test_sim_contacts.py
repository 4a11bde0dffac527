from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from chasing import chase

from worldsim.errors import InputError
from worldsim.sim.contacts import CAPACITY, ContactLog
from worldsim.sim.scenarios import make_scene
from worldsim.sim.simulator import Simulator


def point(a: int, b: int, force_n: float, normal: tuple[float, float, float]) -> tuple[Any, ...]:
    """A contact point as PyBullet gives it, between (0, 0, 1) on a and (0, 0, 3) on b."""
    return (0, a, b, -1, -1, (0.0, 0.0, 1.0), (0.0, 0.0, 3.0), normal, -0.1, force_n)


def test_a_pair_is_summed_turned_and_placed() -> None:
    log = ContactLog({(10, -1): 0, (11, -1): 1, (12, -1): 2})
    log.add([point(11, 10, 1.0, (0.0, 0.0, 1.0)), point(12, 10, 0.0, (1.0, 0.0, 0.0))])
    log.add([point(10, 11, 4.0, (0.0, -1.0, 0.0)), point(11, 12, 7.0, (1.0, 0.0, 0.0))])
    table = log.table(dt_s=0.5)
    assert table["contact_count"] == 2
    assert table["contact_bodies"][:3].tolist() == [[1, 2], [0, 1], [-1, -1]]
    assert table["contact_impulse_n_s"][:3].tolist() == [3.5, 2.5, 0.0]
    assert table["contact_normal"][1].tolist() == [0.0, -1.0, 0.0]
    assert table["contact_point_m"][1].tolist() == [0.0, 0.0, 2.0]
    log.clear()
    log.add([point(11, 10, 1.0, (0.0, 0.0, 1.0))])
    assert log.table(dt_s=1.0)["contact_normal"][0].tolist() == [0.0, 0.0, -1.0]


def test_the_weakest_pairs_go_when_there_are_too_many() -> None:
    log = ContactLog({(body, -1): body for body in range(CAPACITY + 4)})
    log.add([point(0, other, float(other), (0.0, 0.0, 1.0)) for other in range(1, CAPACITY + 4)])
    table = log.table(dt_s=1.0)
    assert table["contact_count"] == CAPACITY
    assert table["contact_bodies"][:, 1].tolist() == list(range(CAPACITY + 3, 3, -1))


def test_the_table_carries_the_weight(simulator: Simulator) -> None:
    scene = make_scene("push", 2)
    simulator.reset(scene)
    assert simulator.contacts()["contact_count"] == 0
    for _ in range(5):
        simulator.step(np.zeros(2, np.float32))
    table = simulator.contacts()
    assert table["contact_count"] == 2
    for pair, impulse, normal in zip(
        table["contact_bodies"][:2],
        table["contact_impulse_n_s"][:2],
        table["contact_normal"][:2],
        strict=True,
    ):
        assert pair[0] == scene.index("table")
        body = scene.bodies[pair[1]]
        assert impulse == pytest.approx(body.mass_kg * 9.81 * scene.dt_s, rel=0.01)
        assert normal == pytest.approx([0.0, 0.0, -1.0], abs=1e-6)  # from the body to the table


def test_pushing_shows_as_contact_between_the_right_bodies(simulator: Simulator) -> None:
    scene = make_scene("push", 2)
    simulator.reset(scene)
    pusher, box = scene.index("pusher"), scene.index("box")
    seen = 0
    for step in range(12):
        before = simulator.state()["position_m"]
        simulator.step(chase(simulator, step))
        table, now = simulator.contacts(), simulator.state()["position_m"]
        rows = np.flatnonzero((table["contact_bodies"] == (pusher, box)).all(-1))
        if not rows.size:
            assert np.abs(now[box] - before[box]).max() < 2e-3
            continue
        seen += 1
        row = rows[0]
        to_pusher = now[pusher, :2] - now[box, :2]
        assert table["contact_normal"][row, :2] @ to_pusher > 0.0
        reach_m = scene.body("pusher").size_m[0] + 0.04
        assert np.linalg.norm(table["contact_point_m"][row, :2] - now[pusher, :2]) < reach_m
    assert seen >= 3


def test_what_feels_nothing_moves_alike_and_says_so() -> None:
    scene = make_scene("collide", 0)
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (20, scene.action_spec.size))
    with Simulator() as feeling, Simulator(felt=False) as numb:
        for simulator in (feeling, numb):
            simulator.reset(scene)
            for action in actions.astype(np.float32):
                simulator.step(action)
        for name, values in feeling.state().items():
            assert np.array_equal(values, numb.state()[name]), name
        with pytest.raises(InputError, match="felt=False"):
            numb.contacts()
