"""What most scenarios share: ground, colours, camera, light, and the factors of all of these."""

from __future__ import annotations

from colorsys import hsv_to_rgb

import numpy as np
from numpy.random import Generator

from worldsim.sim.camera import Camera
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scene import Body, Light, Shape

Color = tuple[float, float, float]

WORLD: dict[str, Range | Choice] = {
    "gravity_m_s2": Range((9.81, 9.81), (4.0, 6.0), (13.0, 16.0)),
    "light_azimuth_rad": Range((-1.1, -0.7), (-2.4, -1.6), (-0.2, 0.6)),
    "camera_azimuth_rad": Range((0.0, 0.0), (-0.30, -0.15), (0.15, 0.30)),
    "brightness": Range((0.85, 1.00), (0.60, 0.70)),
}
"""Factors that every scenario varies, by one name; a table may widen or replace them."""

# Middle of the hue, half its width, saturation, value. Far enough apart to be told by hue alone.
HUES: dict[str, tuple[float, float, float, float]] = {
    "red": (0.995, 0.020, 0.90, 0.95),
    "orange": (0.080, 0.012, 0.95, 1.00),
    "yellow": (0.155, 0.012, 0.90, 1.00),
    "lime": (0.250, 0.012, 0.85, 0.95),
    "green": (0.370, 0.030, 0.85, 0.80),
    "cyan": (0.505, 0.015, 0.80, 0.95),
    "blue": (0.620, 0.020, 0.85, 0.95),
    "purple": (0.760, 0.020, 0.75, 0.90),
    "pink": (0.890, 0.015, 0.35, 0.95),
}
SIDES = {"east": (1, 0), "west": (-1, 0), "north": (0, 1), "south": (0, -1)}
"""Where the four walls of a square stand, seen from its middle: x, y."""

GREY: Color = (0.72, 0.72, 0.71)
DARK_GREY: Color = (0.42, 0.42, 0.43)

# Rolling friction of what is thrown or dropped, so that it comes to rest. More than this would hold
# a cylinder that stands on its rim, as any would a box on its edge.
ROLLING_M = {"sphere": 0.02, "cylinder": 0.004, "box": 0.0}


def paint(rng: Generator, color: str, drawn: Drawn | None = None) -> Color:
    """A shade of a named colour, as bright as was drawn."""
    middle, half, saturation, value = HUES[color]
    hue = (middle + float(rng.uniform(-half, half))) % 1.0
    return hsv_to_rgb(hue, saturation, value * (drawn["brightness"] if drawn else 1.0))


def ground(
    friction: float = 1.0,
    restitution: float = 1.0,
    edge_m: float = 12.0,
    chequer_m: float = 0.1,
) -> Body:
    """A slab whose top is z = 0, chequered in squares of `chequer_m`.

    PyBullet multiplies the frictions and the restitutions of two bodies that touch: with 1 here the
    other body's values are those of the contact.
    """
    return Body(
        "ground",
        "box",
        (edge_m, edge_m, 0.2),
        GREY,
        (0.0, 0.0, -0.1),
        role="static",
        friction=friction,
        restitution=restitution,
        chequer_m=chequer_m,
    )


def proportions(rng: Generator, shape: Shape, radius_m: float) -> tuple[float, ...]:
    """`size_m` of a body about as wide and as high as a sphere of that radius."""
    width_m = 2.0 * radius_m
    if shape == "sphere":
        return (radius_m,)
    if shape == "cylinder":
        return 0.95 * radius_m, width_m * float(rng.uniform(0.75, 0.95))
    return width_m, width_m * float(rng.uniform(0.8, 1.0)), width_m * float(rng.uniform(0.75, 0.95))


def facing(yaw_rad: float) -> tuple[float, float, float, float]:
    """An upright orientation, turned about the vertical."""
    return 0.0, 0.0, float(np.sin(0.5 * yaw_rad)), float(np.cos(0.5 * yaw_rad))


def turned(rng: Generator, tilt_rad: float) -> tuple[float, float, float, float]:
    """An orientation: any turn about the vertical, then that tilt about any level axis."""
    yaw_rad, axis_rad = rng.uniform(-np.pi, np.pi, 2)
    sine, cosine = float(np.sin(0.5 * tilt_rad)), float(np.cos(0.5 * tilt_rad))
    return (
        sine * float(np.cos(axis_rad - 0.5 * yaw_rad)),
        sine * float(np.sin(axis_rad - 0.5 * yaw_rad)),
        cosine * float(np.sin(0.5 * yaw_rad)),
        cosine * float(np.cos(0.5 * yaw_rad)),
    )


def view(
    drawn: Drawn,
    target_m: tuple[float, float, float],
    distance_m: float,
    elevation_rad: float,
    width_m: float,
) -> Camera:
    """A camera that looks from -y at the target, turned about it by the azimuth drawn.

    It sees `width_m` at the target's distance; its depth range holds whatever is within that width.
    """
    azimuth_rad = drawn["camera_azimuth_rad"]
    level_m = distance_m * float(np.cos(elevation_rad))
    x_m, y_m, z_m = target_m
    return Camera(
        position_m=(
            x_m + level_m * float(np.sin(azimuth_rad)),
            y_m - level_m * float(np.cos(azimuth_rad)),
            z_m + distance_m * float(np.sin(elevation_rad)),
        ),
        target_m=target_m,
        fov_y_rad=2.0 * float(np.arctan(0.5 * width_m / distance_m)),
        near_m=max(0.1, distance_m - 1.5 * width_m),
        far_m=distance_m + 3.0 * width_m,
    )


def light(drawn: Drawn) -> Light:
    """Light from above, from the azimuth drawn (counter-clockwise from x)."""
    azimuth_rad = drawn["light_azimuth_rad"]
    return Light((0.5 * float(np.cos(azimuth_rad)), 0.5 * float(np.sin(azimuth_rad)), 1.0))


def gravity(drawn: Drawn) -> tuple[float, float, float]:
    return 0.0, 0.0, -drawn["gravity_m_s2"]
