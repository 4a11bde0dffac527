"""Ramp: bodies slide and roll on a plank that tilts about its middle.

One channel: the plank's rate of tilt, rad/s; a positive one lowers its end at +x, to the right. The
task is to keep the load within the coloured band.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.random import Generator

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Tilt
from worldsim.sim.scenarios.parts import DARK_GREY, WORLD, gravity, ground, light, paint, view
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scene import Body, Scene

PLANK_M = (1.40, 0.52, 0.04)
HEIGHT_M = 0.40  # of the plank's middle
STOP_M = (0.04, 0.52, 0.10)
LANE_M = 0.13  # from the middle: the load's lane is in front, that of the others behind
REACH_RAD = 0.42
SLOW_M_S = 0.1
FALLEN_M = 0.17  # no centre is as low on the plank, or as high on the ground
HUES = {"load": "red", "neighbour": "blue", "bystander": "purple"}
TOP_M = HEIGHT_M + 0.5 * PLANK_M[2]

# A slab is a low box and a post a tall one. There are no cylinders: PyBullet's creep by 2 to 12 mm
# in a second at rest on a face, and roll up to 10 % too fast or too slow. Its boxes chatter at rest
# from a restitution of 0.3 on, and under a gravity above 12 m/s2 even from 0.15 on.
RATIOS = {"box": (2.0, 1.8, 1.4), "slab": (2.2, 2.0, 0.8), "post": (1.3, 1.3, 2.4)}  # to the radius
SHAPES = Choice(("sphere", "box"), ("slab", "post"))
TABLE = {
    **WORLD,
    "shape": SHAPES,
    "radius_m": Range((0.085, 0.105), (0.072, 0.080), (0.110, 0.120)),
    "mass_kg": Range((0.3, 1.0), (0.1, 0.2), (1.3, 2.0)),
    "friction": Range((0.20, 0.30), (0.10, 0.15), (0.33, 0.37)),
    "restitution": Range((0.05, 0.20), (0.0, 0.02)),
    "other_shape": SHAPES,
    "other_radius_m": Range((0.085, 0.105), (0.072, 0.080), (0.110, 0.120)),
    "band_m": Range((0.22, 0.28), (0.18, 0.20), (0.30, 0.32)),
    "rate_rad_s": Range((0.6, 0.6), (0.4, 0.5), (0.7, 0.9)),
    "bodies": Choice((1.0, 2.0), (3.0,)),
}
RESERVED = (("shape", "radius_m"), ("mass_kg", "friction"), ("other_radius_m", "band_m"))


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Ground, stand, plank with band and stops, the load, and the others behind it."""
    names = ("load", "neighbour", "bystander")[: drawn.count("bodies")]
    band_m, *starts_m = _places(rng, drawn, len(names))
    riders = [_rider(rng, drawn, name, x_m) for name, x_m in zip(names, starts_m, strict=True)]
    return Scene(
        scenario="ramp",
        bodies=(ground(edge_m=20.0, chequer_m=0.25), *_plank(rng, drawn, band_m), *riders),
        camera=view(drawn, (0.0, 0.0, 0.38), 12.0, 0.55, 1.58),
        light=light(drawn),
        actuator=Tilt("plank", (0.0, 0.0, HEIGHT_M), torque_n_m=4000.0, reach_rad=REACH_RAD),
        action_spec=ActionSpec((ActionChannel("tilt_rate", "rad/s", drawn["rate_rad_s"]),)),
        gravity_m_s2=gravity(drawn),
        frame_rate_hz=20,
    )


def task(scene: Scene, moment: Moment) -> Outcome:
    """The load belongs on the band, at rest on it.

    The distance is that of the load's centre from the band's middle along the plank, at whatever
    tilt; it is exact while the load stands as it did at the start. Success means that it is at most
    half the band's width, and the load's velocity that of the band within 0.1 m/s. A load that has
    fallen off the plank has failed.
    """
    load, band = scene.index("load"), scene.index("band")
    at_m, velocity_m_s = moment.position_m, moment.velocity_m_s
    height_m = scene.bodies[load].position_m[2] - scene.bodies[band].position_m[2]
    apart_m = float(np.linalg.norm((at_m[load] - at_m[band])[[0, 2]]))
    distance_m = float(np.sqrt(max(apart_m**2 - height_m**2, 0.0)))
    speed_m_s = float(np.linalg.norm(velocity_m_s[load] - velocity_m_s[band]))
    inside = distance_m <= 0.5 * scene.bodies[band].size_m[0]
    fallen = bool(at_m[load, 2] < FALLEN_M)
    return Outcome.of(distance_m, inside and speed_m_s < SLOW_M_S and not fallen, fallen)


