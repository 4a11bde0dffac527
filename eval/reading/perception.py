"""Where the bodies of a scene are, read off frames alone: found anew in every one."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.errors import InputError
from worldsim.sim.camera import Camera
from worldsim.sim.scene import Scene

from .detect import Detector
from .memory import Memory
from .reading import Reading
from .sight import Sight
from .tint import body_gain
from .view import View

Float = NDArray[np.float64]
Poses = tuple[Float, Float]


def read(
    frames: NDArray[np.uint8],
    depth_m: NDArray[np.floating] | None,
    scene: Scene,
    *,
    cameras: Poses | None = None,
    start: Poses | None = None,
    markers: bool = False,
    memory: Memory | None = None,
) -> Reading:
    """Read every body's pose off frames uint8 (T+1, H, W, 3), with or without depth (T+1, H, W).

    Mode A has depth in metres along the view axis; with None (mode B) known sizes and outlines give
    distances. Bodies are told apart by colour and shape. `cameras` are positions (T+1, 3) and
    orientations (T+1, 4) of a camera that moves. `start` are positions (N, 3) and orientations
    (N, 4) of the bodies in the first frame, where they are known: what the colours look like there
    is what they are taken to look like everywhere, so other light does not count. Markers that
    cannot move are looked for only with `markers`. `memory` is that of the frames before, which
    these go on from; it is changed. Without one the scene's own start is what came before.

    Raises InputError on shapes that do not fit each other or the scene's camera.
    """
    _check(frames, depth_m, scene, cameras)
    reader = _detector(scene)
    memory = Memory.of(scene) if memory is None else memory
    views = _views(reader.view, scene, cameras, len(frames))
    if start is not None and len(frames):
        depth = None if depth_m is None else depth_m[0]
        gain = body_gain(reader.stage, views[0], frames[0], depth, start)
        reader = reader.tinted(gain)
    if markers:
        reader = reader.with_markers()
    rows = []
    for t, (frame, view) in enumerate(zip(frames, views, strict=True)):
        depth = None if depth_m is None else depth_m[t].astype(np.float64)
        rows.append(reader.read(frame, depth, view, memory))
    return _joined(rows, scene)


@lru_cache(maxsize=256)  # as many as are dreamed side by side
def _detector(scene: Scene) -> Detector:
    return Detector(scene)


def _check(
    frames: NDArray[np.uint8],
    depth_m: NDArray[np.floating] | None,
    scene: Scene,
    cameras: Poses | None,
) -> None:
    size = (scene.camera.height_px, scene.camera.width_px)
    if frames.ndim != 4 or frames.dtype != np.uint8 or frames.shape[1:] != (*size, 3):
        raise InputError(
            f"frames must be uint8 (T, {size[0]}, {size[1]}, 3), got {frames.dtype} {frames.shape}"
        )
    if depth_m is not None and depth_m.shape != frames.shape[:3]:
        raise InputError(f"depth {depth_m.shape} does not match frames {frames.shape[:3]}")
    if cameras is not None and len(cameras[0]) != len(frames):
        raise InputError(f"{len(cameras[0])} camera poses for {len(frames)} frames")


def _views(fixed: View, scene: Scene, cameras: Poses | None, count: int) -> list[View]:
    if cameras is None:
        return [fixed] * count
    views, last = [], fixed
    for place, quaternion in zip(*cameras, strict=True):
        if not (np.allclose(place, last.eye_m) and np.allclose(quaternion, last.quaternion)):
            last = View(facing(scene.camera, place, quaternion))
        views.append(last)
    return views


def facing(camera: Camera, position_m: Float, orientation_xyzw: Float) -> Camera:
    """The camera at another place (3,), turned so (4,)."""
    axes = Rotation.from_quat(orientation_xyzw).as_matrix()
    place, target, up = position_m, position_m + axes[:, 2], -axes[:, 1]
    vectors = [(float(v[0]), float(v[1]), float(v[2])) for v in (place, target, up)]
    return replace(camera, position_m=vectors[0], target_m=vectors[1], up=vectors[2])


def _joined(rows: list[Sight], scene: Scene) -> Reading:
    count = len(scene.bodies)
    height, width = scene.camera.height_px, scene.camera.width_px

    def column(name: str, *shape: int) -> Any:
        kind = getattr(rows[0], name).dtype if rows else np.float64
        return np.array([getattr(row, name) for row in rows], kind).reshape(-1, *shape)

    position_m = column("position_m", count, 3)
    return Reading(
        position_m=position_m,
        covariance_m2=column("covariance_m2", count, 3, 3),
        orientation_xyzw=column("orientation_xyzw", count, 4),
        found=~np.isnan(position_m).any(-1),
        hidden=column("hidden", count),
        segmentation=column("segmentation", height, width),
        visible_share=column("visible_share", count),
        overlap=column("overlap", count),
        scale=column("scale", count),
        color_ratio=column("color_ratio", count, 3),
        extra=column("extra", count),
    )
