"""Renderer: a scene and the poses of its bodies become RGB, depth and segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import BodyStates
from worldsim.errors import InputError
from worldsim.render.compiled import announced
from worldsim.render.picture import draw
from worldsim.render.pixels import TILE
from worldsim.render.records import (
    body_records,
    layer_arrays,
    mesh_arrays,
    room_arrays,
    view_record,
)
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]
Images = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]


class Renderer:
    """Draws one scene, again and again: what rests is drawn once.

    The pixels are a function of the scene and the poses alone, bit for bit, whatever was drawn
    before, in any process or thread. One Renderer serves one thread at a time.
    Raises InputError where the scene's look is not this renderer's.
    """

    def __init__(self, scene: Scene) -> None:
        if scene.look.renderer != "worldsim":
            raise InputError(
                f"frames of the look {scene.look.renderer!r} are drawn by PyBullet's TinyRenderer, "
                "in the simulator only; choose another look"
            )
        self.scene = scene
        self._bodies = body_records(scene)
        self._view = view_record(scene)
        self._eyes = [i for i, body in enumerate(scene.bodies) if body.role == "camera"]
        self._fixed = np.append(np.flatnonzero(self._bodies["still"] == 1), self._eyes).astype(int)
        self._rested: Float | None = None
        height, width = scene.camera.height_px, scene.camera.width_px
        size, tiles = (height, width), (-(-height // TILE), -(-width // TILE))
        self._resting = _images(size)
        self._drawn = (*_images(size), np.empty(size, np.uint8))
        self._flat = tuple(
            image.reshape(-1)
            for pair in zip(self._resting, self._drawn, strict=False)
            for image in pair
        )
        self._meshes = mesh_arrays(scene)
        self._layers = layer_arrays(scene)
        self._room = (
            *room_arrays(scene, self._meshes),
            np.zeros(9, np.int64),
            np.zeros((*tiles, 1 + len(scene.bodies)), np.int32),
            np.zeros(size, np.uint8),
        )

    def draw(self, position_m: Float, orientation_xyzw: Float) -> Images:
        """Draw bodies at positions (N, 3) in metres with orientations (N, 4), scene order.

        RGB uint8 (H, W, 3), depth in metres along the view axis float32 (H, W), body index + 1
        uint8 (H, W). Depth is `far_m` and segmentation 0 where nothing was hit. A body of the role
        "camera" has the view. Raises InputError on other shapes and on what is not finite.
        """
        bodies = self._bodies
        for name, values, width in (
            ("position_m", position_m, 3),
            ("orientation_xyzw", orientation_xyzw, 4),
        ):
            if np.shape(values) != (len(bodies), width) or not np.isfinite(values).all():
                raise InputError(
                    f"{name} must be finite numbers ({len(bodies)}, {width}), got "
                    f"{np.shape(values)}"
                )
        bodies["position"], bodies["quaternion"] = position_m, orientation_xyzw
        rested = np.hstack([position_m[self._fixed], orientation_xyzw[self._fixed]])
        fresh = self._rested is None or not np.array_equal(rested, self._rested)
        if fresh:
            self._rested = None  # for as long as that is under way: it may be interrupted
            for index in self._eyes:
                view_record(self.scene, (position_m[index], orientation_xyzw[index]), self._view)
        with announced():
            draw(
                bodies,
                self._view,
                fresh,
                self._resting,
                self._drawn,
                self._flat,
                self._meshes,
                self._layers,
                self._room,
            )
        self._rested = rested
        ids, depth_m, _, rgb, _ = self._drawn
        return rgb.copy(), depth_m.copy(), ids.copy()


def draw_states(scene: Scene, states: BodyStates) -> Images:
    """Draw every row of the states, stacked: (T+1, H, W, 3), (T+1, H, W), (T+1, H, W)."""
    renderer = Renderer(scene)
    rows = [
        renderer.draw(position_m, orientation_xyzw)
        for position_m, orientation_xyzw in zip(
            states.position_m, states.orientation_xyzw, strict=True
        )
    ]
    frames, depth_m, segmentation = zip(*rows, strict=True)
    return np.stack(frames), np.stack(depth_m), np.stack(segmentation)


def _images(size: tuple[int, int]) -> tuple[Any, ...]:
    """Room for body index + 1, depth, key and RGB."""
    return (
        np.zeros(size, np.uint8),
        np.zeros(size, np.float32),
        np.zeros(size, np.int32),
        np.zeros((*size, 3), np.uint8),
    )
