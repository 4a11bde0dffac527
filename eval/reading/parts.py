"""The parts of a scene's joint: its numbers found anew in a frame with depth, then every part."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

from .chain import search, solve
from .joints import Joint, Panda, joint_of
from .memory import Memory
from .shells import shells_of
from .sight import Pose
from .view import View

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

MOST_POINTS, MOST_AT_TOOL = 120, 140
FEWEST_POINTS = 12
_SEARCHED = 48  # points that every start is held against
_SEARCH, _WIDE, _MIDDLE, _FINE = 0.8, 0.8, 0.1, 0.03
"""Scales of surface residuals, in lengths of the carrier's shortest edge."""
_TRIED = 8  # starts
_SURE = 0.3  # mean cost of a point, at the finest scale, below which no further start is tried
_DOUBT = 1.5  # above it the surfaces do not fit: up to 0.7 in most true frames, 3.4 to 10 in dreams
_TOOL_M, _BELOW_M = 0.12, 0.045  # round the Panda's fingers: half width, and how far below the hand


class Joined(NamedTuple):
    """A joint's numbers (K,), their covariance (K, K) and the mean cost of a point."""

    numbers: Float
    covariance: Float
    cost: float

    @property
    def sure(self) -> bool:
        return self.cost < _SURE

    @property
    def doubtful(self) -> bool:
        return self.cost > _DOUBT


class Parts:
    """Reads the bodies on the joint of one scene."""

    def __init__(self, scene: Scene, joint: Joint, wanted: list[int]) -> None:
        """`wanted` have a colour of their own, and but for the Panda's links it tells them."""
        self.joint, self.bodies = joint, joint.parts
        coloured = [] if isinstance(joint, Panda) else wanted
        self.uncoloured = [index for index in self.bodies if index not in coloured]
        self._owner = np.full(len(scene.bodies) + 1, -1, np.int64)
        for part, index in enumerate(self.bodies):
            if index in coloured:
                self._owner[index] = part
        self.shells = shells_of([scene.bodies[i] for i in self.bodies])
        self.size_m = min(scene.bodies[joint.carrier].size_m)
        started = joint.poses(joint.starts)
        assert started is not None, "an Arm's actuator checks that its box is in reach"
        self._started = started

    @classmethod
    def of(cls, scene: Scene, wanted: list[int]) -> Parts | None:
        joint = joint_of(scene)
        return None if joint is None else cls(scene, joint, wanted)

    def claims(self, label: NDArray[np.int16], index: int) -> Bool:
        """Pixels (H, W) that may show a part other than this one, by their labels."""
        mine: Bool = (label < -1) | ((self._owner[label] >= 0) & (label != index))
        return mine

    def read(
        self,
        label: NDArray[np.int16],
        front: Bool,
        depth_m: Float,
        view: View,
        memory: Memory,
    ) -> Joined | None:
        """The joint's numbers, None where the frame does not show enough of its parts.

        `label` (H, W) is a body's index or below 0, `front` (H, W) where depth (H, W) shows
        something in front of what rests. The numbers of the frame before are one of
        the starts.
        """
        own = self._owner[label]
        mine = front & ((label < 0) | (own >= 0))
        rows, columns = np.nonzero(mine)
        if len(rows) < FEWEST_POINTS:
            return None
        points = view.eye_m + depth_m[rows, columns, None] * view.rays[rows, columns]
        owner = np.where(label[rows, columns] >= 0, own[rows, columns], -1)
        last = self.joint.rest if memory.numbers is None else memory.numbers
        best = self._from(last, points, owner)
        if best is not None and best.sure:
            return best
        few = _spread(len(points), _SEARCHED)
        reach_m = _SEARCH * self.size_m
        costs = search(self.shells, *self._started, points[few], owner[few], reach_m)
        for row in np.argsort(costs, kind="stable")[:_TRIED]:
            now = self._from(self.joint.starts[row], points, owner)
            if now is not None and (best is None or now.cost < best.cost):
                best = now
            if best is not None and best.sure:
                break
        return best

    def _from(self, start: Float, points: Float, owner: NDArray[np.int64]) -> Joined | None:
        """From one start, by ever finer scales."""
        kept = _spread(len(points), _SEARCHED)
        now = None
        for share, steps in ((_WIDE, 8), (_MIDDLE, 6), (_FINE, 6)):
            now = solve(
                self.joint, self.shells, points[kept], owner[kept], start, share * self.size_m,
                steps,
            )  # fmt: skip
            if now is None:
                break
            start = now[0]
            kept = _spread(len(points), MOST_POINTS)
            if isinstance(self.joint, Panda):
                kept = np.union1d(kept, self._at_tool(points, start))
        return None if now is None else Joined(*now)

    def _at_tool(self, points: Float, numbers: Float) -> NDArray[np.int64]:
        """Points about the Panda's fingers, which are small and need points of their own."""
        away = points - numbers[:3]
        near = (np.abs(away[:, :2]).max(1) < _TOOL_M) & (away[:, 2] < -_BELOW_M)
        rows = np.flatnonzero(near)
        return rows[_spread(len(rows), MOST_AT_TOOL)]

    def placed(self, numbers: Float, covariance: Float) -> dict[int, Pose]:
        """Every part's pose by body index, none where the joint does not reach."""
        unit = self.joint.unit
        poses = self.joint.poses(numbers + np.concatenate([[0.0 * unit], np.diag(unit)]))
        if poses is None:
            return {}
        turns, places = poses
        found = {}
        for part, index in enumerate(self.bodies):
            moves = ((places[1:, part] - places[0, part]) / unit[:, None]).T  # (3, K)
            spread = moves @ covariance @ moves.T
            place, turn = places[0, part].copy(), turns[0, part].copy()
            found[index] = Pose(place, turn, spread, np.nan, 0.0, 0.0)
        return found


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """Indices of at most `most` of `count` things, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
