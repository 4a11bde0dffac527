"""The search for a body among the pixels of its colour: blobs, fits, and whether they show it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

from .fit import finished, started
from .gather import MARGIN_PX, beside_of, gather, soft_cover
from .labels import UNCLEAR, components
from .memory import Memory
from .meshes import mesh_pose
from .parts import Parts
from .poses import nearest_alike, starts
from .sight import Frame, Pose
from .solids import Solids, mean_shadow_m2
from .view import View, Window

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

FOUND_SHARE = 0.3
"""Least share of the pixels a body should show that must show it."""
SLIVER_SHARE = 0.1
"""Least share of a body's outline that must show it, whatever stands in front."""
INSIDE_SHARE = 0.6
"""Least share of a blob that must lie within the outline of the body fitted to it."""
SMALLEST_PX = 4
LOOSE = 0.5
"""Greatest scale of the distances of a body's points to its surface, in its reaches."""
NEAR_SHARE, NEAR_REACHES = 0.1, 2.0
"""Least share of a body's pixels whose depth is so near to the place that its outline gives."""
CANDIDATES = 2
THIN_PX = 2.6
GOOD_COST = 0.6
DOUBTFUL_COST, HARDLY, CLEARLY = 0.4, 0.8, 0.75
_GOOD_GAP = 0.06  # of the surface's points, in reaches of the body
_PULL = 0.3


