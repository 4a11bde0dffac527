"""One frame read: labels by colour, a pose for every body, and the poses held against the frame."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

from .distance import BOX, CYLINDER, SPHERE
from .fit import finished, started
from .gather import MARGIN_PX, gather, outlined, soft_cover
from .labels import NOBODY, UNCLEAR, Palette, claim, components, without_lines
from .memory import Memory
from .meshes import mesh_pose
from .parts import Parts
from .poses import nearest_alike, quaternion_of, starts
from .shells import shells_of
from .stage import Stage
from .verdict import alike, area_px, shown
from .view import View, Window

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

FOUND_SHARE = 0.3
"""Least share of the pixels a body should show that must show it."""
SLIVER_SHARE = 0.1
"""Least share of a body's outline that must show it, whatever stands in front."""
INSIDE_SHARE = 0.6
"""Least share of a blob that must lie within the outline of the body fitted to it."""
FRONT_SHARE = 0.3
"""Least share of a blob's pixels that must stand out from what rests behind them, by depth."""
SMALLEST_PX = 4
LEAST_OVERLAP = 0.25
"""Least intersection over union of the pixels that show a body and those of its drawn pose."""
LOOSE = 0.5
"""Greatest scale of the distances of a body's points to its surface, in its reaches."""
AGREES = 0.05
"""A part read freely that is no further than that, in diameters, from where its joint has it is there."""
CANDIDATES = 2
THIN_PX = 2.6
_GOOD_COST = 0.6
_GOOD_GAP = 0.06  # of the surface's points, in reaches of the body
_PULL = 0.3
_KINDS = {"sphere": SPHERE, "box": BOX, "mesh": BOX, "cylinder": CYLINDER}


@dataclass
class Sight:
    """What one frame showed; as a Reading's row."""

    position_m: Float
    covariance_m2: Float
    orientation_xyzw: Float
    hidden: Bool
    segmentation: NDArray[np.uint8]
    visible_share: Float
    overlap: Float
    scale: Float
    color_ratio: Float
    extra: NDArray[np.int64]


@dataclass
class _Frame:
    """A frame with its labels, and what stands in front of what."""

    rgb: NDArray[np.uint8]
    label: NDArray[np.int16]
    depth_m: Float  # 0 where unknown
    hides_m: Float  # depth of what may hide a body in a pixel, infinity where nothing can
    part: NDArray[np.int32]
    size: NDArray[np.int32]
    view: View
    has_depth: bool


@dataclass
class _Pose:
    position_m: Float
    turn: Float
    covariance_m2: Float
    scale: float
    cost: float
    gap_m: float  # of the surface's points, 0 without depth


