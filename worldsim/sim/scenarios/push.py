"""Push: a velocity-driven pusher moves a box onto a goal, with a sphere in the way."""

from __future__ import annotations

from colorsys import hsv_to_rgb

import numpy as np
from numpy.random import Generator

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Planar
from worldsim.sim.camera import Camera
from worldsim.sim.scenarios.parts import SIDES, facing
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Drawn, Range
from worldsim.sim.scene import Body, Light, Scene

SPEED_M_S = 0.35
ARENA_M = 0.26  # from the centre to the inner face of a wall
WALL_M = (0.024, 0.055)  # thickness, height: above a sphere's centre, or it climbs when pressed
PUSHER_M = (0.04, 0.08)  # radius, height
GOAL_M = (0.06, 0.001)  # radius, thickness

# A box's other edge is 85-100 % of its longer one, its height 0.06-0.07 m: low enough that pushing
# at any height does not tip it.
TABLE = {
    "sphere_radius_m": Range((0.038, 0.048), (0.032, 0.036), (0.050, 0.053)),
    "sphere_mass_kg": Range((0.10, 0.40), (0.05, 0.08), (0.50, 0.80)),
    "sphere_friction": Range((0.40, 0.60), (0.20, 0.30), (0.70, 0.90)),
    "box_edge_m": Range((0.076, 0.100), (0.064, 0.072), (0.104, 0.116)),
    "box_mass_kg": Range((0.10, 0.40), (0.05, 0.08), (0.50, 0.80)),
    "box_friction": Range((0.35, 0.50), (0.20, 0.28), (0.55, 0.65)),
}
RESERVED = (("box_edge_m", "sphere_radius_m"), ("box_mass_kg", "sphere_mass_kg"))

