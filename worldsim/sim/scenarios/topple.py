"""Topple: a velocity-driven pusher beside a row of dominoes, one more domino and a tower.

Channels: the pusher's velocity along x and y (m/s). The task: topple the marked domino and
nothing else. It stands at the head of the row, near enough to start it when it falls that way;
the pusher starts on the other side and has to go round, into the gap.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Planar
from worldsim.sim.camera import Camera
from worldsim.sim.scenarios.parts import WORLD, facing, gravity, ground, light, paint, view
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scene import Body, Scene

# It hovers: one that stood on the ground would push at the foot, and dominoes slide then.
PUSHER_M = (0.032, 0.07)  # radius, height
PUSHER_Z_M = 0.125
REACH_M = 0.46
VIEW_M = 0.84  # that the camera sees, at least
TOWER_REACH_M = 0.34
THICKNESS, WIDTH = 0.17, 0.52  # of a domino, as shares of its height: it tips at 0.168 rad
FALLEN = 0.6  # share of its standing height below which the marked one's centre lies
ASIDE_M = (0.03, 0.015)  # how far another body may have moved, level and in height
RESTING_M_S = 0.15

# Gap and spacing are those between faces: all less than the height, so a fall goes on.
TABLE = {
    **WORLD,
    "domino_height_m": Range((0.170, 0.190), (0.155, 0.163), (0.195, 0.205)),
    "domino_mass_kg": Range((0.10, 0.25), (0.05, 0.08), (0.30, 0.45)),
    "domino_friction": Range((0.45, 0.65), (0.32, 0.40), (0.70, 0.85)),
    "row_count": Choice((3, 4), (5,)),
    "row_spacing_m": Range((0.045, 0.065), (0.032, 0.040), (0.070, 0.080)),
    "gap_m": Range((0.118, 0.132), (0.110, 0.115), (0.135, 0.142)),
    "block_edge_m": Range((0.078, 0.088), (0.070, 0.075), (0.092, 0.100)),
    "overhang": Range((0.0, 0.20), None, (0.24, 0.30)),  # of the upper block, of its edge
    "speed_m_s": Range((0.40, 0.40), (0.26, 0.32), (0.48, 0.56)),
}
RESERVED = (("domino_height_m", "row_spacing_m"), ("domino_mass_kg", "domino_friction"))

_COLORS = ("orange", "yellow", "lime", "green", "cyan", "purple", "pink")
_CLEARANCE_M = 0.03


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Ground, dominoes, tower and pusher. Raises InputError where they do not fit."""
    speed_m_s = drawn["speed_m_s"]
    channels = tuple(ActionChannel(f"velocity_{axis}", "m/s", speed_m_s) for axis in "xy")
    things = _things(rng, drawn)
    return Scene(
        scenario="topple",
        bodies=(ground(), *things),
        camera=_camera(drawn, things),
        light=light(drawn),
        actuator=Planar(body="pusher", force_n=5.0, reach_m=(REACH_M, REACH_M)),
        action_spec=ActionSpec(channels),
        gravity_m_s2=gravity(drawn),
        frame_rate_hz=20,  # a domino falls in 0.4 s
    )


def task(scene: Scene, moment: Moment) -> Outcome:
    """The marked domino lies down; all others stand where they stood and are at rest.

    The distance is what its centre is still above FALLEN of its standing height. It has failed when
    any other free body has moved by more than ASIDE_M. The reward is minus the distance in metres,
    plus 1 on success, minus 1 on failure.
    """
    marked = scene.index("marked_domino")
    others = [i for i, b in enumerate(scene.bodies) if b.role == "free" and i != marked]
    start_m = np.array([scene.bodies[index].position_m for index in others])
    moved_m = moment.position_m[others] - start_m
    level_m, height_m = np.linalg.norm(moved_m[:, :2], axis=1), np.abs(moved_m[:, 2])
    failed = bool((level_m > ASIDE_M[0]).any() or (height_m > ASIDE_M[1]).any())
    resting = bool((np.linalg.norm(moment.velocity_m_s[others], axis=1) < RESTING_M_S).all())
    limit_m = FALLEN * 0.5 * scene.bodies[marked].height_m
    left_m = max(float(moment.position_m[marked, 2]) - limit_m, 0.0)
    return Outcome.of(left_m, success=left_m == 0.0 and resting and not failed, failed=failed)


def _camera(drawn: Drawn, things: tuple[Body, ...]) -> Camera:
    """Aimed at the middle of the things; where they spread far, as wide as they need."""
    places_m = np.array([body.position_m[:2] for body in things])
    middle_m = 0.5 * (places_m.min(axis=0) + places_m.max(axis=0))
    azimuth_rad = drawn["camera_azimuth_rad"]
    across = np.array([np.cos(azimuth_rad), np.sin(azimuth_rad)])
    half_m = float(np.abs((places_m - middle_m) @ across).max())
    target_m = (float(middle_m[0]), float(middle_m[1]), 0.05)
    width_m = max(VIEW_M, 2.0 * half_m + 0.18)
    return view(drawn, target_m, 2.2, float(np.radians(50.0)), width_m)


