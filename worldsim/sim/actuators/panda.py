"""The Franka Panda of pybullet_data in numbers: its links, and their places for given joints.

`link_poses` and `joints_for` are each other's inverse for a hand that points straight down. They
need no pybullet and depend on nothing but their arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import acos, atan2, cos, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError

Vector = tuple[float, float, float]
Pose = tuple[Vector, tuple[float, float, float, float]]  # position m, orientation xyzw

URDF = "franka_panda/panda.urdf"
TOOL_M = 0.105  # from the hand's frame down to the point between the fingertips
LIMITS_RAD = (
    (-2.9671, 2.9671),
    (-1.8326, 1.8326),
    (-2.9671, 2.9671),
    (-3.1416, 0.0),
    (-2.9671, 2.9671),
    (-0.0873, 3.8223),
    (-2.9671, 2.9671),
)
STROKE_M = 0.04  # of one finger, from closed to open


@dataclass(frozen=True)
class Link:
    """A visible link.

    Its joint's frame lies at `origin_m` in the frame of the link `parent` (an index in LINKS),
    turned by `roll_rad` about x or by `yaw_rad` about z. An arm's joint turns about its z axis, a
    finger slides by `slides` times its opening along y. `number` is PyBullet's. The mesh `asset` of
    pybullet_data, `size_m` large, is drawn in the link's frame, turned by `asset_yaw_rad` about z.
    """

    name: str
    number: int
    asset: str
    size_m: Vector
    mass_kg: float
    origin_m: Vector = (0.0, 0.0, 0.0)
    roll_rad: float = 0.0
    yaw_rad: float = 0.0
    parent: int = 0
    slides: float = 0.0
    asset_yaw_rad: float = 0.0


def _arm() -> tuple[Link, ...]:
    """Base and seven links, as panda.urdf has them (it draws 0 and 7 as their collision shapes)."""
    rows: tuple[tuple[str, Vector, float, Vector, float], ...] = (
        ("collision", (0.2256, 0.1893, 0.1400), 2.90, (0.0, 0.0, 0.0), 0.0),
        ("visual", (0.1100, 0.1844, 0.2470), 2.70, (0.0, 0.0, _SHOULDER_M), 0.0),
        ("visual", (0.1100, 0.2490, 0.1844), 2.73, (0.0, 0.0, 0.0), -0.5 * pi),
        ("visual", (0.1925, 0.1661, 0.1760), 2.04, (0.0, -_UPPER_M, 0.0), 0.5 * pi),
        ("visual", (0.1925, 0.1790, 0.1661), 2.08, (_ELBOW_M, 0.0, 0.0), 0.5 * pi),
        ("visual", (0.1100, 0.1849, 0.3112), 3.00, (-_ELBOW_M, _FORE_M, 0.0), -0.5 * pi),
        ("visual", (0.1799, 0.1329, 0.1002), 1.30, (0.0, 0.0, 0.0), 0.5 * pi),
        ("collision", (0.1253, 0.1252, 0.0548), 0.20, (_WRIST_M, 0.0, 0.0), 0.5 * pi),
    )
    return tuple(
        Link(
            f"panda_link{i}",
            i - 1,
            f"franka_panda/meshes/{folder}/link{i}.obj",
            size_m,
            mass_kg,
            origin_m,
            roll_rad,
            parent=max(i - 1, 0),
        )
        for i, (folder, size_m, mass_kg, origin_m, roll_rad) in enumerate(rows)
    )


def _finger(name: str, number: int, slides: float, asset_yaw_rad: float) -> Link:
    return Link(
        name,
        number,
        "franka_panda/meshes/visual/finger.obj",
        (0.0210, 0.0264, 0.0538),
        0.1,
        (0.0, 0.0, 0.0584),
        parent=8,
        slides=slides,
        asset_yaw_rad=asset_yaw_rad,
    )


_SHOULDER_M, _UPPER_M, _FORE_M = 0.333, 0.316, 0.384  # height of joint 2, lengths along the arm
_ELBOW_M, _WRIST_M, _FLANGE_M = 0.0825, 0.088, 0.107  # offsets across it, and below joint 6

LINKS = (
    *_arm(),
    Link(
        "panda_hand",
        8,
        "franka_panda/meshes/visual/hand.obj",
        (0.0630, 0.2045, 0.0919),
        0.81,
        (0.0, 0.0, _FLANGE_M),
        yaw_rad=-0.25 * pi,
        parent=7,
    ),
    _finger("panda_left_finger", 9, 1.0, 0.0),
    _finger("panda_right_finger", 10, -1.0, pi),
)
BASE, HAND = LINKS[0].name, LINKS[8].name
FINGERS = (LINKS[9].name, LINKS[10].name)


def link_poses(base: Pose, joints_rad: Sequence[float], opening_m: float) -> dict[str, Pose]:
    """Where every link's frame is, by its name: joints (7,), each finger `opening_m` out."""
    from scipy.spatial.transform import Rotation  # loaded on use: `import worldsim` is light

    places = [np.array(base[0])]
    turns = [Rotation.from_quat(base[1])]
    for link, joint_rad in zip(LINKS[1:], (*joints_rad, 0.0, 0.0, 0.0), strict=True):
        into = turns[link.parent]
        turn = into * Rotation.from_euler("XZ", (link.roll_rad, link.yaw_rad + joint_rad))
        slid_m = turn.apply((0.0, link.slides * opening_m, 0.0))
        places.append(places[link.parent] + into.apply(link.origin_m) + slid_m)
        turns.append(turn)
    return {
        link.name: (_vector(place), (*_vector(quat[:3]), float(quat[3])))
        for link, place, quat in zip(LINKS, places, (t.as_quat() for t in turns), strict=True)
    }


