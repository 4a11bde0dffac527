"""Swing: a pendulum hangs from a beam, and a ball rests on a stand where only a wide swing reaches.

One channel: the torque at the hinge, N m; a positive one swings the bob towards +x, to the right.
Held, it lifts the bob by a fifth of a radian at most, so the pendulum must be pumped. The task is
to hit the ball.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.sim.actuators import Torque
from worldsim.sim.scenarios.parts import DARK_GREY, WORLD, gravity, ground, light, paint, view
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scene import Body, Scene

PIVOT_M = (0.0, 0.0, 1.2)
ROD_M, ROD_KG = 0.022, 0.15  # radius, mass
STAND_M = 0.10
BEAM_M = 0.06
POST_M = (-0.25, 0.34)  # x, y

# `reach_rad` is how far from hanging the pendulum is when the bob meets the ball. The other ball
# lies on the other side, a little higher; a third body is a crate on the ground.
TABLE = {
    **WORLD,
    "length_m": Range((0.54, 0.66), (0.46, 0.51), (0.68, 0.72)),
    "bob_radius_m": Range((0.11, 0.13), (0.09, 0.10), (0.135, 0.145)),
    "bob_mass_kg": Range((0.9, 1.1), (0.6, 0.8), (1.2, 1.5)),
    "ball_radius_m": Range((0.100, 0.115), (0.085, 0.095), (0.120, 0.130)),
    "ball_mass_kg": Range((0.2, 0.6), (0.08, 0.15), (0.8, 1.2)),
    "restitution": Range((0.40, 0.65), (0.10, 0.30), (0.70, 0.78)),
    "friction": Range((0.3, 0.6), (0.1, 0.2), (0.7, 0.9)),
    "reach_rad": Range((0.80, 0.92), (0.68, 0.76), (0.96, 1.02)),
    "torque_n_m": Range((1.0, 1.0), (0.8, 0.9), (1.2, 1.5)),
    "bodies": Choice((1.0, 2.0), (3.0,)),
}
RESERVED = (
    ("length_m", "ball_radius_m"),
    ("ball_mass_kg", "restitution"),
    ("reach_rad", "bob_radius_m"),
)


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Ground, post and beam, pendulum, ball and stand; another ball and a crate where drawn."""
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    stand, ball = _ball(rng, drawn, side, drawn["reach_rad"])
    bodies = [ground(edge_m=20.0, chequer_m=0.3), *_gallows(), *_pendulum(rng, drawn), stand, ball]
    if drawn.count("bodies") > 1:
        higher_rad = drawn["reach_rad"] + float(rng.uniform(0.06, 0.12))
        bodies += _ball(rng, drawn, -side, higher_rad, other=True)
    if drawn.count("bodies") > 2:
        bodies.append(_crate(rng, drawn, side))
    return Scene(
        scenario="swing",
        bodies=tuple(bodies),
        camera=view(drawn, (0.0, 0.0, 0.70), 12.0, 0.37, 2.05),
        light=light(drawn),
        actuator=Torque("bob", pivot_m=PIVOT_M, axis=(0.0, -1.0, 0.0)),
        action_spec=ActionSpec((ActionChannel("torque", "N m", drawn["torque_n_m"]),)),
        gravity_m_s2=gravity(drawn),
        frame_rate_hz=20,
    )


def task(scene: Scene, moment: Moment) -> Outcome:
    """The ball belongs off its place: success means that it has moved by more than its radius.

    The distance is the gap between bob and ball, plus what the ball has still to move.
    """
    bob, ball = scene.index("bob"), scene.index("ball")
    radius_m = 0.5 * scene.bodies[ball].diameter_m
    start_m = np.array(scene.bodies[ball].position_m)
    left_m = radius_m - float(np.linalg.norm(moment.position_m[ball] - start_m))
    apart_m = float(np.linalg.norm(moment.position_m[ball] - moment.position_m[bob]))
    gap_m = apart_m - radius_m - scene.bodies[bob].size_m[0]
    return Outcome.of(max(gap_m, 0.0) + max(left_m, 0.0), success=left_m < 0.0)


