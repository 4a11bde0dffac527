"""Occlude: a ball rolls from the left along x and passes behind a screen; a force on it along x.

A full deflection is `force_n` newtons during the frame: too little to stop the ball before the
screen hides it, enough to stop it behind the screen. The task is to bring it back home, to the disc
where it came from; a ball that has passed the right end is lost.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Force
from worldsim.sim.camera import Camera
from worldsim.sim.scenarios.parts import DARK_GREY, WORLD, gravity, ground, light, paint, view
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scene import Body, Scene

START_X_M = -1.05
HOME_M = (0.22, 0.002)  # radius, thickness
END_X_M = 1.20  # at the right end of the picture
SLOW_M_S = 0.2

# The ball rolls without slipping or slowing down: `speed_m_s` is its speed until a force acts.
TABLE = {
    **WORLD,
    "ball_radius_m": Range((0.110, 0.130), (0.095, 0.105), (0.135, 0.145)),
    "ball_mass_kg": Range((0.46, 0.54), (0.42, 0.44), (0.56, 0.58)),
    "speed_m_s": Range((0.65, 0.79), (0.58, 0.62), (0.82, 0.86)),
    "screen_width_m": Range((0.80, 1.00), (0.68, 0.76), (1.05, 1.15)),
    "landmarks": Choice((1, 2), (3,)),
    "force_n": Range((0.23, 0.23), (0.215, 0.222), (0.238, 0.247)),
}
RESERVED = (("speed_m_s", "screen_width_m"), ("ball_radius_m", "ball_mass_kg"))

_SCREEN_M = (0.05, 0.60)  # thickness, height: hides the largest ball from the camera's elevation
_SCREEN_Y_M = -0.25
_MARGIN_M = 0.04  # of a ball that is stopped as soon as can be: how far behind the screen
_STOP_SHARE = 0.7  # of the hidden stretch, the most that such a ball needs
_LANDMARKS = (("box", "green"), ("pillar", "blue"), ("block", "yellow"))
_DEPTHS_M = ((-1.3, -0.8), (0.8, 2.6))  # y of a landmark


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Home, ball, screen and landmarks. Raises InputError where they do not fit."""
    radius_m, speed_m_s = drawn["ball_radius_m"], drawn["speed_m_s"]
    camera = view(drawn, (-0.05, 0.0, 0.18), distance_m=7.0, elevation_rad=0.38, width_m=2.6)
    ball = Body(
        name="ball",
        shape="sphere",
        size_m=(radius_m,),
        color_rgb=paint(rng, "red", drawn),
        position_m=(START_X_M, 0.0, radius_m),
        role="actuated",
        mass_kg=drawn["ball_mass_kg"],
        friction=0.5,
        linear_damping=0.0,
        angular_damping=0.0,
        velocity_m_s=(speed_m_s, 0.0, 0.0),
        angular_velocity_rad_s=(0.0, speed_m_s / radius_m, 0.0),
    )
    home = Body(
        name="home",
        shape="cylinder",
        size_m=HOME_M,
        color_rgb=paint(rng, "pink", drawn),
        position_m=(START_X_M + float(rng.uniform(0.0, 0.05)), 0.0, 0.5 * HOME_M[1]),
        role="marker",
    )
    screen = _screen(rng, drawn, camera, ball)
    landmarks = _landmarks(rng, drawn, camera, (home, screen, _lane(radius_m)))
    return Scene(
        scenario="occlude",
        bodies=(ground(edge_m=24.0, chequer_m=0.4), home, ball, screen, *landmarks),
        camera=camera,
        light=light(drawn),
        actuator=Force(body="ball", axes="x"),
        action_spec=ActionSpec((ActionChannel("force_x", "N", drawn["force_n"]),)),
        gravity_m_s2=gravity(drawn),
    )


def task(scene: Scene, moment: Moment) -> Outcome:
    """The ball belongs on its home disc, slower than 0.2 m/s; past the right end it is lost.

    The distance is that of the ball's centre to the disc's, horizontally; success means that it is
    at most the disc's radius while the ball is slow.
    """
    ball, home = scene.index("ball"), scene.index("home")
    offset_m = moment.position_m[ball, :2] - moment.position_m[home, :2]
    distance_m = float(np.linalg.norm(offset_m))
    slow = float(np.linalg.norm(moment.velocity_m_s[ball])) < SLOW_M_S
    success = slow and distance_m <= scene.bodies[home].size_m[0]
    return Outcome.of(distance_m, success, failed=bool(moment.position_m[ball, 0] > END_X_M))


