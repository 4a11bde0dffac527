"""Collide: balls on a table with cushions; forces on the cue ball along x and y.

A full deflection is `force_n` newtons along that axis of the world during the frame. The task is to
knock the target into the zone. A ball's mass follows from its size: they all have one density.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Force
from worldsim.sim.camera import Camera
from worldsim.sim.scenarios.parts import (
    DARK_GREY,
    SIDES,
    WORLD,
    gravity,
    ground,
    light,
    paint,
    view,
)
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scene import Body, Scene

TABLE_M = (0.47, 0.51)  # from the centre to the inner face of a cushion, along x and y
CUSHION_M = (0.045, 0.10)  # thickness, height: above every ball's centre

# A ball's friction is that against the table, its restitution that against a cushion; where two
# balls meet, the products count. The table itself gives nothing back: balls roll, they do not hop.
TABLE = {
    **WORLD,
    "cue_radius_m": Range((0.058, 0.067), (0.053, 0.056), (0.070, 0.074)),
    "target_radius_m": Range((0.058, 0.067), (0.053, 0.056), (0.070, 0.074)),
    "density_kg_m3": Range((190.0, 240.0), (130.0, 160.0), (280.0, 340.0)),
    "restitution": Range((0.60, 0.85), (0.30, 0.45), (0.90, 0.95)),
    "friction": Range((0.15, 0.25), (0.06, 0.10), (0.35, 0.50)),
    "zone_radius_m": Range((0.095, 0.110), (0.080, 0.088), (0.118, 0.125)),
    "other_balls": Choice((0, 1), (2,)),
    "force_n": Range((0.8, 0.8), (0.55, 0.65), (1.0, 1.2)),
}
RESERVED = (("cue_radius_m", "target_radius_m"), ("restitution", "friction"))

_OTHERS = (("ball", "green"), ("marble", "yellow"))
_ROLLING_M = 0.002  # rolling friction: a rolling ball slows down by 5/7 of this over its radius, g
_GAP_M = 0.03
_TRAVEL_M = (0.24, 0.55)  # of the target to the zone

Place = NDArray[np.float64]


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Table, cushions, zone and balls at rest. Raises InputError where they do not fit."""
    radii_m = {"cue": drawn["cue_radius_m"], "target": drawn["target_radius_m"]}
    low_m, high_m = sorted(radii_m.values())
    others = _OTHERS[: drawn.count("other_balls")]
    radii_m |= {name: float(rng.uniform(low_m, high_m)) for name, _ in others}
    at = _places(rng, radii_m, drawn["zone_radius_m"])
    zone = Body(
        name="zone",
        shape="cylinder",
        size_m=(drawn["zone_radius_m"], 0.0015),
        color_rgb=paint(rng, "pink", drawn),
        position_m=(*_pair(at["zone"]), 0.00075),
        role="marker",
    )
    colors = {"cue": "blue", "target": "red", **dict(others)}
    balls = tuple(
        Body(
            name=name,
            shape="sphere",
            size_m=(radius_m,),
            color_rgb=paint(rng, colors[name], drawn),
            position_m=(*_pair(at[name]), radius_m),
            role="actuated" if name == "cue" else "free",
            mass_kg=drawn["density_kg_m3"] * 4.0 / 3.0 * np.pi * radius_m**3,
            friction=drawn["friction"],
            rolling_friction=_ROLLING_M,
            spinning_friction=_ROLLING_M,
            restitution=drawn["restitution"],
            linear_damping=0.0,
            angular_damping=0.0,
        )
        for name, radius_m in radii_m.items()
    )
    channels = tuple(ActionChannel(f"force_{axis}", "N", drawn["force_n"]) for axis in "xy")
    return Scene(
        scenario="collide",
        bodies=(ground(restitution=0.0, chequer_m=0.15), *_cushions(), zone, *balls),
        camera=_camera(drawn),
        light=light(drawn),
        actuator=Force(body="cue", axes="xy"),
        action_spec=ActionSpec(channels),
        gravity_m_s2=gravity(drawn),
        frame_rate_hz=20,
    )


