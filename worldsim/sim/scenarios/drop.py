"""Drop: a parcel and one to three other bodies fall, bounce and land on each other.

Two action channels: a gust on the parcel along x and y, N; a full deflection is `force_n` of the
table. It blows in the air as on the ground, where friction holds against about half of it.
The task: the parcel lies still on the pad.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Force
from worldsim.sim.camera import Camera
from worldsim.sim.scenarios.parts import (
    ROLLING_M,
    WORLD,
    Color,
    gravity,
    ground,
    light,
    paint,
    proportions,
    turned,
    view,
)
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scene import Body, Scene, Shape

# Heights are those of a body's centre at the start. The parcel's shape (sphere, box or cylinder) is
# drawn alike in every split. Restitution and friction are those against the ground.
TABLE = {
    **WORLD,
    "parcel_radius_m": Range((0.095, 0.115), (0.085, 0.091), (0.120, 0.130)),
    "parcel_mass_kg": Range((0.50, 0.80), (0.35, 0.45), (0.90, 1.10)),
    "parcel_friction": Range((0.20, 0.30), (0.12, 0.17), (0.33, 0.40)),
    "parcel_restitution": Range((0.30, 0.55), (0.10, 0.25), (0.60, 0.70)),
    "height_m": Range((1.00, 1.35), (0.80, 0.95), (1.38, 1.45)),
    "others": Choice((1, 2), (3,)),
    "other_radius_m": Range((0.095, 0.115), (0.085, 0.091), (0.120, 0.130)),
    "other_mass_kg": Range((0.30, 0.90), (0.15, 0.25), (1.00, 1.50)),
    "other_restitution": Range((0.30, 0.60), (0.10, 0.25), (0.65, 0.75)),
    "tilt_rad": Range((0.0, 0.30), above=(0.40, 0.80)),
    "pad_radius_m": Range((0.150, 0.180), (0.130, 0.145), (0.190, 0.210)),
    "force_n": Range((3.5, 3.5), (2.5, 3.1), (4.0, 5.0)),
}
RESERVED = (("parcel_mass_kg", "parcel_restitution"), ("height_m", "other_mass_kg"))

SLOW_M_S = 0.2
SLACK_M = 0.04  # above the height that the parcel has at rest

OTHERS: dict[str, tuple[Shape, str]] = {
    "ball": ("sphere", "yellow"),
    "brick": ("box", "blue"),
    "can": ("cylinder", "green"),
}
Place = tuple[float, float, float]

_PAD_M = (0.35, 0.60)  # from the parcel to the pad, horizontally
_SIDE_M = (0.72, 0.42)  # largest |x| and |y| of a centre at the start
_HEIGHTS = (0.65, 1.05)  # of another body, as shares of the parcel's
_STACKED = 0.5  # how often another body is tried above or below one that is there
_CLEARANCE_M = 0.12  # between another body and the pad, seen from above


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Pad, parcel and the others in the air. Raises InputError where they do not fit."""
    camera = view(drawn, (0.0, 0.0, 0.72), distance_m=6.0, elevation_rad=0.45, width_m=2.0)
    pad, parcel = _pad_and_parcel(rng, drawn)
    names = rng.permutation(list(OTHERS))[: drawn.count("others")]
    bodies = [ground(edge_m=16.0, chequer_m=0.4), pad, parcel]
    for name in sorted(str(name) for name in names):
        bodies.append(_other(rng, drawn, name, bodies[1:], camera))
    channels = tuple(ActionChannel(f"gust_{axis}", "N", drawn["force_n"]) for axis in "xy")
    return Scene(
        scenario="drop",
        bodies=tuple(bodies),
        camera=camera,
        light=light(drawn),
        actuator=Force(body="parcel"),
        action_spec=ActionSpec(channels),
        gravity_m_s2=gravity(drawn),
        frame_rate_hz=20,
    )


def task(scene: Scene, moment: Moment) -> Outcome:
    """The parcel belongs on the pad.

    The distance is that of its centre to the pad's, horizontally. Success means that this is at
    most the pad's radius, that the parcel is no higher than it lies on the ground (4 cm of slack)
    and slower than 0.2 m/s.
    """
    pad, parcel = scene.index("pad"), scene.index("parcel")
    offset_m = moment.position_m[parcel] - moment.position_m[pad]
    distance_m = float(np.linalg.norm(offset_m[:2]))
    body = scene.bodies[parcel]
    low = moment.position_m[parcel, 2] <= 0.5 * max(body.diameter_m, body.height_m) + SLACK_M
    slow = np.linalg.norm(moment.velocity_m_s[parcel]) < SLOW_M_S
    on_pad = distance_m <= scene.bodies[pad].size_m[0]
    return Outcome.of(distance_m, success=bool(on_pad and low and slow))


