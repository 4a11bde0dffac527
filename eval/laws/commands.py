"""What an action asks of the body that it drives, and what that body is read to do, by channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.eval.reading.reading import Reading
from worldsim.sim.actuators import Arm, Force, Launch, Orbit, Planar, Tilt, Torque
from worldsim.sim.scene import Scene

from .forces import action_force_n
from .tracks import LEAST_SIGMA_M, track

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

LEAST_ARM_M = 0.03
"""A hinged body nearer to its pivot shows its angle by its turn, one farther off by its place."""
TURN_ERROR_RAD = 0.02


@dataclass(frozen=True)
class Response:
    """C channels: rates or accelerations, in the unit of `asked`; one row a frame of the clip.

    `shown` is NaN where the body was not found. `sigma` is the standard error of a row of `shown`.
    """

    asked: Float  # (S, C)
    shown: Float  # (S, C)
    sigma: float


def response(evidence: Evidence, reading: Reading) -> Response | None:
    """What is asked and what is shown; None where the actuator is of another kind.

    Velocity-driven bodies (Planar, Arm, Tilt, Orbit): the rate in m/s or rad/s during each step.
    Forced ones (Force, Launch, Torque): the second difference of places over dt^2 in m/s^2 or
    rad/s^2, against the mean of the two steps' forces over the mass. Torque has no moment of
    inertia here: it is asked for in N m, and only its ratio to the reference's counts.
    """
    actuator = evidence.scene.actuator
    for kinds, make in _MAKERS:
        if isinstance(actuator, kinds):
            return make(evidence, reading)
    return None


def _driven(evidence: Evidence, reading: Reading) -> Response:
    """A body that is led at a velocity along x and y (and z); a planar one stops at its reach."""
    scene = evidence.scene
    index = scene.index(scene.actuator.body)
    path = track(evidence, reading, index)
    axes = 2 if isinstance(scene.actuator, Planar) else 3
    asked = _scaled(evidence)[:, :axes]
    if isinstance(scene.actuator, Planar):
        reach_m = np.array(scene.actuator.reach_m)
        start_m = np.nan_to_num(evidence.floor.position_m[:-1, index, :2])
        low, high = (np.minimum(-reach_m - start_m, 0.0), np.maximum(reach_m - start_m, 0.0))
        asked = np.clip(asked, low / scene.dt_s, high / scene.dt_s)
    shown = np.diff(path.position_m[:, :axes], axis=0) / scene.dt_s
    return Response(asked, shown, np.sqrt(2.0) * _typical(path.sigma_m) / scene.dt_s)


def _forced(evidence: Evidence, reading: Reading) -> Response:
    scene = evidence.scene
    index = scene.index(scene.actuator.body)
    path = track(evidence, reading, index)
    asked_m_s2 = action_force_n(evidence, index) / scene.bodies[index].mass_kg
    used = np.flatnonzero(np.abs(asked_m_s2).max(0) > 0.0)
    shown = np.diff(path.position_m[:, used], n=2, axis=0) / scene.dt_s**2
    sigma = np.sqrt(6.0) * _typical(path.sigma_m) / scene.dt_s**2
    return Response(_halved(asked_m_s2[:, used]), _behind(shown), sigma)


def _hinged(evidence: Evidence, reading: Reading) -> Response:
    scene, actuator = evidence.scene, evidence.scene.actuator
    assert isinstance(actuator, Torque | Tilt)
    index = scene.index(actuator.body)
    angle_rad, error_rad = _angle(evidence, reading, index, actuator)
    asked = _scaled(evidence)
    if isinstance(actuator, Tilt):
        shown = np.diff(angle_rad)[:, None] / scene.dt_s
        return Response(asked, shown, np.sqrt(2.0) * error_rad / scene.dt_s)
    shown = np.diff(angle_rad, n=2)[:, None] / scene.dt_s**2
    return Response(_halved(asked), _behind(shown), np.sqrt(6.0) * error_rad / scene.dt_s**2)


def _orbiting(evidence: Evidence, reading: Reading) -> Response | None:
    """Yaw of the camera: bodies placed by the views that the actions ask for turn against it."""
    states, scene = evidence.reference.states, evidence.scene
    if states is None:
        return None
    eye_m = states.position_m[:, scene.index(scene.actuator.body)]
    yaw_rad = np.unwrap(np.arctan2(eye_m[:, 1], eye_m[:, 0]))
    places = reading.position_m[:, evidence.truth.indices, :2]
    truth = evidence.truth.position_m[..., :2]
    cross = truth[..., 0] * places[..., 1] - truth[..., 1] * places[..., 0]
    dot = (truth * places).sum(-1)
    found = np.isfinite(dot).any(-1)
    turned = np.arctan2(np.nansum(cross, -1), np.nansum(dot, -1))
    seen_rad = np.where(found, yaw_rad - turned, np.nan)
    far_m = max(float(np.linalg.norm(truth, axis=-1).mean()), LEAST_ARM_M)
    sigma_m = _typical(track(evidence, reading, evidence.truth.indices[0]).sigma_m)
    asked = np.diff(yaw_rad)[:, None] / scene.dt_s
    return Response(
        asked,
        np.diff(seen_rad)[:, None] / scene.dt_s,
        np.sqrt(2.0) * sigma_m / far_m / scene.dt_s,
    )


def _angle(
    evidence: Evidence, reading: Reading, index: int, hinge: Torque | Tilt
) -> tuple[Float, float]:
    """Angle (S+1,) about the hinge's axis in rad, NaN where unknown, and its standard error."""
    axis, pivot_m = np.array(hinge.axis), np.array(hinge.pivot_m)
    path = track(evidence, reading, index)
    arm_m = path.position_m - pivot_m
    arm_m = arm_m - (arm_m @ axis)[:, None] * axis
    body = evidence.scene.bodies[index]
    start_m = np.array(body.position_m) - pivot_m
    start_m = start_m - (start_m @ axis) * axis
    length_m = float(np.linalg.norm(start_m))
    if length_m >= LEAST_ARM_M:
        side = np.cross(axis, start_m)
        angle = np.arctan2(arm_m @ side, arm_m @ start_m)
        return _unwrapped(angle), _typical(path.sigma_m) / length_m
    angle = np.full(len(arm_m), np.nan)
    known = np.isfinite(path.orientation_xyzw).all(1)
    if known.any():
        start = Rotation.from_quat(body.orientation_xyzw).inv()
        turns = Rotation.from_quat(path.orientation_xyzw[known]) * start
        angle[known] = turns.as_rotvec() @ axis
    return angle, TURN_ERROR_RAD


def _unwrapped(angle: Float) -> Float:
    known = np.isfinite(angle)
    angle[known] = np.unwrap(angle[known])
    return angle


def _scaled(evidence: Evidence) -> Float:
    scene: Scene = evidence.scene
    scaled: Float = evidence.reference.actions.astype(np.float64) * scene.action_spec.scales
    return scaled


def _halved(force: Float) -> Float:
    """A second difference at frame t sees half of the force before it and half of that after it."""
    return np.concatenate([np.zeros_like(force[:1]), 0.5 * (force[:-1] + force[1:])])


def _behind(shown: Float) -> Float:
    return np.concatenate([np.full_like(shown[:1], np.nan), shown])[: len(shown) + 1]


def _typical(sigma_m: Float) -> float:
    return max(float(np.median(sigma_m)), LEAST_SIGMA_M)


_MAKERS: tuple[tuple[tuple[type, ...], Callable[[Evidence, Reading], Response | None]], ...] = (
    ((Planar, Arm), _driven),
    ((Force, Launch), _forced),
    ((Torque, Tilt), _hinged),
    ((Orbit,), _orbiting),
)