def joints_for(base: Pose, hand_m: Sequence[float], yaw_rad: float) -> tuple[float, ...]:
    """The seven joints that put the hand's frame at `hand_m`, pointing down.

    Joints 3 and 5 stay at 0, so the arm lies in a vertical plane, its elbow up, and the others are
    a triangle's angles. The hand's x axis points to `yaw_rad` from the world's x; the fingers close
    at right angles to it. Raises InputError where the arm does not reach.
    """
    (x_m, y_m, z_m), (_, _, turn_z, turn_w) = base
    base_rad = 2.0 * atan2(turn_z, turn_w)
    ahead_m, aside_m = hand_m[0] - x_m, hand_m[1] - y_m
    first = _wrapped(atan2(aside_m, ahead_m) - base_rad)
    out_m = hypot(ahead_m, aside_m) - _WRIST_M
    up_m = hand_m[2] - z_m + _FLANGE_M - _SHOULDER_M
    upper_m, fore_m, span_m = (
        hypot(_UPPER_M, _ELBOW_M),
        hypot(_FORE_M, _ELBOW_M),
        hypot(out_m, up_m),
    )
    if not (out_m > 0.0 and abs(upper_m - fore_m) < span_m < upper_m + fore_m):
        raise InputError(f"the Panda's hand does not reach {tuple(hand_m)}")
    at_elbow = acos((upper_m**2 + fore_m**2 - span_m**2) / (2.0 * upper_m * fore_m))
    at_shoulder = acos((upper_m**2 + span_m**2 - fore_m**2) / (2.0 * upper_m * span_m))
    straight = atan2(_UPPER_M, _ELBOW_M) + atan2(_FORE_M, _ELBOW_M)
    second = atan2(out_m, up_m) - at_shoulder - atan2(_ELBOW_M, _UPPER_M)
    fourth = at_elbow + straight - 2.0 * pi
    seventh = _wrapped(first + base_rad + 0.25 * pi - yaw_rad)
    joints_rad = first, second, 0.0, fourth, 0.0, second - fourth, seventh
    if not all(low < q < high for q, (low, high) in zip(joints_rad, LIMITS_RAD, strict=True)):
        raise InputError(f"the Panda's joints do not turn so far: hand at {tuple(hand_m)}")
    return joints_rad


def _wrapped(angle_rad: float) -> float:
    return atan2(sin(angle_rad), cos(angle_rad))


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = values
    return float(x), float(y), float(z)