def _pad_and_parcel(rng: Generator, drawn: Drawn) -> tuple[Body, Body]:
    side_m = np.array(_SIDE_M)
    for _ in range(1000):
        parcel_m = rng.uniform(-0.5 * side_m, 0.5 * side_m)
        distance_m, angle_rad = rng.uniform(*_PAD_M), rng.uniform(-np.pi, np.pi)
        pad_m = parcel_m + distance_m * np.array([np.cos(angle_rad), np.sin(angle_rad)])
        if (np.abs(pad_m) < side_m).all():
            break
    else:
        raise InputError("no place for the pad")
    pad = Body(
        name="pad",
        shape="cylinder",
        size_m=(drawn["pad_radius_m"], 0.001),
        color_rgb=paint(rng, "pink", drawn),
        position_m=(float(pad_m[0]), float(pad_m[1]), 0.001),
        role="marker",
    )
    shape: Shape = ("sphere", "box", "cylinder")[int(rng.integers(3))]
    place_m = (float(parcel_m[0]), float(parcel_m[1]), drawn["height_m"])
    parcel = _aloft(rng, drawn, "parcel", shape, paint(rng, "red", drawn), place_m)
    return pad, replace(
        parcel,
        role="actuated",
        mass_kg=drawn["parcel_mass_kg"],
        friction=drawn["parcel_friction"],
    )


def _other(rng: Generator, drawn: Drawn, name: str, placed: list[Body], camera: Camera) -> Body:
    """A body away from the pad, often above or below another one, hidden by none."""
    shape, color = OTHERS[name]
    radius_m = drawn["other_radius_m"]
    pad, *aloft = placed
    side_m = np.array(_SIDE_M)
    for _ in range(1000):
        spot_m = rng.uniform(-side_m, side_m)
        if rng.uniform() < _STACKED:
            near = aloft[int(rng.integers(len(aloft)))]
            spot_m = np.array(near.position_m[:2]) + rng.uniform(-radius_m, radius_m, 2)
        z_m = drawn["height_m"] * float(rng.uniform(*_HEIGHTS))
        place_m = (float(spot_m[0]), float(spot_m[1]), z_m)
        gap_m = float(np.linalg.norm(spot_m - pad.position_m[:2]))
        if gap_m > pad.size_m[0] + radius_m + _CLEARANCE_M and all(
            _apart(camera, place_m, body, radius_m) for body in aloft
        ):
            break
    else:
        raise InputError(f"no start pose for a {name} of radius {radius_m:.3f} m")
    other = _aloft(rng, drawn, name, shape, paint(rng, color, drawn), place_m)
    return replace(other, mass_kg=drawn["other_mass_kg"] * float(rng.uniform(0.8, 1.0)))


def _aloft(
    rng: Generator, drawn: Drawn, name: str, shape: Shape, color_rgb: Color, place_m: Place
) -> Body:
    kind = "parcel" if name == "parcel" else "other"
    return Body(
        name,
        shape,
        proportions(rng, shape, drawn[f"{kind}_radius_m"]),
        color_rgb,
        place_m,
        friction=0.4,
        rolling_friction=ROLLING_M[shape],
        spinning_friction=0.01,
        restitution=drawn[f"{kind}_restitution"],
        linear_damping=0.0,
        angular_damping=0.0,
        orientation_xyzw=turned(rng, drawn["tilt_rad"]),
    )


def _apart(camera: Camera, place_m: Place, body: Body, radius_m: float) -> bool:
    """True where a body of that radius touches the other one neither in space nor in the picture.

    Seen, their corners may overlap.
    """
    reach_m = radius_m + 0.5 * max(body.diameter_m, body.height_m)
    offset_m = np.subtract(place_m, body.position_m)
    seen_m = camera.world_from_camera[:3, :2].T @ offset_m
    touching = np.linalg.norm(offset_m) < 1.75 * reach_m  # as two boxes' corners may
    return not touching and bool(np.linalg.norm(seen_m) > 0.85 * reach_m)


DROP = Scenario("drop", build, task, TABLE, subject="parcel", reserved=RESERVED, goal="pad")
