"""Orbit: the camera itself moves round resting bodies, one of which it has to centre.

Channels: yaw (rad/s) carries the camera round the vertical axis through the origin,
counter-clockwise from above; pitch (rad/s) tilts its view up; dolly (m/s) takes it away from the
axis, at the height it has. The task: the target in the middle of the picture, from not too near
and not too far.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.errors import InputError
from worldsim.sim.actuators import Orbit
from worldsim.sim.camera import Camera
from worldsim.sim.scenarios.parts import GREY, WORLD, facing, gravity, ground, light, paint, view
from worldsim.sim.scenarios.scenario import Moment, Outcome, Scenario
from worldsim.sim.scenarios.table import Choice, Drawn, Range
from worldsim.sim.scene import Body, Scene, Shape

CENTRED = 0.06  # greatest distance from the image's centre, as a share of its width
WANTED_M = (1.40, 1.70)  # from the camera to the target
PITCH_RAD_S = 0.4
AROUND_M = 0.42  # from the axis to a body's centre

# Every start has another yaw, so splits differ in the camera's height and distance to the axis.
TABLE = {
    **{name: factor for name, factor in WORLD.items() if name != "camera_azimuth_rad"},
    "thing_size_m": Range((0.135, 0.165), (0.110, 0.125), (0.175, 0.190)),
    "bodies_count": Choice((3, 4), (5,)),
    "camera_height_m": Range((1.05, 1.20), (0.92, 1.00), (1.25, 1.32)),
    "camera_distance_m": Range((1.65, 1.80), (1.52, 1.60), (1.85, 1.95)),
    "yaw_rad_s": Range((0.8, 0.8), (0.5, 0.6), (1.0, 1.2)),
    "dolly_m_s": Range((0.4, 0.4), (0.25, 0.30), (0.50, 0.60)),
}
RESERVED = (("thing_size_m", "bodies_count"), ("camera_height_m", "camera_distance_m"))

# Edges or radius and height, as shares of the size drawn.
_FORMS: dict[str, tuple[Shape, tuple[float, ...]]] = {
    "ball": ("sphere", (0.48,)),
    "box": ("box", (0.90, 0.80, 0.75)),
    "can": ("cylinder", (0.38, 1.00)),
    "post": ("box", (0.50, 0.50, 1.60)),
    "drum": ("cylinder", (0.60, 0.45)),
}
_COLORS = ("yellow", "green", "cyan", "blue", "purple")
_GAP_M = 0.04
_EDGE_PX = 1.0  # what stays free at the edge of 64 px, and between two bodies

Outline = tuple[NDArray[np.float64], NDArray[np.float64]]


def build(rng: Generator, drawn: Drawn) -> Scene:
    """Ground, target, other things and the camera. Raises InputError where they do not fit."""
    camera = _camera(rng, drawn)
    seen_from = Body(
        name="camera",
        shape="box",
        size_m=(0.01, 0.01, 0.01),
        color_rgb=GREY,
        position_m=camera.position_m,
        orientation_xyzw=camera.orientation_xyzw,
        role="camera",
    )
    channels = (
        ActionChannel("yaw", "rad/s", drawn["yaw_rad_s"]),
        ActionChannel("pitch", "rad/s", PITCH_RAD_S),
        ActionChannel("dolly", "m/s", drawn["dolly_m_s"]),
    )
    return Scene(
        scenario="orbit",
        bodies=(ground(edge_m=24.0, chequer_m=0.2), *_things(rng, drawn, camera), seen_from),
        camera=camera,
        light=light(drawn),
        actuator=Orbit(pitch_rad=(-1.15, _highest_pitch_rad(camera)), distance_m=(0.60, 2.10)),
        action_spec=ActionSpec(channels),
        gravity_m_s2=gravity(drawn),
    )


def sight(scene: Scene, moment: Moment) -> NDArray[np.float64]:
    """Where the camera sees the target: (3,) in metres along its axes, right, down and ahead."""
    from scipy.spatial.transform import Rotation  # loaded on use: `import worldsim` is light

    camera, target = scene.index(scene.actuator.body), scene.index("target")
    turn = Rotation.from_quat(moment.orientation_xyzw[camera])
    seen: NDArray[np.float64] = turn.inv().apply(
        moment.position_m[target] - moment.position_m[camera]
    )
    return seen


def task(scene: Scene, moment: Moment) -> Outcome:
    """The target belongs in the middle of the picture, at a distance between those of WANTED_M.

    Middle means that its centre is seen within CENTRED of the image's width from the image's
    centre. The distance is that from the target to the nearest such place on the camera's axis; the
    reward is minus that, plus 1 on success.
    """
    seen_m = sight(scene, moment)
    away_m = float(np.linalg.norm(seen_m))
    wanted_m = np.array([0.0, 0.0, np.clip(away_m, *WANTED_M)])
    aside_m = float(np.hypot(seen_m[0], seen_m[1]))
    limit = CENTRED * scene.camera.width_px / scene.camera.focal_px  # of the view's tangent
    near = WANTED_M[0] <= away_m <= WANTED_M[1]
    centred = aside_m <= limit * float(seen_m[2])
    return Outcome.of(float(np.linalg.norm(seen_m - wanted_m)), success=near and centred)


def _camera(rng: Generator, drawn: Drawn) -> Camera:
    """From any side, looking at the axis a little above the ground."""
    height_m, level_m, target_z_m = drawn["camera_height_m"], drawn["camera_distance_m"], 0.04
    above_m = height_m - target_z_m
    turned = Drawn({**drawn, "camera_azimuth_rad": float(rng.uniform(-np.pi, np.pi))})
    camera = view(
        turned,
        (0.0, 0.0, target_z_m),
        distance_m=float(np.hypot(level_m, above_m)),
        elevation_rad=float(np.arctan2(above_m, level_m)),
        width_m=1.12,
    )
    return replace(camera, near_m=0.4, far_m=6.2)


def _highest_pitch_rad(camera: Camera) -> float:
    """The pitch at which the upper edge of the picture shows ground that is just not too far."""
    half_rad = 0.5 * camera.fov_y_rad
    share = camera.position_m[2] * np.cos(half_rad) / camera.far_m
    return -half_rad - float(np.arcsin(share))


def _things(rng: Generator, drawn: Drawn, camera: Camera) -> tuple[Body, ...]:
    """The target and the others, each of its own form and colour, all seen and none hidden."""
    count = drawn.count("bodies_count")
    forms = [str(form) for form in rng.permutation(list(_FORMS))][:count]
    colors = ["red", *(str(color) for color in rng.permutation(_COLORS))]
    for _ in range(50):
        things: list[Body] = []
        outlines: list[Outline] = []
        for _ in range(40 * count):
            number = len(things)
            name = forms[number] if number else "target"
            thing = _thing(rng, drawn, name, forms[number], colors[number])
            if (not things and _easy(thing, camera)) or any(_close(thing, one) for one in things):
                continue
            outline = _outline(thing, camera)
            if _in_picture(outline, camera) and not any(_clash(outline, one) for one in outlines):
                things.append(thing)
                outlines.append(outline)
            if len(things) == count:
                return tuple(things)
    raise InputError(f"no start poses for {count} bodies")


def _thing(rng: Generator, drawn: Drawn, name: str, form: str, color: str) -> Body:
    shape, shares = _FORMS[form]
    size_m = tuple(drawn["thing_size_m"] * share for share in shares)
    around_rad, yaw_rad = rng.uniform(-np.pi, np.pi, 2)
    from_axis_m = AROUND_M * float(np.sqrt(rng.uniform()))
    return Body(
        name=name,
        shape=shape,
        size_m=size_m,
        color_rgb=paint(rng, color, drawn),
        position_m=(
            from_axis_m * float(np.cos(around_rad)),
            from_axis_m * float(np.sin(around_rad)),
            size_m[0] if shape == "sphere" else 0.5 * size_m[-1],
        ),
        mass_kg=0.3,
        friction=0.6,
        rolling_friction=0.01,
        orientation_xyzw=facing(yaw_rad),
        linear_damping=0.0,
        angular_damping=0.0,
    )


def _outline(body: Body, camera: Camera) -> Outline:
    """Lowest and highest x and y, in px, of the upright cylinder round a body."""
    angles = np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False)
    rim_m = 0.5 * _wide_m(body) * np.stack([np.cos(angles), np.sin(angles), 0.0 * angles], axis=1)
    up_m = np.array([0.0, 0.0, 0.5 * body.height_m])
    points_m = np.array(body.position_m) + np.concatenate([rim_m - up_m, rim_m + up_m])
    points_px, _ = camera.project(points_m)
    return points_px.min(0), points_px.max(0)


def _in_picture(outline: Outline, camera: Camera) -> bool:
    size_px = np.array([camera.width_px, camera.height_px])
    return bool((outline[0] > _EDGE_PX).all() and (outline[1] < size_px - _EDGE_PX).all())


def _clash(one: Outline, other: Outline) -> bool:
    """True where one body may hide the other."""
    gap_px = np.maximum(one[0] - other[1], other[0] - one[1])
    return bool(gap_px.max() < _EDGE_PX)


def _close(one: Body, other: Body) -> bool:
    apart_m = np.linalg.norm(np.subtract(one.position_m, other.position_m)[:2])
    return bool(apart_m < 0.5 * (_wide_m(one) + _wide_m(other)) + _GAP_M)


def _easy(target: Body, camera: Camera) -> bool:
    """True where too little has to be done to centre the target."""
    place_px, _ = camera.project(np.array(target.position_m))
    off_px = np.abs(place_px - 0.5 * np.array([camera.width_px, camera.height_px]))
    away_m = np.linalg.norm(np.subtract(target.position_m, camera.position_m))
    from_axis_m = float(np.linalg.norm(target.position_m[:2]))
    return bool(
        away_m < WANTED_M[1] + 0.1
        or from_axis_m < 0.45 * AROUND_M
        or off_px[0] < 0.12 * camera.width_px
        or np.linalg.norm(off_px) < 0.22 * camera.width_px
    )


def _wide_m(body: Body) -> float:
    """Its diameter seen from above."""
    return float(np.linalg.norm(body.size_m[:2])) if body.shape == "box" else body.diameter_m


ORBIT = Scenario("orbit", build, task, TABLE, subject="target", reserved=RESERVED)