def _things(rng: Generator, drawn: Drawn) -> tuple[Body, ...]:
    """The marked domino and the row along one line, its middle at the origin; tower and pusher."""
    size_m = domino_size_m(drawn["domino_height_m"])
    count, pitch_m = drawn.count("row_count"), size_m[0] + drawn["row_spacing_m"]
    first_m = size_m[0] + drawn["gap_m"]
    row_m = [first_m + pitch_m * number for number in range(count)]
    free_m = PUSHER_M[0] + float(rng.uniform(0.11, 0.17))  # from the marked one to the pusher
    # Never in line with the view, so that no domino hides the next.
    yaw_rad = float(rng.uniform(-1.0, 1.0) + np.pi * rng.integers(2))
    along = np.array([np.cos(yaw_rad), np.sin(yaw_rad)])
    head_m = -0.5 * (row_m[-1] - free_m) * along
    colors = [str(color) for color in rng.permutation(_COLORS)]

    def domino(name: str, at_m: NDArray[np.float64], color: str) -> Body:
        return _block(name, size_m, at_m, yaw_rad, paint(rng, color, drawn), drawn)

    marked = domino("marked_domino", head_m, "red")
    row = [
        domino(f"domino_{number}", head_m + x_m * along, colors.pop())
        for number, x_m in enumerate(row_m, start=1)
    ]
    side = np.array([-along[1], along[0]])
    start_m = head_m - free_m * along + float(rng.uniform(-0.08, 0.08)) * side
    pusher = Body(
        name="pusher",
        shape="cylinder",
        size_m=PUSHER_M,
        color_rgb=paint(rng, "blue", drawn),
        position_m=(float(start_m[0]), float(start_m[1]), PUSHER_Z_M),
        role="actuated",
        mass_kg=0.12,
        friction=0.2,
    )
    tower = _tower(rng, drawn, [marked, *row, pusher], (colors.pop(), colors.pop()))
    return pusher, marked, *row, *tower


def domino_size_m(height_m: float) -> tuple[float, float, float]:
    return THICKNESS * height_m, WIDTH * height_m, height_m


def _tower(
    rng: Generator, drawn: Drawn, others: list[Body], colors: tuple[str, str]
) -> tuple[Body, Body]:
    """Two blocks, the upper one not quite on the lower; clear of the others and of the fall."""
    pusher, marked = others[-1], others[0]
    edge_m, yaw_rad = drawn["block_edge_m"], float(rng.uniform(-np.pi, np.pi))
    size_m = (edge_m, edge_m, 1.1 * edge_m)
    over_m = drawn["overhang"] * edge_m * np.array([np.cos(yaw_rad), np.sin(yaw_rad)])
    radius_m = 0.5 * float(np.hypot(edge_m, edge_m))
    away = np.subtract(pusher.position_m, marked.position_m)[:2]
    lying_m = [np.array(marked.position_m[:2]) + share * away for share in (0.0, 0.5, 1.0, 1.5)]
    kept_m = [np.array(body.position_m[:2]) for body in others[1:]] + lying_m
    for _ in range(1000):
        at_m = rng.uniform(-TOWER_REACH_M, TOWER_REACH_M, 2)
        nearest_m = min(float(np.linalg.norm(at_m - other_m)) for other_m in kept_m)
        if nearest_m > radius_m + 0.5 * marked.size_m[1] + 2.0 * PUSHER_M[0] + _CLEARANCE_M:
            paints = [paint(rng, color, drawn) for color in colors]
            lower = _block("lower_block", size_m, at_m, yaw_rad, paints[0], drawn)
            upper = _block("upper_block", size_m, at_m + over_m, yaw_rad, paints[1], drawn, 1)
            return lower, upper
    raise InputError(f"no place for a tower of {edge_m:.3f} m")


def _block(
    name: str,
    size_m: tuple[float, float, float],
    at_m: NDArray[np.float64],
    yaw_rad: float,
    color_rgb: tuple[float, float, float],
    drawn: Drawn,
    floor: int = 0,
) -> Body:
    return Body(
        name=name,
        shape="box",
        size_m=size_m,
        color_rgb=color_rgb,
        position_m=(float(at_m[0]), float(at_m[1]), (0.5 + floor) * size_m[2]),
        mass_kg=drawn["domino_mass_kg"],
        friction=drawn["domino_friction"],
        orientation_xyzw=facing(yaw_rad),
        linear_damping=0.0,
        angular_damping=0.0,
    )


TOPPLE = Scenario("topple", build, task, TABLE, subject="marked_domino", reserved=RESERVED)