def _pendulum(rng: Generator, drawn: Drawn) -> tuple[Body, Body]:
    """Bob and rod, hanging at rest. A rod reaches from the hinge to the bob's surface."""
    x_m, y_m, z_m = PIVOT_M
    length_m = drawn["length_m"]
    bare_m = length_m - drawn["bob_radius_m"]
    bob = Body(
        name="bob",
        shape="sphere",
        size_m=(drawn["bob_radius_m"],),
        color_rgb=paint(rng, "blue", drawn),
        position_m=(x_m, y_m, z_m - length_m),
        role="actuated",
        mass_kg=drawn["bob_mass_kg"],
        friction=1.0,
        restitution=1.0,
        linear_damping=0.0,
        angular_damping=0.0,
    )
    rod = Body(
        name="rod",
        shape="cylinder",
        size_m=(ROD_M, bare_m),
        color_rgb=paint(rng, "yellow", drawn),
        position_m=(x_m, y_m, z_m - 0.5 * bare_m),
        role="actuated",
        mass_kg=ROD_KG,
        linear_damping=0.0,
        angular_damping=0.0,
        attached_to="bob",
    )
    return bob, rod


def _ball(
    rng: Generator, drawn: Drawn, side: float, reach_rad: float, other: bool = False
) -> tuple[Body, Body]:
    """A stand and the ball on it, which the bob meets from the side, at its own height.

    Friction and restitution are those against bob, stand and ground, whose values are all 1:
    PyBullet multiplies the two bodies'.
    """
    x_m, y_m, z_m = PIVOT_M
    radius_m = drawn["ball_radius_m"]
    out_m = drawn["length_m"] * float(np.sin(reach_rad)) + drawn["bob_radius_m"] + radius_m
    height_m = z_m - drawn["length_m"] * float(np.cos(reach_rad))
    stand_m = height_m - radius_m
    stand = Body(
        name="other_stand" if other else "stand",
        shape="box",
        size_m=(STAND_M, STAND_M, stand_m),
        color_rgb=DARK_GREY,
        position_m=(x_m + side * out_m, y_m, 0.5 * stand_m),
        role="static",
        friction=1.0,
        restitution=1.0,
    )
    ball = Body(
        name="other_ball" if other else "ball",
        shape="sphere",
        size_m=(radius_m,),
        color_rgb=paint(rng, "green" if other else "red", drawn),
        position_m=(x_m + side * out_m, y_m, height_m),
        mass_kg=drawn["ball_mass_kg"],
        friction=drawn["friction"],
        rolling_friction=0.003,
        restitution=drawn["restitution"],
        linear_damping=0.0,
        angular_damping=0.0,
    )
    return stand, ball


def _crate(rng: Generator, drawn: Drawn, side: float) -> Body:
    """A box on the ground, below the pendulum's way and clear of the stands."""
    edge_m = 2.0 * drawn["ball_radius_m"]
    return Body(
        name="crate",
        shape="box",
        size_m=(edge_m, edge_m, edge_m),
        color_rgb=paint(rng, "purple", drawn),
        position_m=(-side * float(rng.uniform(0.15, 0.35)), -0.2, 0.5 * edge_m),
        mass_kg=drawn["ball_mass_kg"],
        friction=drawn["friction"],
        restitution=drawn["restitution"],
        linear_damping=0.0,
        angular_damping=0.0,
    )


def _gallows() -> tuple[Body, Body]:
    """A post and a beam from it to above the hinge; neither is touched.

    The post stands behind the pendulum, and aside of it from wherever a camera looks.
    """
    aside_m, behind_m = POST_M
    height_m = PIVOT_M[2] + 0.05 + BEAM_M
    post = Body(
        name="post",
        shape="box",
        size_m=(BEAM_M, BEAM_M, height_m),
        color_rgb=DARK_GREY,
        position_m=(aside_m, behind_m, 0.5 * height_m),
        role="static",
    )
    apart_m, half_rad = float(np.hypot(*POST_M)), 0.5 * float(np.arctan2(-aside_m, behind_m))
    share = 0.5 - 0.25 * BEAM_M / apart_m  # of the way from above the hinge to the post's axis
    beam = Body(
        name="beam",
        shape="box",
        size_m=(BEAM_M, apart_m + 0.5 * BEAM_M, BEAM_M),
        color_rgb=DARK_GREY,
        position_m=(share * aside_m, share * behind_m, PIVOT_M[2] + 0.04 + 0.5 * BEAM_M),
        role="static",
        orientation_xyzw=(0.0, 0.0, float(np.sin(half_rad)), float(np.cos(half_rad))),
    )
    return post, beam


SWING = Scenario("swing", build, task, TABLE, subject="ball", reserved=RESERVED)
