"""Faults of what is there to be seen: bodies gone, doubled, recoloured or of another size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldsim.proof.clips.film import Shot
from worldsim.proof.faults.fault import Cue, Run, scene_with
from worldsim.sim.scene import Body, Scene

Float = NDArray[np.float64]
_AWAY_M = -1000.0  # under the ground: neither seen nor casting a shadow


def vanish(run: Run, cue: Cue, frames: float) -> None:
    """Draw the scene without the body for so many frames; it goes on unseen."""
    index = run.scene.index(cue.body)

    def gone(k: int, shot: Shot) -> Shot:
        if k > frames:
            return shot
        position_m = shot.position_m.copy()
        position_m[index] = (0.0, 0.0, _AWAY_M)
        return replace(shot, position_m=position_m)

    run.redraw(gone)


def duplicate(run: Run, cue: Cue, frames: float) -> None:
    """A second body of the same looks beside it, at rest, for so many frames."""
    body, (place_m, turn) = run.body(cue.body), run.pose(cue.body)
    twin = replace(body, name=f"{body.name}, again", role="free")
    scene = replace(run.scene, bodies=(*run.scene.bodies, twin))
    place_m = place_m + np.array(cue.toward) * body.diameter_m

    def doubled(k: int, shot: Shot) -> Shot:
        if k > frames:
            return shot
        position_m = np.vstack([shot.position_m, place_m])
        turns = np.vstack([shot.orientation_xyzw, turn])
        return Shot(scene, position_m, turns)

    run.redraw(doubled)


def colour(run: Run, cue: Cue, share: float) -> None:
    """Take the body's colour so far of the way to another."""
    body = run.body(cue.body)
    _draw_as(run, scene_with(run.scene, _tinted(body, cue.color_rgb, share)))


def swap(run: Run, cue: Cue, share: float) -> None:
    """Take the colours of two bodies so far of the way to each other's: at 1 they have swapped."""
    one, two = run.body(cue.body), run.body(cue.other)
    tinted = (_tinted(one, two.color_rgb, share), _tinted(two, one.color_rgb, share))
    _draw_as(run, scene_with(run.scene, *tinted))


def shape(run: Run, cue: Cue, share: float) -> None:
    """Scale the body by so much up or down, its lowest point where it was."""
    index, body = run.scene.index(cue.body), run.body(cue.body)
    scale = 1.0 + share if cue.sign > 0 else 1.0 / (1.0 + share)
    size_m = tuple(scale * edge for edge in body.size_m)
    scene = scene_with(run.scene, replace(body, size_m=size_m))

    def grown(k: int, shot: Shot) -> Shot:
        position_m = shot.position_m.copy()
        position_m[index, 2] += (scale - 1.0) * depth_below_m(body, shot.orientation_xyzw[index])
        return Shot(scene, position_m, shot.orientation_xyzw)

    run.redraw(grown)


def depth_below_m(body: Body, orientation_xyzw: Float) -> float:
    """How far a body reaches below its centre; a mesh's as its box's."""
    up = Rotation.from_quat(orientation_xyzw).as_matrix()[2]
    if body.shape == "sphere":
        return body.size_m[0]
    if body.shape == "cylinder":
        radius_m, height_m = body.size_m
        return float(abs(up[2]) * 0.5 * height_m + radius_m * np.hypot(up[0], up[1]))
    return float(np.abs(up) @ (0.5 * np.array(body.size_m)))


def _tinted(body: Body, color_rgb: tuple[float, float, float], share: float) -> Body:
    mixed = (1.0 - share) * np.array(body.color_rgb) + share * np.array(color_rgb)
    red, green, blue = np.clip(mixed, 0.0, 1.0).tolist()
    return replace(body, color_rgb=(red, green, blue))


def _draw_as(run: Run, scene: Scene) -> None:
    run.redraw(lambda k, shot: replace(shot, scene=scene))