class Detector:
    """Reads frames of one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.stage = scene, Stage(scene)
        self.palette = Palette.of(scene)
        self.view = View(scene.camera)
        self.half_m = np.array([_half_m(body.shape, body.size_m) for body in scene.bodies])
        self.kind = [_KINDS[body.shape] for body in scene.bodies]
        self.reach_m = np.linalg.norm(self.half_m, axis=1)
        heights = [body.height_m for body in scene.bodies if body.moves]
        self.gap_m = float(np.clip(0.2 * min(heights), 0.003, 0.02))
        self.raised = np.array([False] + [_raised(scene, i) for i in range(len(scene.bodies))])
        formed = {i: b for i, b in enumerate(scene.bodies) if b.shape == "mesh" and b.mesh}
        self.shells = {i: shells_of([body]) for i, body in formed.items()}
        self.middle_m = np.zeros((len(scene.bodies), 3))  # of the box round a mesh, in its axes
        for i, shells in self.shells.items():
            self.middle_m[i] = shells.middle[0]
        self._still: dict[int, tuple[Float, NDArray[np.uint8]]] = {}
        self.wanted = [i for i in self.palette.wanted if scene.bodies[i].moves]
        flat = np.array([body.role == "marker" and not body.moves for body in scene.bodies])
        self.flat = np.append(flat, False)  # one more for those below 0
        self.gain = np.ones((len(scene.bodies) + 1, 3))
        self.parts = Parts.of(scene, self.wanted)
        if self.parts is not None:
            self.wanted = [i for i in self.wanted if i not in self.parts.uncoloured]
            self.palette = self.palette.without(self.parts.uncoloured)

    def with_markers(self) -> Detector:
        """A detector that looks for markers too, wherever the scene has them."""
        other = copy(self)
        other.wanted = self.palette.wanted
        return other

    def tinted(self, gain: Float) -> Detector:
        """A detector for colours that differ by these factors (N + 1, 3)."""
        other = copy(self)
        other.palette, other.gain = Palette.of(self.scene, gain), gain
        if self.parts is not None:
            other.palette = other.palette.without(self.parts.uncoloured)
        return other

    def read(
        self,
        rgb: NDArray[np.uint8],
        depth_m: Float | None,
        view: View,
        memory: Memory,
    ) -> Sight:
        """Read one frame (H, W, 3) with depth (H, W) or without."""
        frame = self._labelled(rgb, depth_m, view)
        poses: dict[int, _Pose] = {}
        linked = self._linked(frame, memory)
        for index in self.wanted:
            pose = self._find(index, frame, memory, linked.get(index))
            if pose is not None:
                poses[index] = pose
        if depth_m is None and len(poses) > 1:
            self._layer(frame, poses)
            for index in list(poses):
                again = self._find(index, frame, memory)
                if again is not None:
                    poses[index] = again
        for index, pose in poses.items():
            if index in linked and not self._agree(index, pose, linked[index]):
                del linked[index]
        return self._verified(frame, poses, linked, memory)

    def _agree(self, index: int, free: _Pose, linked: _Pose) -> bool:
        """Whether a pose read freely is that of the joint; a ball's is taken as it is."""
        body = self.scene.bodies[index]
        away_m = float(np.linalg.norm(free.position_m - linked.position_m))
        linked.scale = free.scale
        near = away_m < AGREES * body.diameter_m or free.cost > _GOOD_COST
        return body.shape != "sphere" and near

    def _linked(self, frame: _Frame, memory: Memory) -> dict[int, _Pose]:
        """The joint's parts where its numbers have them; their turns are starts for free fits."""
        if self.parts is None or not frame.has_depth:
            return {}
        front = (frame.depth_m > 0.0) & (frame.depth_m < self._at_rest(frame.view)[0] - self.gap_m)
        found = self.parts.read(frame.label, front, frame.depth_m, frame.view, memory)
        for index, part in found.items():
            memory.turn[index] = part.turn
        return {
            index: _Pose(part.position_m, part.turn, part.covariance_m2, np.nan, 0.0, 0.0)
            for index, part in found.items()
        }

    def _labelled(self, rgb: NDArray[np.uint8], depth_m: Float | None, view: View) -> _Frame:
        still_m, still = self._at_rest(view)
        label = self.palette.classify(rgb)
        raised_m = np.where(self.raised[still], still_m, np.inf)
        if depth_m is None:
            depth, hides = np.zeros_like(still_m), np.where(label >= 0, 0.0, raised_m)
        else:
            valid = (depth_m > 0.0) & (depth_m <= 1.01 * self.scene.camera.far_m)
            depth = np.where(valid, depth_m, 0.0)
            label[~valid] = NOBODY
            claim(label, depth, still_m, self.reach_m, self.gap_m)
            front = valid & (depth < still_m - self.gap_m)
            # Where a body meets the ground depth does not tell them apart, but colour does.
            hides = np.where(front | (valid & (label == UNCLEAR)), depth, raised_m)
        part, size = components(without_lines(label))
        if depth_m is not None:
            self._drop_flat(label, part, front)
        return _Frame(rgb, label, depth, hides, part, size, view, depth_m is not None)

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

    def _find(
        self, index: int, frame: _Frame, memory: Memory, hint: _Pose | None = None
    ) -> _Pose | None:
        """The body's pose if the frame shows it; `hint` is a pose near which it is looked for."""
        mine = frame.label == index
        if np.count_nonzero(mine) < SMALLEST_PX:
            return None
        if hint is not None:
            near = self._fine(index, mine, mine, hint, frame, memory)
            if near.cost < _GOOD_COST and self._shows(index, near, mine, frame):
                return near
            if self._shows(index, hint, mine, frame):
                return None  # then the joint's pose is held against the frame
        part, size = frame.part, frame.size
        if self._thin(index, frame.view, memory):
            part, size = components(np.where(mine, frame.label, np.int16(-1)))
        kept = part[mine]
        counts = np.bincount(kept[kept >= 0], minlength=1)
        order = np.argsort(-counts, kind="stable")[:CANDIDATES]
        for number in order:
            if counts[number] < SMALLEST_PX:
                break
            pose = self._fit(index, part == number, mine, frame, memory)
            if pose is not None:
                return pose
        return None

    def _thin(self, index: int, view: View, memory: Memory) -> bool:
        half = self.half_m[index]
        width_m = 2.0 * float(half.min())
        depth_m = max(view.depth_of(memory.position_m[index]), 1e-3)
        return width_m * view.camera.focal_px / depth_m < THIN_PX

    def _fit(
        self, index: int, blob: Bool, mine: Bool, frame: _Frame, memory: Memory
    ) -> _Pose | None:
        rows, columns = np.flatnonzero(blob.any(1)), np.flatnonzero(blob.any(0))
        m = MARGIN_PX
        window = frame.view.clipped(
            columns[0] - m, rows[0] - m, columns[-1] + 1 + m, rows[-1] + 1 + m
        )
        pose = self._coarse(index, blob, window, frame, memory)
        # A body cut in two by one in front of it: all its pixels within the outline are it.
        around = frame.view.window(pose.position_m, self.reach_m[index], MARGIN_PX)
        whole = blob | (mine & self._outline(index, pose, around, frame.view, 1.0))
        pose = self._fine(index, blob, whole, pose, frame, memory)
        return pose if self._shows(index, pose, whole, frame) else None

    def _coarse(
        self, index: int, blob: Bool, window: Window, frame: _Frame, memory: Memory
    ) -> _Pose:
        """About the pose of the body that a blob shows."""
        body, half = self.scene.bodies[index], self.half_m[index]
        place, near_m = self._middle(index, blob, frame)
        seen = self._gathered(index, blob, window, near_m, frame)
        last = memory.turn[index]
        formed = self._formed(index, last, place - last @ self.middle_m[index], seen[3])
        if formed is not None:
            return formed

        def run(turns: Float) -> _Pose:
            place_m, turn, cost, gap_m = started(
                self.kind[index], half, np.repeat(place[None], len(turns), axis=0), turns, *seen,
                frame.view.camera.focal_px, _PULL if frame.has_depth else 0.0, 0.35,
            )  # fmt: skip
            place_m = place_m - turn @ self.middle_m[index]
            return _Pose(place_m, turn, np.zeros((3, 3)), 1.0, cost, gap_m)

        best = run(last[None])
        doubtful = best.cost > _GOOD_COST or best.gap_m > _GOOD_GAP * self.reach_m[index]
        if body.shape != "sphere" and doubtful:
            other = run(starts(body, last, seen[3]))
            best = other if other.cost < best.cost else best
        return best

    def _fine(
        self, index: int, blob: Bool, whole: Bool, start: _Pose, frame: _Frame, memory: Memory
    ) -> _Pose:
        """The pose near `start` of the body that `whole` shows, of which `blob` hangs together."""
        body, view = self.scene.bodies[index], frame.view
        rows, columns = np.flatnonzero(blob.any(1)), np.flatnonzero(blob.any(0))
        left, top, right, bottom = view.window(start.position_m, self.reach_m[index], MARGIN_PX)
        window = (
            min(left, max(int(columns[0]) - MARGIN_PX, 0)),
            min(top, max(int(rows[0]) - MARGIN_PX, 0)),
            max(right, min(int(columns[-1]) + 1 + MARGIN_PX, view.camera.width_px)),
            max(bottom, min(int(rows[-1]) + 1 + MARGIN_PX, view.camera.height_px)),
        )
        _, near_m = self._middle(index, whole, frame)
        seen = self._gathered(index, whole, window, near_m, frame)
        formed = self._formed(index, start.turn, start.position_m, seen[3])
        if formed is not None:
            return formed
        place, turn, size, covariance, cost, gap_m = finished(
            self.kind[index], self.half_m[index],
            start.position_m + start.turn @ self.middle_m[index], start.turn, *seen,
            view.camera.focal_px,
            _PULL if frame.has_depth else 0.0, frame.has_depth, 0.35,
        )  # fmt: skip
        place = place - turn @ self.middle_m[index]
        turn = nearest_alike(body, turn, memory.turn[index])
        return _Pose(place, turn, covariance, size, cost, gap_m)

    def _formed(self, index: int, turn: Float, place_m: Float, points: Float) -> _Pose | None:
        """The pose of a body of any form by points on it; None for solids, and without points."""
        if index not in self.shells:
            return None
        found = mesh_pose(self.shells[index], turn, place_m, points)
        return None if found is None else _Pose(*found[:3], np.nan, found[3], 0.0)

    def _gathered(
        self, index: int, blob: Bool, window: Window, near_m: float, frame: _Frame
    ) -> tuple[Float, Float, Float, Float]:
        """Eye, lines of sight, their cover and points on the surface, for a fit."""
        view, hides_m = frame.view, frame.hides_m
        if self.parts is not None and frame.has_depth and index in self.parts.bodies:
            # What is borne lies on what bears it: depth does not tell which hides the other.
            hides_m = np.where(self.parts.claims(frame.label, index), 0.0, hides_m)
        soft = (
            blob.astype(np.float64)
            if frame.has_depth
            else soft_cover(frame.rgb, blob, hides_m, near_m, *window)
        )
        return view.eye_m, *gather(
            blob, soft, hides_m, frame.depth_m, view.rays, view.eye_m, *window, near_m
        )

    def _middle(self, index: int, blob: Bool, frame: _Frame) -> tuple[Float, float]:
        """A first guess of a body's place, and the depth in front of which things may hide it."""
        view, half = frame.view, self.half_m[index]
        ray = view.rays[blob].mean(0)
        inner = 0.6 * float(half.min())
        seen = frame.depth_m[blob]
        seen = seen[seen > 0.0]
        if len(seen):
            depth_m = float(np.median(seen))
            near_m = depth_m + 0.3 * float(half.min())
            return view.eye_m + (depth_m + inner) * ray, near_m
        area_px = max(int(np.count_nonzero(blob)), 1)
        width_m = np.sqrt(_mean_shadow_m2(self.scene.bodies[index].shape, half))
        depth_m = width_m * view.camera.focal_px / np.sqrt(area_px)
        return view.eye_m + depth_m * ray, depth_m

    def _outline(
        self, index: int, pose: _Pose, window: Window, view: View, slack_px: float
    ) -> Bool:
        inside: Bool = outlined(
            self.kind[index], self.half_m[index],
            pose.position_m + pose.turn @ self.middle_m[index], pose.turn, view.eye_m, view.rays,
            *window, slack_px, view.camera.focal_px,
        )  # fmt: skip
        return inside

    def _shows(self, index: int, pose: _Pose, whole: Bool, frame: _Frame) -> bool:
        """Whether the frame shows enough of the body where the pose has it."""
        if pose.gap_m > LOOSE * self.reach_m[index]:
            return False
        view = frame.view
        window = view.window(pose.position_m, self.reach_m[index], 1)
        outline = self._outline(index, pose, window, view, 0.0)
        depth_m = view.depth_of(pose.position_m)
        # The blurred rim of something else is no excuse for a body that is not there.
        hidden = outline & ~whole & (frame.hides_m < depth_m) & (frame.label != UNCLEAR)
        full = np.count_nonzero(outline)
        inside = np.count_nonzero(whole & self._outline(index, pose, window, view, 0.6))
        least = max(
            FOUND_SHARE * (full - np.count_nonzero(hidden)), SLIVER_SHARE * full, SMALLEST_PX
        )
        return bool(inside >= least and inside >= INSIDE_SHARE * np.count_nonzero(whole))

    def _layer(self, frame: _Frame, poses: dict[int, _Pose]) -> None:
        """Without depth: what stands in front of what, from the poses found first."""
        place, turn = self._arrays(poses)
        self.stage.look_from(frame.view.camera)
        _, depth, ids = self.stage.draw(place, turn)
        for index, pose in poses.items():
            mine = frame.label == index
            frame.hides_m[mine] = frame.view.depth_of(pose.position_m)
            drawn = mine & (ids == index + 1)
            frame.hides_m[drawn] = depth[drawn]

    def _arrays(self, poses: dict[int, _Pose]) -> tuple[Float, Float]:
        """Places (N, 3) and quaternions (N, 4), NaN where nothing was found."""
        count = len(self.scene.bodies)
        place, quaternion = np.full((count, 3), np.nan), np.full((count, 4), np.nan)
        for index, pose in poses.items():
            place[index] = pose.position_m
            quaternion[index] = quaternion_of(pose.turn)
        return place, quaternion

    def _verified(
        self, frame: _Frame, poses: dict[int, _Pose], linked: dict[int, _Pose], memory: Memory
    ) -> Sight:
        """The row of a Reading: poses drawn again and held against the frame."""
        both_kinds = {**poses, **linked}
        place, quaternion = self._arrays(both_kinds)
        self.stage.look_from(frame.view.camera)
        rgb, depth, ids = self.stage.draw(place, quaternion)
        sight = self._blank(frame)
        self._claim_linked(frame, linked, rgb, depth, ids)
        wanted = self.wanted if self.parts is None else {*self.wanted, *self.parts.bodies}
        lost = [index for index in wanted if index not in poses and index not in linked]
        for index, pose in {**poses, **linked}.items():
            mine, drawn = frame.label == index, ids == index + 1
            both = mine & drawn
            self._compare(index, pose, mine, drawn, frame, sight)
            if index not in linked and not sight.overlap[index] >= LEAST_OVERLAP:
                self._forget(index, sight)
                lost.append(index)
                continue
            memory.seen(index, pose.position_m, pose.turn)
            sight.position_m[index], sight.orientation_xyzw[index] = place[index], quaternion[index]
            sight.covariance_m2[index] = pose.covariance_m2
            sight.scale[index] = pose.scale if frame.has_depth else np.nan
            if both.any():
                ratio = (frame.rgb[both].mean(0) + 1.0) / (rgb[both].mean(0) + 1.0)
                sight.color_ratio[index] = ratio
            if self.scene.bodies[index].shape == "sphere":
                sight.orientation_xyzw[index] = np.nan
            sight.segmentation[mine & (drawn | self._beside(drawn))] = index + 1
        front = np.where(ids > 0, depth, np.inf)
        for index in lost:
            sight.hidden[index] = self._may_hide(index, front, frame.view, memory)
        return sight

    def _claim_linked(
        self,
        frame: _Frame,
        linked: dict[int, _Pose],
        rgb: NDArray[np.uint8],
        depth: NDArray[np.float32],
        ids: NDArray[np.uint8],
    ) -> None:
        """Give parts of the joint the pixels that show them, and drop those that none show."""
        if not linked:
            return
        for index in list(linked):
            drawn = np.nonzero(ids == index + 1)
            same = alike(frame.rgb[drawn], rgb[drawn] * self.gain[index])
            behind_m = frame.depth_m[drawn] - depth[drawn] if frame.has_depth else None
            found, agree = shown(same, self.scene.bodies[index], behind_m)
            if found:
                frame.label[drawn[0][agree], drawn[1][agree]] = index
            else:
                del linked[index]

    def _compare(
        self, index: int, pose: _Pose, mine: Bool, drawn: Bool, frame: _Frame, sight: Sight
    ) -> None:
        """Overlap, visible share and further blobs of one body."""
        view = frame.view
        window = view.window(pose.position_m, self.reach_m[index], MARGIN_PX)
        around = np.zeros_like(mine)
        left, top, right, bottom = window
        around[top:bottom, left:right] = True
        near = mine & around
        either = np.count_nonzero(near | drawn)
        both = np.count_nonzero(mine & drawn)
        sight.overlap[index] = both / either if either else np.nan
        if self.scene.bodies[index].shape == "mesh":
            full = int(area_px(self.scene.bodies[index], pose.position_m, pose.turn, view))
        else:
            full = int(np.count_nonzero(self._outline(index, pose, window, view, 0.0)))
        sight.visible_share[index] = min(both / max(full, 1), 1.0)
        counts = np.bincount(frame.part[mine & ~around & (frame.part >= 0)], minlength=1)
        sight.extra[index] = int(np.count_nonzero(counts >= max(0.25 * full, 6)))

    def _forget(self, index: int, sight: Sight) -> None:
        """What was fitted is not the body after all."""
        sight.overlap[index] = np.nan
        sight.visible_share[index], sight.extra[index] = 0.0, 0

    def _may_hide(self, index: int, front: Float, view: View, memory: Memory) -> bool:
        """Whether a body that was not found may be behind others or out of view."""
        body = self.scene.bodies[index]
        pose = _Pose(np.zeros(3), memory.turn[index], np.zeros((3, 3)), 1.0, 0.0, 0.0)
        for place in memory.missed(index):
            pose.position_m = place
            window = view.window(place, self.reach_m[index], 1)
            outline = self._outline(index, pose, window, view, 0.0)
            shown = outline & (front > view.depth_of(place) - 0.5 * body.height_m)
            span_px = 2.0 * self.half_m[index].min() * view.camera.focal_px
            usual = (span_px / max(view.depth_of(place), 1e-3)) ** 2
            if np.count_nonzero(shown) < max(FOUND_SHARE * usual, SMALLEST_PX):
                return True
        return False

    def _beside(self, drawn: Bool) -> Bool:
        grown = drawn.copy()
        grown[1:] |= drawn[:-1]
        grown[:-1] |= drawn[1:]
        grown[:, 1:] |= drawn[:, :-1]
        grown[:, :-1] |= drawn[:, 1:]
        return grown

    def _blank(self, frame: _Frame) -> Sight:
        """A row in which only what cannot move is where it is."""
        count = len(self.scene.bodies)
        position_m, quaternion = np.full((count, 3), np.nan), np.full((count, 4), np.nan)
        share = np.zeros(count)
        for index, body in enumerate(self.scene.bodies):
            if not body.moves:
                position_m[index], quaternion[index] = body.position_m, body.orientation_xyzw
                share[index] = 1.0
                if index in self.wanted:
                    position_m[index], quaternion[index], share[index] = np.nan, np.nan, 0.0
            elif body.role == "camera":
                position_m[index] = frame.view.eye_m
                quaternion[index], share[index] = frame.view.quaternion, 1.0
        nothing = np.full(count, np.nan)
        return Sight(
            position_m=position_m,
            covariance_m2=np.full((count, 3, 3), np.nan),
            orientation_xyzw=quaternion,
            hidden=np.zeros(count, bool),
            segmentation=self._at_rest(frame.view)[1].copy(),
            visible_share=share,
            overlap=nothing.copy(),
            scale=nothing.copy(),
            color_ratio=np.full((count, 3), np.nan),
            extra=np.zeros(count, np.int64),
        )


def _half_m(shape: str, size_m: tuple[float, ...]) -> tuple[float, float, float]:
    """Half edges; radius, radius, half height of a cylinder; three radii of a ball."""
    if shape == "sphere":
        return size_m[0], size_m[0], size_m[0]
    if shape == "cylinder":
        return size_m[0], size_m[0], 0.5 * size_m[1]
    return 0.5 * size_m[0], 0.5 * size_m[1], 0.5 * size_m[2]


def _mean_shadow_m2(shape: str, half: Float) -> float:
    """Mean area of a convex solid seen from all sides: a quarter of its surface (Cauchy)."""
    a, b, c = (float(value) for value in half)
    if shape == "sphere":
        return float(np.pi * a * a)
    if shape == "cylinder":
        return float(0.5 * np.pi * a * (a + 2.0 * c))
    return 2.0 * (a * b + b * c + c * a)


def _raised(scene: Scene, index: int) -> bool:
    """Whether a static body may stand in front of one that moves: all but the ground."""
    body = scene.bodies[index]
    floor_m = min(b.position_m[2] - 0.5 * b.height_m for b in scene.bodies if b.moves)
    top_m = body.position_m[2] + 0.5 * body.height_m
    return body.role == "static" and top_m > floor_m + 0.005
