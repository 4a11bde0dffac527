"""Arm: a Franka Panda grasps a block and carries it to a goal.

The action is the velocity of its hand along x, y and z, m/s, and the speed at which its fingers
close, 0.08 m/s at full deflection (below 0 they open, at 0 they hold what they have). The task is
to have the block rest on the goal disc. A can and a brick may stand about.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.random import Generator

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Arm
from worldsim.sim.actuators.panda import (
    BASE,
    FINGERS,
    HAND,
    LINKS,
    STROKE_M,
    joints_for,
    link_poses,
)
from worldsim.sim.scenarios.parts import WORLD, gravity, ground, light, paint, view
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scene import Body, Scene

CLOSING_M_S = 0.08
LOW_M, HIGH_M = (-0.24, -0.18, 0.118), (0.24, 0.18, 0.36)  # where the hand's frame can be
HAND_YAW_RAD = 0.5 * np.pi  # the fingers close along x, across the view
GOAL_M = (0.05, 0.001)  # radius, thickness
RESTING_M, SLOW_M_S = 0.015, 0.10  # how high above its rest a block may be, and how fast

TABLE = {
    **WORLD,
    "block_edge_m": Range((0.050, 0.060), (0.044, 0.048), (0.062, 0.065)),
    "block_mass_kg": Range((0.08, 0.25), (0.03, 0.06), (0.35, 0.50)),
    "block_friction": Range((0.70, 1.00), (0.45, 0.60), (1.20, 1.50)),
    "speed_m_s": Range((0.25, 0.25), (0.16, 0.20), (0.30, 0.35)),
    "others": Choice((0.0, 1.0), (2.0,)),
}
RESERVED = (("block_edge_m", "block_mass_kg"), ("block_friction", "block_mass_kg"))

_BASE = ((-0.15, 0.48, 0.0), (0.0, 0.0, float(np.sin(-0.6)), float(np.cos(-0.6))))
_SHADES = {BASE: 0.62, HAND: 0.30, **dict.fromkeys(FINGERS, 0.20)}
_PLACES_M = (0.21, 0.15)  # largest |x| and |y| of what stands on the ground
_FROM_GOAL_M = (0.15, 0.35)
_ROOM_M = 0.12  # between centres: fingers and hand fit between
_BLOCK_YAW_RAD = 0.15


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Ground, goal, arm, block and the other things. Raises InputError where they do not fit."""
    channels = tuple(ActionChannel(f"velocity_{axis}", "m/s", drawn["speed_m_s"]) for axis in "xyz")
    places_m = _places(rng, drawn.count("others"))
    goal = Body(
        "goal",
        "cylinder",
        GOAL_M,
        paint(rng, "pink", drawn),
        (*places_m[1], 0.5 * GOAL_M[1]),
        role="marker",
    )
    return Scene(
        scenario="arm",
        bodies=(ground(), goal, *_panda(_hand_place(rng)), *_things(rng, drawn, places_m)),
        camera=view(drawn, (0.0, 0.03, 0.14), 1.9, 0.62, 0.63),
        light=light(drawn),
        gravity_m_s2=gravity(drawn),
        actuator=Arm(low_m=LOW_M, high_m=HIGH_M, yaw_rad=HAND_YAW_RAD),
        action_spec=ActionSpec((*channels, ActionChannel("closing", "m/s", CLOSING_M_S))),
    )


def task(scene: Scene, moment: Moment) -> Outcome:
    """The block belongs on the goal disc, at rest on the ground.

    The distance is that of its centre to where it would rest in the disc's middle. Success: within
    the disc, no higher than 0.015 m above its rest, at most at 0.1 m/s. Failure: out of the reach
    of the hand.
    """
    block, goal = scene.index("block"), scene.index("goal")
    offset_m = moment.position_m[block] - moment.position_m[goal]
    offset_m[2] = moment.position_m[block, 2] - 0.5 * scene.bodies[block].height_m
    inside = float(np.linalg.norm(offset_m[:2])) <= scene.bodies[goal].size_m[0]
    slow = float(np.linalg.norm(moment.velocity_m_s[block])) <= SLOW_M_S
    success = inside and slow and abs(float(offset_m[2])) <= RESTING_M
    reach_m = np.array(HIGH_M[:2]) + GOAL_M[0]
    lost = bool(np.any(np.abs(moment.position_m[block, :2]) > reach_m))
    return Outcome.of(float(np.linalg.norm(offset_m)), success, failed=lost)