class Search:
    """Finds the bodies of one scene in labelled frames."""

    def __init__(self, scene: Scene, solids: Solids, parts: Parts | None) -> None:
        self.scene, self.solids, self.parts = scene, solids, parts

    def find(
        self, index: int, frame: Frame, memory: Memory, hint: Pose | None = None
    ) -> Pose | None:
        """The body's pose if the frame shows it; `hint` is a pose near which it is looked for."""
        mine = frame.label == index
        if np.count_nonzero(mine) < SMALLEST_PX:
            return None
        if hint is not None:
            near = self._fine(index, mine, mine, hint, frame, memory)
            if near.cost < GOOD_COST and self._shows(index, near, mine, frame):
                return near
            if self._shows(index, hint, mine, frame):
                return None  # then the joint's pose is held against the frame
        part, size = frame.part, frame.size
        if self.thin(index, frame.view, memory):
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

    def thin(self, index: int, view: View, memory: Memory, width_px: float = THIN_PX) -> bool:
        """Whether a body's least width shows in fewer pixels than these, by its last place."""
        half = self.solids.half_m[index]
        width_m = 2.0 * float(half.min())
        depth_m = max(view.depth_of(memory.position_m[index]), 1e-3)
        return width_m * view.camera.focal_px / depth_m < width_px

    def _fit(self, index: int, blob: Bool, mine: Bool, frame: Frame, memory: Memory) -> Pose | None:
        rows, columns = np.flatnonzero(blob.any(1)), np.flatnonzero(blob.any(0))
        m = MARGIN_PX
        window = frame.view.clipped(
            columns[0] - m, rows[0] - m, columns[-1] + 1 + m, rows[-1] + 1 + m
        )
        pose, whole = self._fitted(index, blob, mine, window, frame, memory)
        if frame.has_depth and pose.cost > DOUBTFUL_COST:
            freed = self._without_neighbours(index, blob, frame)
            beside = bool((beside_of(mine) & (freed.hides_m != frame.hides_m)).any())
            for place_m in (None, memory.position_m[index] + memory.move_m[index]):
                if place_m is not None and pose.cost < HARDLY:
                    break
                if place_m is None and not beside:
                    continue  # it would be the same fit again
                other, all_of_it = self._fitted(index, blob, mine, window, freed, memory, place_m)
                if other.cost < CLEARLY * pose.cost:
                    pose, whole = other, all_of_it
        if self._scattered(index, pose):
            return self._by_outline(index, blob, mine, window, frame, memory)
        return pose if self._shows(index, pose, whole, frame) else None

    def _by_outline(
        self, index: int, blob: Bool, mine: Bool, window: Window, frame: Frame, memory: Memory
    ) -> Pose | None:
        """The pose of a body whose depth is of no surface: a blurred one's is half that behind it.

        Some of it has to be where the outline has the body, or it is one of another size.
        """
        blind = replace(frame, depth_m=np.zeros_like(frame.depth_m), has_depth=False)
        pose, whole = self._fitted(index, blob, mine, window, blind, memory)
        away_m = np.abs(frame.depth_m[blob] - frame.view.depth_of(pose.position_m))
        near = np.mean(away_m < NEAR_REACHES * self.solids.reach_m[index])
        return pose if near >= NEAR_SHARE and self._shows(index, pose, whole, blind) else None

    def _scattered(self, index: int, pose: Pose) -> bool:
        """Whether the points seen on a body are too far from the surface of the pose."""
        return pose.gap_m > LOOSE * float(self.solids.reach_m[index])

    def _fitted(
        self,
        index: int,
        blob: Bool,
        mine: Bool,
        window: Window,
        frame: Frame,
        memory: Memory,
        start_m: Float | None = None,
    ) -> tuple[Pose, Bool]:
        """The pose of the body that a blob shows, and all the pixels that show it.

        It is looked for from nothing, or from a place and the last turn.
        """
        if start_m is None:
            pose = self._coarse(index, blob, window, frame, memory)
        else:
            pose = Pose(start_m, memory.turn[index], np.zeros((3, 3)), 1.0, 0.0, 0.0)
        # A body cut in two by one in front of it: all its pixels within the outline are it.
        around = frame.view.window(pose.position_m, self.solids.reach_m[index], MARGIN_PX)
        whole = blob | (mine & self.solids.outline(index, pose, around, frame.view, 1.0))
        return self._fine(index, blob, whole, pose, frame, memory), whole

    def _without_neighbours(self, index: int, blob: Bool, frame: Frame) -> Frame:
        """The frame with other bodies' pixels saying nothing, but for those well behind a blob.

        A body that lies along the view may be hidden by one that is no nearer than its middle.
        """
        seen_m = frame.depth_m[blob]
        far_m = seen_m.max(initial=0.0) + 0.3 * float(self.solids.half_m[index].min())
        others = (frame.label >= 0) & (frame.label != index) & (frame.depth_m < far_m)
        return replace(frame, hides_m=np.where(others, 0.0, frame.hides_m))

    def _coarse(self, index: int, blob: Bool, window: Window, frame: Frame, memory: Memory) -> Pose:
        """About the pose of the body that a blob shows."""
        body, half = self.scene.bodies[index], self.solids.half_m[index]
        place, near_m = self._middle(index, blob, frame)
        seen = self._gathered(index, blob, window, near_m, frame)
        last = memory.turn[index]
        formed = self._formed(index, last, place - last @ self.solids.middle_m[index], seen[3])
        if formed is not None:
            return formed

        def run(turns: Float) -> Pose:
            place_m, turn, cost, gap_m = started(
                self.solids.kind[index], half, np.repeat(place[None], len(turns), axis=0), turns,
                *seen,
                frame.view.camera.focal_px, _PULL if frame.has_depth else 0.0, 0.35,
            )  # fmt: skip
            place_m = place_m - turn @ self.solids.middle_m[index]
            return Pose(place_m, turn, np.zeros((3, 3)), 1.0, cost, gap_m)

        best = run(last[None])
        doubtful = best.cost > GOOD_COST or best.gap_m > _GOOD_GAP * self.solids.reach_m[index]
        if body.shape != "sphere" and doubtful:
            other = run(starts(body, last, seen[3]))
            best = other if other.cost < best.cost else best
        return best

    def _fine(
        self, index: int, blob: Bool, whole: Bool, start: Pose, frame: Frame, memory: Memory
    ) -> Pose:
        """The pose near `start` of the body that `whole` shows, of which `blob` hangs together."""
        body, view = self.scene.bodies[index], frame.view
        rows, columns = np.flatnonzero(blob.any(1)), np.flatnonzero(blob.any(0))
        left, top, right, bottom = view.window(
            start.position_m, self.solids.reach_m[index], MARGIN_PX
        )
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
            self.solids.kind[index], self.solids.half_m[index],
            start.position_m + start.turn @ self.solids.middle_m[index], start.turn, *seen,
            view.camera.focal_px,
            _PULL if frame.has_depth else 0.0, frame.has_depth, 0.35,
        )  # fmt: skip
        place = place - turn @ self.solids.middle_m[index]
        turn = nearest_alike(body, turn, memory.turn[index])
        return Pose(place, turn, covariance, size if frame.has_depth else np.nan, cost, gap_m)

    def _formed(self, index: int, turn: Float, place_m: Float, points: Float) -> Pose | None:
        """The pose of a body of any form by points on it; None for solids, and without points."""
        if index not in self.solids.shells:
            return None
        found = mesh_pose(self.solids.shells[index], turn, place_m, points)
        return None if found is None else Pose(*found[:3], np.nan, found[3], 0.0)

    def _gathered(
        self, index: int, blob: Bool, window: Window, near_m: float, frame: Frame
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

    def _middle(self, index: int, blob: Bool, frame: Frame) -> tuple[Float, float]:
        """A first guess of a body's place, and the depth in front of which things may hide it."""
        view, half = frame.view, self.solids.half_m[index]
        ray = view.rays[blob].mean(0)
        inner = 0.6 * float(half.min())
        seen = frame.depth_m[blob]
        seen = seen[seen > 0.0]
        if len(seen):
            depth_m = float(np.median(seen))
            near_m = depth_m + 0.3 * float(half.min())
            return view.eye_m + (depth_m + inner) * ray, near_m
        area_px = max(int(np.count_nonzero(blob)), 1)
        width_m = np.sqrt(mean_shadow_m2(self.scene.bodies[index].shape, half))
        depth_m = width_m * view.camera.focal_px / np.sqrt(area_px)
        return view.eye_m + depth_m * ray, depth_m

    def _shows(self, index: int, pose: Pose, whole: Bool, frame: Frame) -> bool:
        """Whether the frame shows enough of the body where the pose has it."""
        if self._scattered(index, pose):
            return False
        view = frame.view
        window = view.window(pose.position_m, self.solids.reach_m[index], 1)
        outline = self.solids.outline(index, pose, window, view, 0.0)
        depth_m = view.depth_of(pose.position_m)
        # The blurred rim of something else is no excuse for a body that is not there.
        hidden = outline & ~whole & (frame.hides_m < depth_m) & (frame.label != UNCLEAR)
        full = np.count_nonzero(outline)
        inside = np.count_nonzero(whole & self.solids.outline(index, pose, window, view, 0.6))
        least = max(
            FOUND_SHARE * (full - np.count_nonzero(hidden)), SLIVER_SHARE * full, SMALLEST_PX
        )
        return bool(inside >= least and inside >= INSIDE_SHARE * np.count_nonzero(whole))
