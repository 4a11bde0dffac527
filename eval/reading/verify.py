"""Poses held against the frame: drawn again and compared pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldsim.render.renderer import Images
from worldsim.sim.scene import Scene

from .gather import MARGIN_PX
from .memory import Memory
from .poses import quaternion_of
from .search import FOUND_SHARE, SMALLEST_PX
from .sight import Frame, Pose, Sight
from .solids import Solids
from .stage import Stage
from .verdict import FEWEST_PX, SHOWN_SHARE, alike, area_px, blended, shown
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
        place, quaternion, picture = self.drawn({**free, **linked}, frame.view)
        rgb, depth, ids = picture
        unseen = {k for k in linked if np.count_nonzero(ids == k + 1) < FEWEST_PX}
        faint = self._claim_linked(frame, poses, picture)
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
            covered = self._may_hide(index, front, frame.view, memory)
            sight.hidden[index] = covered or index in unseen

    def _claim_linked(
        self, frame: Frame, poses: tuple[dict[int, Pose], dict[int, Pose]], picture: Images
    ) -> set[int]:
        """Give parts of the joint the pixels that show them, and drop those that none show.

        Returns the parts that are there but have no pixel of their own.
        """
        rgb, depth, ids = picture
        free, linked = poses
        faint = set()
        for index in list(linked):
            body, drawn = self.scene.bodies[index], np.nonzero(ids == index + 1)
            same = alike(frame.rgb[drawn], rgb[drawn] * self.gain[index])
            behind_m = frame.depth_m[drawn] - depth[drawn] if frame.has_depth else None
            found, agree = shown(same, body, behind_m)
            near = (frame.label == index) & _grown(ids == index + 1)
            if not found and np.count_nonzero(near) >= SHOWN_SHARE * len(same) > 0.0:
                continue  # it has a colour of its own, and that is a pixel beside it
            if not found and len(same):
                others = {k: pose for k, pose in {**free, **linked}.items() if k != index}
                bare = self.drawn(others, frame.view)[2]
                if self._blends(drawn, frame, picture, bare):
                    faint.add(index)
                elif behind_m is not None:
                    found, agree = shown(
                        same, body, behind_m, bare[1][drawn].astype(np.float64) - depth[drawn]
                    )
            if found:
                frame.label[drawn[0][agree], drawn[1][agree]] = index
            elif index not in faint:
                del linked[index]
        return faint

    def _blends(
        self, drawn: tuple[NDArray[np.intp], ...], frame: Frame, picture: Images, bare: Images
    ) -> bool:
        """Whether the frame is nearer to the picture with a part than to that without it.

        `drawn` are rows and columns of the part's pixels.
        """
        rows, columns = drawn
        window = (
            slice(max(rows.min() - MARGIN_PX, 0), rows.max() + MARGIN_PX + 1),
            slice(max(columns.min() - MARGIN_PX, 0), columns.max() + MARGIN_PX + 1),
        )
        # Index -1, where nothing is, is the sky's factor.
        with_part, without = (
            rgb[window] * self.gain[ids[window].astype(int) - 1] for rgb, _, ids in (picture, bare)
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