def _panda(hand_m: tuple[float, float, float]) -> tuple[Body, ...]:
    """The robot's links from the fingers to the base, which does not move.

    The actuator builds them all when the first of them is due; the simulator builds what is static
    before that.
    """
    poses = link_poses(_BASE, joints_for(_BASE, hand_m, HAND_YAW_RAD), STROKE_M)
    bodies = []
    for link in reversed(LINKS):
        shade = _SHADES.get(link.name, 0.86)
        position_m, orientation_xyzw = poses[link.name]
        bodies.append(
            Body(
                link.name,
                "mesh",
                link.size_m,
                (shade, shade, shade),
                position_m,
                role="static" if link.name == BASE else "actuated",
                mass_kg=link.mass_kg,
                friction=1.0,
                linear_damping=0.0,
                angular_damping=0.0,
                orientation_xyzw=orientation_xyzw,
                asset=link.asset,
                asset_yaw_rad=link.asset_yaw_rad,
            )
        )
    return tuple(bodies)


def _things(rng: Generator, drawn: Drawn, places_m: list[tuple[float, float]]) -> tuple[Body, ...]:
    """The block, and as many others as were drawn: a can, a brick."""
    edge_m, count = drawn["block_edge_m"], drawn.count("others")
    block = _thing(rng, drawn, "block", "red", (edge_m,) * 3, places_m[0], drawn["block_mass_kg"])
    can = _thing(rng, drawn, "can", "green", (0.027, 0.06), places_m[-1], 0.15)
    brick = _thing(rng, drawn, "brick", "blue", (0.07, 0.05, 0.05), places_m[-2], 0.2)
    return (block, *(can, brick)[:count])


def _thing(
    rng: Generator,
    drawn: Drawn,
    name: str,
    color: str,
    size_m: tuple[float, ...],
    place_m: tuple[float, float],
    mass_kg: float,
) -> Body:
    half_rad = 0.5 * float(rng.uniform(-_BLOCK_YAW_RAD, _BLOCK_YAW_RAD))
    return Body(
        name,
        "box" if len(size_m) == 3 else "cylinder",
        size_m,
        paint(rng, color, drawn),
        (*place_m, 0.5 * size_m[-1]),
        mass_kg=mass_kg,
        friction=drawn["block_friction"],
        rolling_friction=0.001,  # a can that was knocked over comes to rest
        spinning_friction=0.002,
        linear_damping=0.0,
        angular_damping=0.0,
        orientation_xyzw=(0.0, 0.0, float(np.sin(half_rad)), float(np.cos(half_rad))),
    )


def _hand_place(rng: Generator) -> tuple[float, float, float]:
    """Where the hand starts: high enough, and far enough back, to hide nothing."""
    x_m, y_m, z_m = rng.uniform((-0.16, 0.0, 0.27), (0.16, 0.12, 0.33))
    return float(x_m), float(y_m), float(z_m)


def _places(rng: Generator, others: int) -> list[tuple[float, float]]:
    """Where the block, the goal and the others stand, (x, y)."""
    nearest_m, farthest_m = _FROM_GOAL_M
    for _ in range(1000):
        places_m = rng.uniform(-1.0, 1.0, (2 + others, 2)) * _PLACES_M
        apart_m = [float(np.linalg.norm(a - b)) for a, b in combinations(places_m, 2)]
        if nearest_m < apart_m[0] < farthest_m and min(apart_m) > _ROOM_M:
            return [(float(x_m), float(y_m)) for x_m, y_m in places_m]
    raise InputError(f"no start poses for a block, its goal and {others} more")


ARM = Scenario("arm", build, task, TABLE, subject="block", reserved=RESERVED, goal="goal")