def _places(rng: Generator, drawn: Drawn, count: int) -> list[float]:
    """Where band and riders start along the plank.

    The load is well off the band, all are off the stops, and the others are neither in each other's
    way nor behind the load.
    """
    off_band_m = 0.5 * drawn["band_m"] + drawn["radius_m"] + 0.10
    aside_m = drawn["radius_m"] + drawn["other_radius_m"] + 0.02
    apart_m = 2.3 * drawn["other_radius_m"]
    for _ in range(1000):
        band_m = float(rng.uniform(-0.30, 0.30))
        load_m, *others_m = (float(x_m) for x_m in rng.uniform(-0.48, 0.48, count))
        if (
            abs(band_m - load_m) > off_band_m
            and all(abs(x_m - load_m) > aside_m for x_m in others_m)
            and all(b - a > apart_m for a, b in pairwise(sorted(others_m)))
        ):
            return [band_m, load_m, *others_m]
    raise InputError(f"no start for {count} riders beside a band of {drawn['band_m']:.2f} m")


def _rider(rng: Generator, drawn: Drawn, name: str, x_m: float) -> Body:
    """A body on the plank.

    Its friction and restitution are those against plank and stops, whose values are 1: PyBullet
    multiplies the two bodies'.
    """
    kind = "" if name == "load" else "other_"
    word, radius_m = drawn.word(f"{kind}shape"), drawn[f"{kind}radius_m"]
    edges_m = tuple(ratio * radius_m for ratio in RATIOS.get(word, ()))
    height_m = 0.5 * edges_m[2] if edges_m else radius_m
    return Body(
        name=name,
        shape="box" if edges_m else "sphere",
        size_m=edges_m or (radius_m,),
        color_rgb=paint(rng, HUES[name], drawn),
        position_m=(x_m, -LANE_M if name == "load" else LANE_M, TOP_M + height_m),
        mass_kg=drawn["mass_kg"],
        friction=drawn["friction"],
        restitution=drawn["restitution"],
        linear_damping=0.0,
        angular_damping=0.0,
    )


def _plank(rng: Generator, drawn: Drawn, band_m: float) -> tuple[Body, ...]:
    """The stand below, the plank, the band on it and a stop at either end."""
    stand_m = HEIGHT_M - 0.5 * PLANK_M[2] - 0.03
    stand = Body(
        name="stand",
        shape="box",
        size_m=(0.10, 0.30, stand_m),
        color_rgb=DARK_GREY,
        position_m=(0.0, 0.0, 0.5 * stand_m),
        role="static",
    )
    plank = Body(
        name="plank",
        shape="box",
        size_m=PLANK_M,
        color_rgb=(0.95, 0.94, 0.90),
        position_m=(0.0, 0.0, HEIGHT_M),
        role="actuated",
        mass_kg=20.0,
        friction=1.0,
        restitution=1.0,
        linear_damping=0.0,
        angular_damping=0.0,
    )
    band = Body(
        name="band",
        shape="box",
        size_m=(drawn["band_m"], PLANK_M[1], 0.001),
        color_rgb=paint(rng, "green", drawn),
        position_m=(band_m, 0.0, TOP_M + 0.0005),
        role="marker",
        attached_to="plank",
    )
    stops = (
        Body(
            name=name,
            shape="box",
            size_m=STOP_M,
            color_rgb=DARK_GREY,
            position_m=(side * 0.5 * (PLANK_M[0] - STOP_M[0]), 0.0, TOP_M + 0.5 * STOP_M[2]),
            role="actuated",
            mass_kg=0.2,
            friction=1.0,
            restitution=1.0,
            attached_to="plank",
        )
        for name, side in (("left_stop", -1.0), ("right_stop", 1.0))
    )
    return stand, plank, band, *stops


RAMP = Scenario("ramp", build, task, TABLE, subject="load", reserved=RESERVED, goal="band")
