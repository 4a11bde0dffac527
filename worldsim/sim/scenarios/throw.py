"""Throw: a projectile leaves its pedestal, flies and comes down at a bin.

Three action channels, x, y and z. The first action of an episode is the launch velocity, m/s, of
`speed_m_s` at full deflection; every later one is a gust on the projectile, N, of `gust_n`, a tenth
of its weight or so. The task: the projectile in the bin.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.sim.actuators import Launch
from worldsim.sim.scenarios.parts import (
    DARK_GREY,
    ROLLING_M,
    SIDES,
    WORLD,
    gravity,
    ground,
    light,
    paint,
    proportions,
    turned,
    view,
)
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Drawn, Range
from worldsim.sim.scene import Body, Scene, Shape

# The projectile's shape (sphere, box or cylinder) is drawn alike in every split. Its restitution
# and friction are those against everything else here. `distance_m` is that of the bin along x.
TABLE = {
    **WORLD,
    "projectile_radius_m": Range((0.090, 0.110), (0.080, 0.086), (0.114, 0.120)),
    "projectile_mass_kg": Range((0.30, 0.60), (0.18, 0.25), (0.70, 1.00)),
    "projectile_restitution": Range((0.20, 0.50), (0.05, 0.15), (0.55, 0.70)),
    "projectile_friction": Range((0.40, 0.60), (0.20, 0.30), (0.70, 0.90)),
    "pedestal_m": Range((0.16, 0.30), (0.10, 0.13), (0.34, 0.42)),
    "distance_m": Range((1.05, 1.40), (0.90, 1.00), (1.48, 1.60)),
    "bin_edge_m": Range((0.40, 0.46), (0.36, 0.38), (0.50, 0.54)),
    "rim_m": Range((0.150, 0.170), (0.135, 0.145)),
    "speed_m_s": Range((5.0, 5.0), (4.3, 4.7), (5.4, 6.0)),
    "gust_n": Range((0.4, 0.4), (0.2, 0.3), (0.5, 0.7)),
}
RESERVED = (("projectile_mass_kg", "distance_m"), ("pedestal_m", "projectile_restitution"))

WALL_M = 0.025
PEDESTAL_EDGE_M = 0.20
SLACK_M = 0.03
SLOW_M_S = 0.3


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Pedestal and projectile on the left, bin on the right, with room for what flies past it."""
    shift_m, aside_m = float(rng.uniform(-0.18, -0.10)), float(rng.uniform(-0.15, 0.15))
    start_m = (shift_m - 0.5 * drawn["distance_m"], aside_m)
    bin_m = (shift_m + 0.5 * drawn["distance_m"], aside_m + float(rng.uniform(-0.2, 0.2)))
    channels = tuple(ActionChannel(f"launch_{axis}", "m/s", drawn["speed_m_s"]) for axis in "xyz")
    return Scene(
        scenario="throw",
        bodies=(
            ground(edge_m=16.0, chequer_m=0.4),
            *_bin(rng, drawn, bin_m),
            *_pedestal_and_projectile(rng, drawn, start_m),
        ),
        camera=view(drawn, (-0.07, 0.0, 0.47), distance_m=6.0, elevation_rad=0.56, width_m=2.1),
        light=light(drawn),
        actuator=Launch(body="projectile", gust_n=drawn["gust_n"]),
        action_spec=ActionSpec(channels),
        gravity_m_s2=gravity(drawn),
        frame_rate_hz=20,
    )


def task(scene: Scene, moment: Moment) -> Outcome:
    """The projectile belongs in the bin.

    The distance is that of its centre to the bin's, horizontally. Success means that it is inside
    the walls and sunk to half their height at least, failure that it lies on the ground elsewhere.
    """
    index = scene.index("projectile")
    projectile, floor, wall = scene.bodies[index], scene.body("bin"), scene.body("bin_west")
    position_m = moment.position_m[index]
    offset_m = position_m[:2] - moment.position_m[scene.index("bin"), :2]
    inside = bool((np.abs(offset_m) < 0.5 * np.array(floor.size_m[:2])).all())
    sunk = position_m[2] - 0.5 * projectile.height_m < 0.5 * wall.height_m
    tallest_m = max(projectile.diameter_m, projectile.height_m)
    grounded = position_m[2] < 0.5 * tallest_m + SLACK_M
    slow = np.linalg.norm(moment.velocity_m_s[index]) < SLOW_M_S
    return Outcome.of(
        float(np.linalg.norm(offset_m)),
        success=inside and bool(sunk),
        failed=not inside and bool(grounded and slow),
    )


def _pedestal_and_projectile(
    rng: Generator, drawn: Drawn, place_m: tuple[float, float]
) -> tuple[Body, Body]:
    edge_m, top_m = PEDESTAL_EDGE_M, drawn["pedestal_m"]
    pedestal = Body(
        name="pedestal",
        shape="box",
        size_m=(edge_m, edge_m, top_m),
        color_rgb=DARK_GREY,
        position_m=(*place_m, 0.5 * top_m),
        role="static",
        friction=1.0,
        restitution=1.0,
    )
    shape: Shape = ("sphere", "box", "cylinder")[int(rng.integers(3))]
    size_m = proportions(rng, shape, drawn["projectile_radius_m"])
    half_m = size_m[0] if shape == "sphere" else 0.5 * size_m[-1]
    projectile = Body(
        name="projectile",
        shape=shape,
        size_m=size_m,
        color_rgb=paint(rng, "red", drawn),
        position_m=(*place_m, top_m + half_m),
        role="actuated",
        mass_kg=drawn["projectile_mass_kg"],
        friction=drawn["projectile_friction"],
        rolling_friction=ROLLING_M[shape],
        spinning_friction=0.01,
        restitution=drawn["projectile_restitution"],
        linear_damping=0.0,
        angular_damping=0.0,
        orientation_xyzw=turned(rng, 0.0),
    )
    return pedestal, projectile


def _bin(rng: Generator, drawn: Drawn, place_m: tuple[float, float]) -> tuple[Body, ...]:
    """A coloured floor, named bin, and four walls."""
    x_m, y_m = place_m
    edge_m, rim_m = drawn["bin_edge_m"], drawn["rim_m"]
    offset_m, length_m = 0.5 * (edge_m + WALL_M), edge_m + 2.0 * WALL_M
    floor = Body(
        name="bin",
        shape="box",
        size_m=(edge_m, edge_m, 0.002),
        color_rgb=paint(rng, "cyan", drawn),
        position_m=(x_m, y_m, 0.001),
        role="marker",
    )
    walls = (
        Body(
            name=f"bin_{side}",
            shape="box",
            size_m=(WALL_M if x else length_m, WALL_M if y else edge_m, rim_m),
            color_rgb=DARK_GREY,
            position_m=(x_m + x * offset_m, y_m + y * offset_m, 0.5 * rim_m),
            role="static",
            friction=1.0,
            restitution=1.0,
        )
        for side, (x, y) in SIDES.items()
    )
    return (floor, *walls)


THROW = Scenario("throw", build, task, TABLE, subject="projectile", reserved=RESERVED, goal="bin")