def hidden_x_m(camera: Camera, screen: Body, radius_m: float) -> tuple[float, float]:
    """From where to where on y = 0 a ball's centre must be for the screen's width to hide it.

    Where the low end is above the high end, it is never hidden.
    """
    eye_m = np.array(camera.position_m[:2])
    half_m = 0.5 * np.array(screen.size_m[:2])
    ends = []
    for side in (-1.0, 1.0):
        # Behind a side's two edges lie two planes through the eye; the outer one counts.
        edges_m = np.add(
            screen.position_m[:2], [(side * half_m[0], y * half_m[1]) for y in (-1, 1)]
        )
        ways_m = edges_m - eye_m
        x_m = eye_m[0] - eye_m[1] * ways_m[:, 0] / ways_m[:, 1]
        width_m = radius_m * np.linalg.norm(ways_m, axis=1) / ways_m[:, 1]
        ends.append(side * np.max(side * x_m - width_m))
    return float(ends[0]), float(ends[1])


def stop_m(body: Body, force_n: float) -> float:
    """How far a rolling ball comes against a force: it has 7/5 of its mass to stop."""
    return 0.7 * body.mass_kg * body.velocity_m_s[0] ** 2 / force_n


def _screen(rng: Generator, drawn: Drawn, camera: Camera, ball: Body) -> Body:
    """Where a ball that is braked from the start stops behind it, and another one reappears."""
    width_m, (thickness_m, height_m) = drawn["screen_width_m"], _SCREEN_M

    def screen(x_m: float) -> Body:
        return Body(
            "screen",
            "box",
            (width_m, thickness_m, height_m),
            DARK_GREY,
            (x_m, _SCREEN_Y_M, 0.5 * height_m),
            role="static",
        )

    radius_m = ball.size_m[0]
    first_m, last_m = hidden_x_m(camera, screen(0.0), radius_m)
    shift = hidden_x_m(camera, screen(1.0), radius_m)[0] - first_m
    stop_x_m = START_X_M + stop_m(ball, drawn["force_n"])
    low_m = stop_x_m - _STOP_SHARE * (last_m - first_m)
    high_m = stop_x_m - _MARGIN_M
    low_m = max(low_m, START_X_M + 2.0 * radius_m)
    high_m = min(high_m, END_X_M - (last_m - first_m) - 2.0 * radius_m - 0.1)
    if low_m > high_m:
        raise InputError(f"no place for a screen of {width_m:.2f} m before a ball")
    return screen((float(rng.uniform(low_m, high_m)) - first_m) / shift)


def _lane(radius_m: float) -> Body:
    """The room that the ball rolls through."""
    edges_m = (END_X_M - START_X_M, 2.0 * radius_m, 2.0 * radius_m)
    middle_m = (0.5 * (START_X_M + END_X_M), 0.0, radius_m)
    return Body("lane", "box", edges_m, DARK_GREY, middle_m, role="static")


def _landmarks(
    rng: Generator, drawn: Drawn, camera: Camera, others: tuple[Body, ...]
) -> tuple[Body, ...]:
    """Bodies at rest before and behind the way; in the picture nothing hides another."""
    placed: list[Body] = []
    for name, color in _LANDMARKS[: drawn.count("landmarks")]:
        width_m, height_m = float(rng.uniform(0.24, 0.30)), float(rng.uniform(0.24, 0.34))
        paint_rgb = paint(rng, color, drawn)
        for _ in range(500):
            low_m, high_m = _DEPTHS_M[int(rng.integers(2))]
            x_m, y_m = float(rng.uniform(-1.2, 1.2)), float(rng.uniform(low_m, high_m))
            body = Body(
                name=name,
                shape="cylinder" if name == "pillar" else "box",
                size_m=(
                    (0.5 * width_m, height_m) if name == "pillar" else (width_m, width_m, height_m)
                ),
                color_rgb=paint_rgb,
                position_m=(x_m, y_m, 0.5 * height_m),
                mass_kg=1.0,
                linear_damping=0.0,
                angular_damping=0.0,
            )
            if _clear(camera, body, (*others, *placed)):
                placed.append(body)
                break
        else:
            raise InputError(f"no place for landmark {name}")
    return tuple(placed)


def _clear(camera: Camera, body: Body, others: tuple[Body, ...]) -> bool:
    """True where a body is in the picture and apart from the others there."""
    low, high = _outline(camera, body)
    if np.any(low < 0.03) or np.any(high > 0.97):
        return False
    outlines = [_outline(camera, other) for other in others]
    return all(bool(np.any((low > end + 0.02) | (high < start - 0.02))) for start, end in outlines)


def _outline(camera: Camera, body: Body) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners of the rectangle round a body in the image, as shares of its height."""
    width_m = (body.diameter_m, body.size_m[1] if body.shape == "box" else body.diameter_m)
    half_m = 0.5 * np.array([*width_m, body.height_m])
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    image, _ = camera.project(np.array(body.position_m) + signs * half_m)
    return image.min(axis=0) / camera.height_px, image.max(axis=0) / camera.height_px


OCCLUDE = Scenario("occlude", build, task, TABLE, subject="ball", reserved=RESERVED, goal="home")
