"""What a scene would look like with its bodies in given poses, and with none of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from worldsim.render.renderer import Images, Renderer
from worldsim.sim.camera import Camera
from worldsim.sim.look import Look
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]

_AWAY_M = (0.0, 0.0, -1.0e3)  # under every floor: not drawn


class Stage:
    """Draws a scene's bodies at poses that were read, without anti-aliasing.

    Scenes of TinyRenderer's look are drawn by our renderer, at TinyRenderer's sample points.
    """

    def __init__(self, scene: Scene) -> None:
        look = (
            scene.look
            if scene.look.renderer == "worldsim"
            else Look(shadows="none", texture=0.0, gloss=0.0)
        )
        shadows = "hard" if look.shadows == "soft" else look.shadows
        plain = replace(look, samples=1, shadows=shadows)
        self._renderer = Renderer(replace(scene, look=plain))
        self._eyes = [i for i, body in enumerate(scene.bodies) if body.role == "camera"]
        self._position_m = np.array([body.position_m for body in scene.bodies])
        self._orientation_xyzw = np.array([body.orientation_xyzw for body in scene.bodies])
        self._moves = np.array([body.moves for body in scene.bodies])
        self._loose = np.array([body.role != "static" for body in scene.bodies])

    def look_from(self, camera: Camera) -> None:
        """Take the view of a camera that moves with a body of the scene."""
        for index in self._eyes:
            self._position_m[index] = camera.position_m
            self._orientation_xyzw[index] = camera.orientation_xyzw

    def draw(self, position_m: Float, orientation_xyzw: Float) -> Images:
        """RGB, depth and body index + 1 with bodies (N,) there; NaN: not there at all."""
        place, turn = self._position_m.copy(), self._orientation_xyzw.copy()
        put = self._loose & ~np.isnan(position_m).any(1)
        put[self._eyes] = False
        gone = self._moves & ~put
        gone[self._eyes] = False
        place[put], place[gone] = position_m[put], _AWAY_M
        known = put & ~np.isnan(orientation_xyzw).any(1)
        turn[known] = orientation_xyzw[known]
        return self._renderer.draw(place, turn)

    def empty(self) -> Images:
        """The same with no body that can move."""
        nowhere = np.full_like(self._position_m, np.nan)
        return self.draw(nowhere, self._orientation_xyzw)