def task(scene: Scene, moment: Moment) -> Outcome:
    """The target belongs in the zone, at rest or passing.

    The distance is that of the target's centre to the zone's, horizontally; success means that it
    is at most the zone's radius.
    """
    target, zone = scene.index("target"), scene.index("zone")
    offset_m = moment.position_m[target, :2] - moment.position_m[zone, :2]
    distance_m = float(np.linalg.norm(offset_m))
    return Outcome.of(distance_m, success=distance_m <= scene.bodies[zone].size_m[0])


def _cushions() -> tuple[Body, ...]:
    thickness_m, height_m = CUSHION_M
    return tuple(
        Body(
            f"cushion_{side}",
            "box",
            (
                thickness_m if x else 2.0 * (TABLE_M[0] + thickness_m),
                thickness_m if y else 2.0 * (TABLE_M[1] + thickness_m),
                height_m,
            ),
            DARK_GREY,
            (
                x * (TABLE_M[0] + 0.5 * thickness_m),
                y * (TABLE_M[1] + 0.5 * thickness_m),
                0.5 * height_m,
            ),
            role="static",
            friction=0.2,
            restitution=1.0,
        )
        for side, (x, y) in SIDES.items()
    )


def _camera(drawn: Drawn) -> Camera:
    """Steep, and as far away as shows the cushions whole, whatever the azimuth."""
    half_m = np.array(TABLE_M) + CUSHION_M[0]
    corners_m = np.array([(x, y, CUSHION_M[1]) for x in (-1, 1) for y in (-1, 1)])
    corners_m[:, :2] *= half_m
    target_m, distance_m, elevation_rad = (0.0, -0.01, 0.03), 4.0, float(np.radians(63.0))
    camera = view(drawn, target_m, distance_m, elevation_rad, width_m=1.0)
    image_px, _ = camera.project(corners_m)
    needed = float(np.abs(image_px / (0.5 * camera.width_px) - 1.0).max())
    return view(drawn, target_m, distance_m, elevation_rad, width_m=1.01 * needed)


def _places(rng: Generator, radii_m: dict[str, float], zone_radius_m: float) -> dict[str, Place]:
    """Start places (x, y): the target's way into the zone is free, and the cue fits behind it."""
    inner_m = np.array(TABLE_M)
    limit_m = {name: inner_m - radius_m - _GAP_M for name, radius_m in radii_m.items()}
    limit_m["zone"] = inner_m - zone_radius_m - _GAP_M
    reach_m = radii_m["cue"] + radii_m["target"]
    for _ in range(2000):
        at = {name: rng.uniform(-limit, limit) for name, limit in limit_m.items()}
        way_m = at["zone"] - at["target"]
        travel_m = float(np.linalg.norm(way_m))
        if not _TRAVEL_M[0] < travel_m < _TRAVEL_M[1]:
            continue
        behind_m = at["target"] - way_m / travel_m * (reach_m + 2.0 * _GAP_M)
        if np.any(np.abs(behind_m) > limit_m["cue"]) or _touch(at, radii_m):
            continue
        lanes = [
            _distance_m(at[name], behind_m, at["zone"]) > radius_m + max(radii_m.values())
            for name, radius_m in radii_m.items()
            if name not in ("cue", "target")
        ]
        if all(lanes):
            return at
    raise InputError(f"no start places for balls of {max(radii_m.values()):.3f} m radius")


def _touch(at: dict[str, Place], radii_m: dict[str, float]) -> bool:
    """True where two balls are too close, or one but the cue lies on the zone."""
    names = list(radii_m)
    return any(
        np.linalg.norm(at[one] - at[other]) < radii_m[one] + radii_m[other] + _GAP_M
        for i, one in enumerate(names)
        for other in names[:i]
    ) or any(np.linalg.norm(at[name] - at["zone"]) < 0.16 for name in names)


def _distance_m(point_m: Place, start_m: Place, end_m: Place) -> float:
    """Of a point to a line segment."""
    way_m = end_m - start_m
    share = np.clip((point_m - start_m) @ way_m / (way_m @ way_m), 0.0, 1.0)
    return float(np.linalg.norm(point_m - start_m - share * way_m))


def _pair(place_m: Place) -> tuple[float, float]:
    return float(place_m[0]), float(place_m[1])


COLLIDE = Scenario("collide", build, task, TABLE, subject="target", reserved=RESERVED, goal="zone")
