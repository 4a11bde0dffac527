"""Sight: what of a true clip can be seen, and what happens in it: where faults can show."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.sim.camera import Camera
from worldsim.sim.scene import Body, Scene

Float = NDArray[np.float64]
FIRST = 2
"""Earliest onset: a clip begins with what is true."""
AFTER = 8
"""So many frames at least follow an onset."""
IN_VIEW_PX = 12
"""A body is in view, and a fault shows, where it takes so many pixels."""
CAMERA_M = 0.3
_EDGE_PX = 5.0
_ONE_HANDED = ("force", "launch")  # actuators whose body is its own


class Sight:
    """A true clip with states, contacts and segmentation; bodies go by their scene index."""

    def __init__(self, truth: Episode) -> None:
        if truth.states is None or truth.contacts is None or truth.segmentation is None:
            raise ValueError("what shows is decided by states, contacts and segmentation")
        self.truth = truth
        self.scene: Scene = truth.scene
        self.steps = truth.steps
        self.states: BodyStates = truth.states
        self.contacts: Contacts = truth.contacts
        labels = range(1, len(self.scene.bodies) + 1)
        columns = [(truth.segmentation == label).sum((1, 2)) for label in labels]
        self.shown_px: NDArray[np.int64] = np.stack(columns, axis=1)  # (T+1, N)

    @property
    def onsets(self) -> range:
        return range(FIRST, self.steps - AFTER + 1)

    @cached_property
    def loose(self) -> tuple[int, ...]:
        """Bodies that move freely, so that their state can be edited."""
        own = self.scene.actuator.kind in _ONE_HANDED
        return tuple(
            i
            for i, body in enumerate(self.scene.bodies)
            if body.role == "free" or (body.role == "actuated" and own)
        )

    @cached_property
    def whole(self) -> tuple[int, ...]:
        """Bodies of one piece that can move: the loose ones and a planar pusher."""
        planar = self.scene.actuator.kind == "planar"
        return self.loose + ((self.scene.index(self.scene.actuator.body),) if planar else ())

    @cached_property
    def speed_m_s(self) -> Float:
        """(T+1, N)"""
        speed: Float = np.linalg.norm(self.states.velocity_m_s, axis=-1)
        return speed

    def body(self, index: int) -> Body:
        return self.scene.bodies[index]

    def in_view(self, index: int, frame: int, frames: int = 1) -> bool:
        """Whether a body shows, in this frame and those that follow."""
        return bool((self.shown_px[frame : frame + frames, index] >= IN_VIEW_PX).all())

    def touching(self, index: int) -> NDArray[np.bool_]:
        """Frames (T+1,) that something touches it in."""
        return self.contacts.touching(index)

    def resting(self, index: int, frame: int) -> bool:
        """Whether it lies still on something, with nothing upon it."""
        still = self.speed_m_s[frame, index] < 0.03
        return bool(still and self.touching(index)[frame] and not self._bears(index, frame))

    def flying(self, index: int, frame: int, frames: int = 4) -> bool:
        """Whether nothing touches it, in this frame and those that follow."""
        return not self.touching(index)[frame : frame + frames].any()

    def impacts(self, least_m_s: float) -> list[tuple[int, int, int]]:
        """(frame, body, other) of impacts of loose bodies that change speeds by so much."""
        found = []
        for frame in range(FIRST + 1, self.steps + 1):
            for row in range(int(self.contacts.count[frame])):
                pair = [int(i) for i in self.contacts.bodies[frame, row]]
                impulse_n_s = float(self.contacts.impulse_n_s[frame, row])
                for one, other in (pair, pair[::-1]):
                    if one not in self.loose or self._met(one, other, frame):
                        continue
                    if impulse_n_s / self.body(one).mass_kg >= least_m_s:
                        found.append((frame, one, other))
        return found

    def path_diameters(self, start: int, stop: int) -> float:
        """The longest way, in its diameters, of what is in view between two frames.

        A camera that moves counts as a body of CAMERA_M: all that it sees moves in the image.
        """
        moved = np.diff(self.states.position_m[start : stop + 1], axis=0)
        way_m, longest = np.linalg.norm(moved, axis=-1).sum(0), 0.0
        for index in self.scene.moving:
            body = self.body(index)
            if body.role == "camera":
                longest = max(longest, float(way_m[index]) / CAMERA_M)
            elif body.role != "marker" and self.in_view(index, start):
                longest = max(longest, float(way_m[index]) / body.diameter_m)
        return longest

    def area_px(self, name: str, onset: int) -> int:
        """The most that a body shows from the onset on; of the smallest in view without a name."""
        most = self.shown_px[onset:].max(0)
        if name:
            return int(most[self.scene.index(name)])
        seen = [most[i] for i in self.whole if most[i] >= IN_VIEW_PX]
        return int(min(seen, default=IN_VIEW_PX))

    def camera(self, frame: int) -> Camera:
        """Where the view was taken from."""
        for index, body in enumerate(self.scene.bodies):
            if body.role == "camera":
                x, y, z, w = self.states.orientation_xyzw[frame, index]
                # The third column of the turn: the view axis in the world.
                ahead = (2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y))
                place = self.states.position_m[frame, index]
                target = (place + np.array(ahead)).tolist()
                return replace(
                    self.scene.camera, position_m=tuple(place.tolist()), target_m=tuple(target)
                )
        return self.scene.camera

    def free(self, index: int, place_m: Float, frame: int, frames: int = 1) -> bool:
        """Whether a body would be in view at a place (3,) and clear of all others meanwhile."""
        radius_m = 0.5 * max(self.body(index).diameter_m, self.body(index).height_m)
        camera = self.camera(frame)
        pixel, depth_m = camera.project(place_m)
        size = np.array([camera.width_px, camera.height_px])
        if depth_m <= 0.0 or (pixel < _EDGE_PX).any() or (pixel > size - _EDGE_PX).any():
            return False
        low_m = float(place_m[2]) - 0.5 * self.body(index).height_m
        return all(
            self._clear(other, place_m, radius_m, low_m, frame, frames)
            for other, body in enumerate(self.scene.bodies)
            if other != index and body.role not in ("marker", "camera")
        )

    def _clear(
        self, other: int, place_m: Float, radius_m: float, low_m: float, frame: int, frames: int
    ) -> bool:
        body = self.body(other)
        places = self.states.position_m[frame : frame + frames, other]
        if body.role == "static" and body.shape == "box":
            half = 0.5 * np.array(body.size_m)
            if places[0, 2] + half[2] <= low_m + 0.01:  # what things stand on
                return True
            gap = np.abs(place_m - places[0]) - half
            return bool(np.linalg.norm(np.maximum(gap, 0.0)) > radius_m)
        reach_m = radius_m + 0.5 * max(body.diameter_m, body.height_m)
        return bool((np.linalg.norm(places - place_m, axis=-1) > reach_m).all())

    def _bears(self, index: int, frame: int) -> bool:
        """Whether something lies on it: a contact whose normal pushes it down."""
        for row in range(int(self.contacts.count[frame])):
            one, two = self.contacts.bodies[frame, row]
            up = float(self.contacts.normal[frame, row][2])  # from the second to the first
            if (one == index and up < -0.5) or (two == index and up > 0.5):
                return True
        return False

    def _met(self, one: int, other: int, frame: int) -> bool:
        """Whether two bodies touched in one of the two frames before."""
        return bool(self.contacts.touching(one, other)[max(0, frame - 2) : frame].any())
