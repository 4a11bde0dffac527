"""An episode read with what its reference knows: where the camera was, and where bodies started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

import numpy as np

from worldsim.episode import Episode
from worldsim.sim.scene import Scene

from .perception import Poses, read
from .reading import Reading


class Reader(Protocol):
    """Whoever reads an episode that is judged by a reference of the same first frame."""

    def __call__(self, episode: Episode, reference: Episode) -> Reading: ...


def read_episode(episode: Episode, reference: Episode) -> Reading:
    """Read an episode's frames, in mode B where it has no depth (see `without_depth`).

    Bodies, camera and start are those of the reference. Raises InputError on frames of another
    size than its scene's camera.
    """
    depth_m = episode.depth_m if has_depth(episode) else None
    cameras, start = cameras_of(reference), start_of(reference)
    return read(episode.frames, depth_m, reference.scene, cameras=cameras, start=start)


def cameras_of(reference: Episode) -> Poses | None:
    """Poses of the camera in every frame, where the episode has them of a camera that moves."""
    eyes = [i for i, body in enumerate(reference.scene.bodies) if body.role == "camera"]
    if not eyes or reference.states is None:
        return None
    states = reference.states
    return states.position_m[:, eyes[0]], states.orientation_xyzw[:, eyes[0]]


def start_of(reference: Episode) -> Poses | None:
    """Poses of all bodies in the first frame, where the episode has them."""
    if reference.states is None:
        return None
    return reference.states.position_m[0], reference.states.orientation_xyzw[0]


def has_depth(episode: Episode) -> bool:
    """False where all of its depth is NaN."""
    return not bool(np.isnan(episode.depth_m).all())


def without_depth(episode: Episode) -> Episode:
    """The episode with NaN for its depth: not measured."""
    return replace(episode, depth_m=np.full_like(episode.depth_m, np.nan))


@dataclass(frozen=True)
class Remembered:
    """A Reader of episodes that were read elsewhere, in other processes perhaps; reads others now.

    `readings` by `key`.
    """

    readings: Mapping[str, Reading]

    def __call__(self, episode: Episode, reference: Episode) -> Reading:
        found = self.readings.get(key(episode, reference.scene))
        return read_episode(episode, reference) if found is None else found


def key(episode: Episode, scene: Scene) -> str:
    """A digest of what is read: frames, depth and the scene they are read by."""
    digest = sha256(episode.frames.tobytes())
    digest.update(episode.depth_m.tobytes())
    digest.update(scene.to_json().encode())
    return digest.hexdigest()
