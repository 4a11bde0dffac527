"""What a model must beat: frozen frame, constant velocity and the nearest training clip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.reading.perception import read

from .case import Case

Float = NDArray[np.float64]

CLIP_STRIDE = 4


def frozen_frame(case: Case) -> Float:
    """Places of a clip that repeats the last start frame, (S+1, M, 3)."""
    return np.repeat(case.read_m[:1], case.steps + 1, axis=0)


def constant_velocity(case: Case) -> Float:
    """Places carried on with the velocity between the last two start frames, (S+1, M, 3).

    With one start frame there is no velocity, and bodies rest.
    """
    places = frozen_frame(case)
    if case.before_m is not None:
        move = np.nan_to_num(case.read_m[0] - case.before_m)
        places += np.arange(case.steps + 1)[:, None, None] * move
    return places


@dataclass(frozen=True)
class Library:
    """Training episodes reduced to what baselines need."""

    places: tuple[Float, ...]  # (T+1, M, 3) each, moving bodies
    actions: tuple[Float, ...]  # (T, A) each
    mean_frame: Float  # (H, W, 3)

    @classmethod
    def of(cls, episodes: Iterable[Episode]) -> Library:
        """Go through training episodes (a Dataset or a list) once, one at a time."""
        places, actions, total, frames = [], [], np.zeros(()), 0
        for episode in episodes:
            moving = list(episode.scene.moving)
            known = (
                episode.states.position_m
                if episode.states is not None
                else read(episode.frames, episode.depth_m, episode.scene).position_m
            )
            places.append(known[:, moving])
            actions.append(episode.actions.astype(np.float64))
            total = total + episode.frames.sum(0, dtype=np.float64)
            frames += len(episode.frames)
        if not frames:
            raise InputError("the training set of the nearest-clip baseline holds no episodes")
        return cls(tuple(places), tuple(actions), total / frames)

    def nearest_clip(self, case: Case) -> Float:
        """Motion of the training clip nearest in start places and actions, (S+1, M, 3).

        Both distances are in standard deviations of the training set; the clip's displacements
        are carried over to the places of the last start frame.
        """
        actions = case.reference.actions[case.start :].astype(np.float64)
        place_scale = max(float(np.concatenate(self.places).std(0).mean()), 1e-6)
        action_scale = max(float(np.concatenate(self.actions).std(0).mean()), 1e-6)
        best, clip = np.inf, case.read_m[:1]
        for places, done in zip(self.places, self.actions, strict=True):
            steps = min(len(actions), len(done))
            windows = sliding_window_view(done, steps, axis=0)[::CLIP_STRIDE]
            starts = places[: len(done) - steps + 1 : CLIP_STRIDE]
            away = np.square(starts - case.read_m[0]).sum(-1)
            away = np.nan_to_num(away).mean(-1) / place_scale**2
            unlike = np.square(windows - actions[:steps].T).mean((1, 2)) / action_scale**2
            distance = away + unlike
            k = int(distance.argmin())
            if distance[k] < best:
                first = k * CLIP_STRIDE
                best, clip = float(distance[k]), places[first : first + steps + 1]
        at = np.minimum(np.arange(case.steps + 1), len(clip) - 1)
        carried: Float = frozen_frame(case) + clip[at] - clip[0]
        return carried

    def repeated(self, case: Case) -> Float:
        """The mean frame at every step, (S+1, H, W, 3)."""
        if self.mean_frame.shape != case.frames.shape[1:]:
            raise InputError(
                f"training frames are {self.mean_frame.shape[:2]}, "
                f"the reference's {case.frames.shape[1:3]}; use one size"
            )
        frames: Float = np.broadcast_to(self.mean_frame, case.frames.shape)
        return frames
