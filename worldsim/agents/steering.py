"""How a round pusher gets round bodies and pushes one along a line, in the plane.

Positions are (2,) in metres; the steering functions return a direction (2,) of at most length 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.actuators import Planar
from worldsim.sim.scene import Body, Scene

Plane = NDArray[np.float64]
CLEARANCE_M = 0.008


@dataclass(frozen=True)
class Disc:
    """A body seen from above, as the circle round it."""

    center_m: Plane
    radius_m: float


@dataclass(frozen=True)
class Table:
    """Where the pusher's centre can go: read off a scene once an episode."""

    pusher: int
    pusher_radius_m: float
    low_m: Plane
    high_m: Plane

    @classmethod
    def of(cls, scene: Scene) -> Table:
        if not isinstance(scene.actuator, Planar):
            raise InputError(f"{scene.scenario} has no pusher to steer")
        pusher = scene.index(scene.actuator.body)
        reach_m = np.array(scene.actuator.reach_m)
        return cls(pusher, scene.bodies[pusher].size_m[0], -reach_m, reach_m)

    def holds(self, points_m: Plane, slack_m: float = 0.0) -> bool:
        """True where the pusher's centre can be at every one of the points (..., 2)."""
        inside = (points_m >= self.low_m - slack_m) & (points_m <= self.high_m + slack_m)
        return bool(inside.all())

    def clipped(self, point_m: Plane) -> Plane:
        clipped: Plane = np.clip(point_m, self.low_m, self.high_m)
        return clipped


def outline_radius_m(body: Body) -> float:
    """Radius of the circle round a body, seen from above."""
    if body.shape in ("box", "mesh"):
        return 0.5 * float(np.hypot(body.size_m[0], body.size_m[1]))
    return body.size_m[0]


def unit(vector: Plane) -> Plane:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-9 else np.zeros(2)


def across(direction: Plane) -> Plane:
    """The direction a quarter turn to the left."""
    return np.array([-direction[1], direction[0]])


def go_round(table: Table, start_m: Plane, target_m: Plane, obstacles: list[Disc]) -> Plane:
    """Direction towards the target, along the edge of whichever obstacle is in the way."""
    path = target_m - start_m
    length_m = float(np.linalg.norm(path))
    heading = unit(path)
    nearest_m, blocking = np.inf, None
    for disc in obstacles:
        reach_m = disc.radius_m + table.pusher_radius_m + CLEARANCE_M
        along_m = float(np.clip((disc.center_m - start_m) @ heading, 0.0, length_m))
        gap_m = float(np.linalg.norm(start_m + along_m * heading - disc.center_m))
        if gap_m < reach_m and 0.0 < along_m < nearest_m:
            nearest_m, blocking = along_m, disc
    if blocking is None:
        return heading
    return _round(table, start_m, target_m, blocking)


def _round(table: Table, start_m: Plane, target_m: Plane, disc: Disc) -> Plane:
    reach_m = disc.radius_m + table.pusher_radius_m + CLEARANCE_M
    outward, wanted = start_m - disc.center_m, target_m - disc.center_m
    angle = float(np.arctan2(outward[1], outward[0]))
    turn = float(np.arctan2(wanted[1], wanted[0])) - angle
    turn = (turn + np.pi) % (2.0 * np.pi) - np.pi
    turns = [turn, turn - 2.0 * np.pi * (1.0 if turn > 0.0 else -1.0)]
    for candidate in turns:
        angles = angle + np.linspace(0.0, candidate, 12)
        circle = disc.center_m + reach_m * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        if table.holds(circle[1:], slack_m=CLEARANCE_M):
            turn = candidate
            break
    tangent = across(unit(outward)) * np.sign(turn)
    gap_m = reach_m - float(np.linalg.norm(outward))
    return unit(tangent + unit(outward) * np.clip(gap_m / (0.3 * reach_m), -1.0, 1.0))


@dataclass
class Push:
    """Pushing one body along a direction: get behind it, then drive through its centre."""

    table: Table
    radius_m: float  # of the circle round the body
    pushing: bool = False

    def steer(self, pusher_m: Plane, body_m: Plane, direction: Plane, others: list[Disc]) -> Plane:
        """Direction for the pusher; `pushing` says afterwards whether it stands behind the body."""
        reach_m = self.radius_m + self.table.pusher_radius_m
        offset = pusher_m - body_m
        behind_m = -float(offset @ direction)
        side_m = float(offset @ across(direction))
        near = behind_m < reach_m + 3.0 * CLEARANCE_M
        limit_m = (0.55 if self.pushing else 0.2) * reach_m
        self.pushing = near and behind_m > 0.3 * reach_m and abs(side_m) < limit_m
        if self.pushing:
            return unit(direction - across(direction) * (2.5 * side_m / reach_m))
        target_m = self.table.clipped(body_m - direction * (reach_m + 1.5 * CLEARANCE_M))
        discs = [Disc(body_m, self.radius_m), *others]
        return go_round(self.table, pusher_m, target_m, discs)