# Where centres may start, as the largest |x| and |y|: the pusher fits behind a box and a goal.
_START_M = {"box": 0.12, "goal": 0.13, "sphere": 0.19, "pusher": 0.19}
_CLEARANCE_M = 0.015


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Table, walls, goal, pusher, sphere and box. Raises InputError where they do not fit."""
    reach_m = ARENA_M - PUSHER_M[0] - 0.005
    channels = tuple(ActionChannel(f"velocity_{axis}", "m/s", SPEED_M_S) for axis in "xy")
    return Scene(
        scenario="push",
        bodies=(*_arena(), *_things(rng, drawn)),
        camera=_camera(),
        light=Light(),
        actuator=Planar(force_n=5.0, reach_m=(reach_m, reach_m)),
        action_spec=ActionSpec(channels),
    )


def task(scene: Scene, moment: Moment) -> Outcome:
    """The box belongs on the goal disc.

    The distance is that of the box's centre to the goal's, horizontally; success means that it is
    at most the disc's radius. The reward is minus the distance in metres, plus 1 inside.
    """
    box, goal = scene.index("box"), scene.index("goal")
    offset_m = moment.position_m[box, :2] - moment.position_m[goal, :2]
    distance_m = float(np.linalg.norm(offset_m))
    return Outcome.of(distance_m, success=distance_m <= scene.bodies[goal].size_m[0])


def _things(rng: Generator, drawn: Drawn) -> tuple[Body, ...]:
    """Goal, pusher, sphere and box, in the colours, sizes and places of a seed."""
    height_m = float(rng.uniform(0.060, 0.070))
    edge_m, radius_m = drawn["box_edge_m"], drawn["sphere_radius_m"]
    other_edge_m = edge_m * float(rng.uniform(0.85, 1.0))
    yaw_rad = float(rng.uniform(-np.pi, np.pi))
    sphere_hue, box_hue = rng.uniform(0.0, 0.075), rng.uniform(0.34, 0.49)
    at = _place(rng, 0.5 * float(np.hypot(edge_m, other_edge_m)), radius_m)
    goal = Body(
        name="goal",
        shape="cylinder",
        size_m=GOAL_M,
        color_rgb=hsv_to_rgb(0.88, 0.35, 0.95),
        position_m=(*at["goal"], 0.5 * GOAL_M[1]),
        role="marker",
    )
    pusher = Body(
        name="pusher",
        shape="cylinder",
        size_m=PUSHER_M,
        color_rgb=hsv_to_rgb(0.62, 0.85, 0.95),
        position_m=(*at["pusher"], 0.5 * PUSHER_M[1] + 0.002),
        role="actuated",
        mass_kg=0.12,
        friction=0.2,
    )
    sphere = Body(
        name="sphere",
        shape="sphere",
        size_m=(radius_m,),
        color_rgb=hsv_to_rgb(sphere_hue, 0.90, 0.95),
        position_m=(*at["sphere"], radius_m),
        mass_kg=drawn["sphere_mass_kg"],
        friction=drawn["sphere_friction"],
        rolling_friction=0.002,
        spinning_friction=0.002,
        linear_damping=2.0,
        angular_damping=2.0,
    )
    box = Body(
        name="box",
        shape="box",
        size_m=(edge_m, other_edge_m, height_m),
        color_rgb=hsv_to_rgb(box_hue, 0.85, 0.80),
        position_m=(*at["box"], 0.5 * height_m),
        mass_kg=drawn["box_mass_kg"],
        friction=drawn["box_friction"],
        orientation_xyzw=facing(yaw_rad),
    )
    return goal, pusher, sphere, box


def _camera() -> Camera:
    tilt_rad, distance_m = np.radians(27.0), 2.0
    target_m = (0.0, -0.005, 0.01)
    return Camera(
        position_m=(
            0.0,
            -distance_m * float(np.sin(tilt_rad)),
            distance_m * float(np.cos(tilt_rad)),
        ),
        target_m=target_m,
        fov_y_rad=0.293,
        near_m=1.0,
        far_m=3.0,
    )


def _arena() -> tuple[Body, ...]:
    thickness_m, height_m = WALL_M
    offset_m, length_m = ARENA_M + 0.5 * thickness_m, 2.0 * (ARENA_M + thickness_m)
    walls = (
        Body(
            f"wall_{side}",
            "box",
            (thickness_m if x else length_m, thickness_m if y else length_m, height_m),
            (0.42, 0.42, 0.43),
            (x * offset_m, y * offset_m, 0.5 * height_m),
            role="static",
            friction=0.2,
        )
        for side, (x, y) in SIDES.items()
    )
    table = Body(
        "table",
        "box",
        (2.0, 2.0, 0.1),
        (0.72, 0.72, 0.71),
        (0.0, 0.0, -0.05),
        role="static",
        friction=1.0,
        chequer_m=0.1,
    )
    return (table, *walls)


def _place(
    rng: Generator, box_radius_m: float, sphere_radius_m: float
) -> dict[str, tuple[float, float]]:
    """Start positions (x, y): nothing overlaps, the box is off the goal and the goal in view."""
    pusher_m, goal_m = PUSHER_M[0], GOAL_M[0]
    gaps_m = {
        ("box", "sphere"): box_radius_m + sphere_radius_m + _CLEARANCE_M,
        ("box", "pusher"): box_radius_m + pusher_m + _CLEARANCE_M,
        ("sphere", "pusher"): sphere_radius_m + pusher_m + _CLEARANCE_M,
        ("box", "goal"): 0.125,
        ("sphere", "goal"): goal_m + 0.02,
        ("pusher", "goal"): goal_m,
    }
    for _ in range(1000):
        at = {name: rng.uniform(-limit_m, limit_m, 2) for name, limit_m in _START_M.items()}
        if all(np.linalg.norm(at[a] - at[b]) > gap_m for (a, b), gap_m in gaps_m.items()):
            return {name: (float(x), float(y)) for name, (x, y) in at.items()}
    raise InputError(f"no start poses for a box of {2 * box_radius_m:.3f} m across")


PUSH = Scenario("push", build, task, TABLE, subject="box", reserved=RESERVED, goal="goal")
