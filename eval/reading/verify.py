"""Poses held against the frame: drawn again and compared pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldsim.render.renderer import Images
from worldsim.sim.scene import Scene

from .gather import MARGIN_PX
from .memory import Memory
from .poses import quaternion_of
from .redraw import Image, pixels
from .search import FOUND_SHARE, SMALLEST_PX
from .sight import Frame, Pose, Sight
from .solids import Solids
from .stage import Stage
from .verdict import FEWEST_PX, alike, area_px, blended, shown
from .view import View

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

LEAST_OVERLAP = 0.25
"""Least intersection over union of the pixels that show a body and those of its drawn pose."""


class Verifier:
    """Compares poses of one scene's bodies with frames."""

    def __init__(self, scene: Scene, stage: Stage, solids: Solids, gain: Float) -> None:
        self.scene, self.stage, self.solids = scene, stage, solids
        self.gain = gain  # (N + 1, 3): factors on the colours of drawn bodies

    def drawn(self, poses: dict[int, Pose], view: View) -> tuple[Float, Float, Images]:
        """Places (N, 3) and quaternions (N, 4), NaN where nothing was found, and their picture."""
        count = len(self.scene.bodies)
        place, quaternion = np.full((count, 3), np.nan), np.full((count, 4), np.nan)
        for index, pose in poses.items():
            place[index] = pose.position_m
            quaternion[index] = quaternion_of(pose.turn)
        self.stage.look_from(view.camera)
        return place, quaternion, self.stage.draw(place, quaternion)

    def pixels(self, poses: dict[int, Pose], view: View, deep_m: float) -> Image:
        """What poses would look like, see `redraw.pixels`."""
        rgb, depth_m, ids = self.drawn(poses, view)[2]
        return pixels(rgb * self._gains(ids), depth_m, deep_m)

    def _gains(self, ids: NDArray[np.uint8]) -> Float:
        """Factors (..., 3) on the colours of what is drawn; index -1, where nothing is, is sky."""
        factors: Float = self.gain[ids.astype(int) - 1]
        return factors

    def fill(
        self,
        sight: Sight,
        frame: Frame,
        poses: tuple[dict[int, Pose], dict[int, Pose]],
        wanted: list[int],
        memory: Memory,
    ) -> None:
        """Enter what the frame shows of poses: those found freely, and those of a joint's parts."""
        free, linked = poses
        place, quaternion, (rgb, depth, ids) = self.drawn({**free, **linked}, frame.view)
        covered = {k for k in linked if np.count_nonzero(ids == k + 1) < FEWEST_PX}
        faint = self._claim_linked(frame, poses, rgb, depth, ids)
        covered = covered if linked else set()  # else the joint is not where that picture has it
        lost = [index for index in wanted if index not in free and index not in linked]
        for index, pose in {**free, **linked}.items():
            mine, drawn = frame.label == index, ids == index + 1
            if index not in faint:
                self._compare(index, pose, mine, drawn, frame, sight)
            if index not in linked and not sight.overlap[index] >= LEAST_OVERLAP:
                sight.forget(index)
                lost.append(index)
                continue
            memory.seen(index, pose.position_m, pose.turn)
            sight.position_m[index], sight.orientation_xyzw[index] = place[index], quaternion[index]
            if self.scene.bodies[index].shape == "sphere":
                sight.orientation_xyzw[index] = np.nan
            sight.covariance_m2[index] = pose.covariance_m2
            sight.scale[index] = pose.scale
            both = mine & drawn
            if both.any():
                ratio = (frame.rgb[both].mean(0) + 1.0) / (rgb[both].mean(0) + 1.0)
                sight.color_ratio[index] = ratio
            sight.segmentation[mine & _grown(drawn)] = index + 1
        front = np.where(ids > 0, depth, np.inf)
        for index in lost:
            may_hide = self._may_hide(index, front, frame.view, memory)
            sight.hidden[index] = may_hide or index in covered

    def _claim_linked(
        self,
        frame: Frame,
        poses: tuple[dict[int, Pose], dict[int, Pose]],
        rgb: NDArray[np.uint8],
        depth: NDArray[np.float32],
        ids: NDArray[np.uint8],
    ) -> set[int]:
        """Give parts of the joint the pixels that show them, and drop those that none show.

        Returns the parts that are there but have no pixel of their own.
        """
        free, linked = poses
        faint = set()
        for index in list(linked):
            drawn = np.nonzero(ids == index + 1)
            same = alike(frame.rgb[drawn], rgb[drawn] * self.gain[index])
            behind_m = frame.depth_m[drawn] - depth[drawn] if frame.has_depth else None
            found, agree = shown(same, self.scene.bodies[index], behind_m)
            if found:
                frame.label[drawn[0][agree], drawn[1][agree]] = index
            elif self._blends(index, frame, {**free, **linked}, (rgb, ids)):
                faint.add(index)
            else:
                del linked[index]
        return faint

    def _blends(
        self,
        index: int,
        frame: Frame,
        poses: dict[int, Pose],
        drawn: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    ) -> bool:
        """Whether the frame is nearer to what is drawn with a part than to that without it."""
        rgb, ids = drawn
        rows, columns = np.nonzero(ids == index + 1)
        if not len(rows):
            return False
        others = {other: pose for other, pose in poses.items() if other != index}
        bare_rgb, _, bare_ids = self.drawn(others, frame.view)[2]
        window = (
            slice(max(rows.min() - MARGIN_PX, 0), rows.max() + MARGIN_PX + 1),
            slice(max(columns.min() - MARGIN_PX, 0), columns.max() + MARGIN_PX + 1),
        )
        with_part, without = (
            shot[window] * self._gains(labels[window])
            for shot, labels in ((rgb, ids), (bare_rgb, bare_ids))
        )
        return blended(frame.rgb[window].astype(np.float64), with_part, without)

    def _compare(
        self, index: int, pose: Pose, mine: Bool, drawn: Bool, frame: Frame, sight: Sight
    ) -> None:
        """Overlap, visible share and further blobs of one body."""
        view = frame.view
        window = view.window(pose.position_m, self.solids.reach_m[index], MARGIN_PX)
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
            full = int(np.count_nonzero(self.solids.outline(index, pose, window, view, 0.0)))
        sight.visible_share[index] = min(both / max(full, 1), 1.0)
        counts = np.bincount(frame.part[mine & ~around & (frame.part >= 0)], minlength=1)
        sight.extra[index] = int(np.count_nonzero(counts >= max(0.25 * full, 6)))

    def _may_hide(self, index: int, front: Float, view: View, memory: Memory) -> bool:
        """Whether a body that was not found may be behind others or out of view."""
        body = self.scene.bodies[index]
        pose = Pose(np.zeros(3), memory.turn[index], np.zeros((3, 3)), 1.0, 0.0, 0.0)
        for place in memory.missed(index):
            pose.position_m = place
            window = view.window(place, self.solids.reach_m[index], 1)
            outline = self.solids.outline(index, pose, window, view, 0.0)
            shown = outline & (front > view.depth_of(place) - 0.5 * body.height_m)
            span_px = 2.0 * self.solids.half_m[index].min() * view.camera.focal_px
            usual = (span_px / max(view.depth_of(place), 1e-3)) ** 2
            if np.count_nonzero(shown) < max(FOUND_SHARE * usual, SMALLEST_PX):
                return True
        return False


def _grown(mask: Bool) -> Bool:
    """A mask (H, W) and the pixels beside it."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown
