"""The renderer's face (kernels under way)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import BodyStates
from worldsim.sim.scene import Scene

Images = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]


class Renderer:
    def __init__(self, scene: Scene, assets: Path | None = None) -> None:
        self.scene = scene

    def draw(self, position_m: NDArray[np.float64], orientation_xyzw: NDArray[np.float64]) -> Images:
        """RGB uint8 (H, W, 3), depth m float32 (H, W), body index + 1 uint8 (H, W)."""
        raise NotImplementedError


def draw_states(scene: Scene, states: BodyStates, assets: Path | None = None) -> Images:
    """The same for every row of states, stacked."""
    renderer = Renderer(scene, assets)
    rows = [
        renderer.draw(p, q)
        for p, q in zip(states.position_m, states.orientation_xyzw, strict=True)
    ]
    rgb, depth_m, segmentation = zip(*rows, strict=True)
    return np.stack(rgb), np.stack(depth_m), np.stack(segmentation)
