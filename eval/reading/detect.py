"""One frame read: labels by colour, a pose for every body, and the poses held against the frame."""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Body, Scene

from .labels import NOBODY, UNCLEAR, Palette, claim, components, without_lines
from .memory import Memory
from .parts import Joined, Parts
from .redraw import Image, Redrawn, pixels, redrawn
from .search import GOOD_COST, Search
from .sight import Frame, Pose, Sight
from .solids import Solids
from .stage import Stage
from .verify import Verifier
from .view import View

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

FRONT_SHARE = 0.3
"""Least share of a blob's pixels that must stand out from what rests behind them, by depth."""
MIXED_PX = 4.0
"""Width of a body of which blur mixes every pixel with what is beside or behind it."""
_UNIT_M = 1e-3  # that a part moves with a unit of a joint's number, about
_DEEP = 0.3  # error of depth that counts as one, in lengths of the carrier's shortest edge
AGREES = 0.05
"""A part read freely, no further than that from its joint's, in diameters, is where that has it."""


class Detector:
    """Reads frames of one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.stage, self.solids = scene, Stage(scene), Solids(scene)
        self.palette, self.view = Palette.of(scene), View(scene.camera)
        heights = [body.height_m for body in scene.bodies if body.moves]
        self.gap_m = float(np.clip(0.2 * min(heights), 0.003, 0.02))
        self.raised = np.array([False] + [_raised(scene, i) for i in range(len(scene.bodies))])
        self._still: dict[int, tuple[Float, NDArray[np.uint8]]] = {}
        self.wanted = [i for i in self.palette.wanted if scene.bodies[i].moves]
        flat = np.array([body.role == "marker" and not body.moves for body in scene.bodies])
        self.flat = np.append(flat, False)  # one more for those below 0
        self.parts = Parts.of(scene, self.wanted)
        if self.parts is not None:
            self.wanted = [i for i in self.wanted if i not in self.parts.uncoloured]
            self.palette = self.palette.without(self.parts.uncoloured)
        self.search = Search(scene, self.solids, self.parts)
        plain = np.ones((len(scene.bodies) + 1, 3))
        self.verifier = Verifier(scene, self.stage, self.solids, plain)

    def with_markers(self) -> Detector:
        """A detector that looks for markers too, wherever the scene has them."""
        other = copy(self)
        other.wanted = self.palette.wanted
        return other

    def tinted(self, gain: Float) -> Detector:
        """A detector for colours that differ by these factors (N + 1, 3)."""
        other = copy(self)
        other.palette = Palette.of(self.scene, gain)
        other.verifier = Verifier(self.scene, self.stage, self.solids, gain)
        if self.parts is not None:
            other.palette = other.palette.without(self.parts.uncoloured)
        return other

    def read(
        self, rgb: NDArray[np.uint8], depth_m: Float | None, view: View, memory: Memory
    ) -> Sight:
        """Read one frame (H, W, 3) with depth (H, W) or without."""
        frame = self._labelled(rgb, depth_m, view)
        poses: dict[int, Pose] = {}
        before = memory.numbers
        joined = self._joined(frame, memory)
        linked = self._placed(joined, memory)
        for index in self.wanted:
            pose = self.search.find(index, frame, memory, linked.get(index))
            if pose is not None:
                poses[index] = pose
        if depth_m is None and len(poses) > 1:
            self._layer(frame, poses)
            for index in list(poses):
                again = self.search.find(index, frame, memory)
                if again is not None:
                    poses[index] = again
        if joined is not None and joined.doubtful:
            linked = self._placed(self._redrawn(joined, before, frame, poses), memory)
            for index in [i for i in self.wanted if i in linked]:
                poses.pop(index, None)  # found from where the joint is not
                pose = self.search.find(index, frame, memory, linked[index])
                if pose is not None:
                    poses[index] = pose
        for index, pose in poses.items():
            thin = self.search.thin(index, view, memory, MIXED_PX)
            if index in linked and not self._agree(index, pose, linked[index], thin):
                del linked[index]
        sight = Sight.blank(self.scene, self.wanted, view, self._at_rest(view)[1])
        wanted = [*self.wanted, *(() if self.parts is None else self.parts.bodies)]
        self.verifier.fill(sight, frame, (poses, linked), list(dict.fromkeys(wanted)), memory)
        return sight

    def _agree(self, index: int, free: Pose, linked: Pose, thin: bool) -> bool:
        """Whether a pose read freely is that of the joint; a ball's is taken as it is.

        A thin part's depth is also that of what is behind it: only its joint tells how far it is.
        """
        body = self.scene.bodies[index]
        away_m = float(np.linalg.norm(free.position_m - linked.position_m))
        linked.scale = free.scale
        near = away_m < AGREES * body.diameter_m or free.cost > GOOD_COST
        return body.shape != "sphere" and (near or thin)

    def _joined(self, frame: Frame, memory: Memory) -> Joined | None:
        if self.parts is None or not frame.has_depth:
            return None
        front = (frame.depth_m > 0.0) & (frame.depth_m < self._at_rest(frame.view)[0] - self.gap_m)
        return self.parts.read(frame.label, front, frame.depth_m, frame.view, memory)

    def _placed(self, joined: Joined | Redrawn | None, memory: Memory) -> dict[int, Pose]:
        """The joint's parts where its numbers have them; their turns are starts for free fits."""
        if joined is None or self.parts is None:
            return {}
        memory.numbers = joined.numbers
        linked = self.parts.placed(joined.numbers, joined.covariance)
        for index, pose in linked.items():
            memory.turn[index] = pose.turn
        return linked

    def _redrawn(
        self, joined: Joined, before: Float | None, frame: Frame, free: dict[int, Pose]
    ) -> Joined | Redrawn:
        """The joint's numbers by the picture, where the surfaces do not fit the depth."""
        parts, view = self.parts, frame.view
        assert parts is not None
        deep_m = _DEEP * parts.size_m
        place = parts.placed(joined.numbers, joined.covariance)[parts.joint.carrier].position_m
        unit_px = _UNIT_M * view.camera.focal_px / max(view.depth_of(place), view.camera.near_m)

        def draw(numbers: Float) -> Image | None:
            linked = parts.placed(numbers, joined.covariance)
            return self.verifier.pixels({**free, **linked}, view, deep_m) if linked else None

        starts = [joined.numbers] if before is None else [joined.numbers, before]
        seen = pixels(frame.rgb, frame.depth_m, deep_m)
        return redrawn(parts.joint, draw, seen, starts, unit_px) or joined

    def _labelled(self, rgb: NDArray[np.uint8], depth_m: Float | None, view: View) -> Frame:
        still_m, still = self._at_rest(view)
        label = self.palette.classify(rgb)
        raised_m = np.where(self.raised[still], still_m, np.inf)
        if depth_m is None:
            depth, hides = np.zeros_like(still_m), np.where(label >= 0, 0.0, raised_m)
        else:
            valid = (depth_m > 0.0) & (depth_m <= 1.01 * self.scene.camera.far_m)
            depth = np.where(valid, depth_m, 0.0)
            label[~valid] = NOBODY
            claim(label, depth, still_m, self.solids.reach_m, self.gap_m)
            front = valid & (depth < still_m - self.gap_m)
            # Where a body meets the ground depth does not tell them apart, but colour does.
            hides = np.where(front | (valid & (label == UNCLEAR)), depth, raised_m)
        part, size = components(without_lines(label))
        if depth_m is not None:
            self._drop_flat(label, part, front)
        return Frame(rgb, label, depth, hides, part, size, view, depth_m is not None)

    def _drop_flat(self, label: NDArray[np.int16], part: NDArray[np.int32], front: Bool) -> None:
        """Colours of a body on what rests, with no depth of their own, are no body."""
        kept = part >= 0
        counts = np.bincount(part[kept], minlength=1)
        ahead = np.bincount(part[kept & front], minlength=len(counts))
        gone = kept & (ahead < FRONT_SHARE * counts)[part] & ~self.flat[label]
        label[gone], part[gone] = NOBODY, -1

    def _at_rest(self, view: View) -> tuple[Float, NDArray[np.uint8]]:
        """Depth and body index + 1 of what cannot move."""
        known = self._still.get(id(view))
        if known is None:
            self.stage.look_from(view.camera)
            _, depth, ids = self.stage.empty()
            known = depth.astype(np.float64), ids
            if view is self.view:
                self._still[id(view)] = known
        return known

    def _layer(self, frame: Frame, poses: dict[int, Pose]) -> None:
        """Without depth: what stands in front of what, from the poses found first."""
        _, _, (_, depth, ids) = self.verifier.drawn(poses, frame.view)
        for index, pose in poses.items():
            mine = frame.label == index
            frame.hides_m[mine] = frame.view.depth_of(pose.position_m)
            drawn = mine & (ids == index + 1)
            frame.hides_m[drawn] = depth[drawn]


def _raised(scene: Scene, index: int) -> bool:
    """Whether a static body may stand in front of one that moves: all but what lies lowest."""
    static = [body for body in scene.bodies if body.role == "static"]
    ground_m = min((_top_m(body) for body in static), default=0.0)
    body = scene.bodies[index]
    return body.role == "static" and _top_m(body) > ground_m + 0.005


def _top_m(body: Body) -> float:
    return body.position_m[2] + 0.5 * body.height_m
