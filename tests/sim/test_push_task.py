"""The task function: what reward and success mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldsim.errors import InputError
from worldsim.sim.scenarios import Moment, Outcome, find_scenario, make_scene

SCENE = make_scene("push", 0)
START_M = np.array([body.position_m for body in SCENE.bodies])
BOX, GOAL = SCENE.index("box"), SCENE.index("goal")
RADIUS_M = SCENE.bodies[GOAL].size_m[0]


def push(position_m: np.ndarray) -> Outcome:
    turns = np.array([body.orientation_xyzw for body in SCENE.bodies])
    return find_scenario("push").task(SCENE, Moment(position_m, turns, np.zeros_like(position_m)))


def box_at(x_m: float, y_m: float, z_m: float = 0.03) -> np.ndarray:
    """Positions with the box this far from the goal."""
    position_m = START_M.copy()
    position_m[BOX] = START_M[GOAL] + (x_m, y_m, z_m)
    return position_m


@given(st.floats(0.0, 0.5), st.floats(-np.pi, np.pi), st.floats(-1.0, 1.0))
def test_reward_is_minus_horizontal_distance_plus_success(
    distance_m: float, angle_rad: float, z_m: float
) -> None:
    outcome = push(box_at(distance_m * np.cos(angle_rad), distance_m * np.sin(angle_rad), z_m))
    assert outcome.distance_m == pytest.approx(distance_m, abs=1e-9)
    assert outcome.reward == pytest.approx(outcome.success - distance_m, abs=1e-9)
    if abs(distance_m - RADIUS_M) > 1e-9:
        assert outcome.success == (distance_m < RADIUS_M)


def test_only_the_box_counts() -> None:
    position_m = box_at(0.2, 0.0)
    position_m[SCENE.index("sphere")] = position_m[GOAL]
    assert not push(position_m).success


def test_plain_python_values() -> None:
    outcome = push(box_at(0.0, 0.0))
    assert type(outcome.reward) is float and type(outcome.success) is bool
    assert type(outcome.distance_m) is float


def test_unknown_scenario_names_the_near_one() -> None:
    with pytest.raises(InputError, match="push"):
        find_scenario("Pusch")
    with pytest.raises(InputError, match="no_such_module"):
        find_scenario("no_such_module:push")
