"""film(): the one path by which true and faulty clips become images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import BodyStates, Episode
from worldsim.render import Renderer
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Shot:
    """What one frame is drawn from: a scene and poses of its bodies, (N, 3) m and (N, 4)."""

    scene: Scene
    position_m: Float
    orientation_xyzw: Float


def shots_of(scene: Scene, states: BodyStates) -> list[Shot]:
    """One shot for each row of the states."""
    rows = zip(states.position_m, states.orientation_xyzw, strict=True)
    return [Shot(scene, position_m, turn) for position_m, turn in rows]


def film(episode: Episode, shots: Sequence[Shot], source: str) -> Episode:
    """The episode with images of the shots, T+1 of them, and no states or contacts of its own.

    Its scene stays: what another scene shows in a shot is not what an evaluator is told.
    Segmentation counts the bodies of each shot's own scene.
    """
    renderers: dict[int, Renderer] = {}
    images = []
    for shot in shots:
        renderer = renderers.get(id(shot.scene))
        if renderer is None:
            renderer = renderers[id(shot.scene)] = Renderer(shot.scene)
        images.append(renderer.draw(shot.position_m, shot.orientation_xyzw))
    frames, depth_m, segmentation = (np.stack(column) for column in zip(*images, strict=True))
    return replace(
        episode,
        frames=frames,
        depth_m=depth_m,
        segmentation=segmentation,
        states=None,
        contacts=None,
        source=source,
    )
