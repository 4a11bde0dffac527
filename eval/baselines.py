"""What a model must beat: frozen frame, constant velocity and the nearest training clip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.checks.position import judged
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

    bodies: tuple[tuple[str, ...], ...]  # names of the M bodies of each
    places: tuple[Float, ...]  # (T+1, M, 3) each
    actions: tuple[Float, ...]  # (T, A) each
    mean_frame: Float  # (H, W, 3)

    @classmethod
    def of(cls, episodes: Iterable[Episode]) -> Library:
        """Go through training episodes (a Dataset or a list) once, one at a time."""
        bodies, places, actions, total, frames = [], [], [], np.zeros(()), 0
        for episode in episodes:
            moving = judged(episode.scene)
            known = (
                episode.states.position_m
                if episode.states is not None
                else read(episode.frames, episode.depth_m, episode.scene).position_m
            )
            bodies.append(tuple(episode.scene.bodies[index].name for index in moving))
            places.append(known[:, moving])
            actions.append(episode.actions.astype(np.float64))
            total = total + episode.frames.sum(0, dtype=np.float64)
            frames += len(episode.frames)
        if not frames:
            raise InputError("the training set of the nearest-clip baseline holds no episodes")
        return cls(tuple(bodies), tuple(places), tuple(actions), total / frames)

    def nearest_clip(self, case: Case) -> Float:
        """Motion of the training clip nearest in start places and actions, (S+1, M, 3).

        Both distances are in standard deviations of the training set, that of places over the
        bodies that both have; the clip's displacements are carried over to the places of the last
        start frame. A body that the clip has not stays where it was.
        """
        pairs, clip = self._nearest(case)
        at = np.minimum(np.arange(case.steps + 1), len(clip) - 1)
        carried = frozen_frame(case)
        for mine, theirs in pairs:
            carried[:, mine] += clip[at, theirs] - clip[0, theirs]
        return carried

    def _nearest(self, case: Case) -> tuple[list[tuple[int, int]], Float]:
        """Pairs of bodies (case's, clip's) and the clip's places (at most S+1, M, 3)."""
        actions = case.reference.actions[case.start :].astype(np.float64)
        place_scale, action_scale = self._place_scale(), self._action_scale()
        best, clip = np.inf, case.read_m[:1]
        shared: list[tuple[int, int]] = []
        for names, places, done in zip(self.bodies, self.places, self.actions, strict=True):
            pairs = [(i, names.index(n)) for i, n in enumerate(case.truth.bodies) if n in names]
            if not pairs or done.shape[1] != actions.shape[1]:
                continue
            steps = min(len(actions), len(done))
            windows = sliding_window_view(done, steps, axis=0)[::CLIP_STRIDE]
            starts = places[: len(done) - steps + 1 : CLIP_STRIDE]
            mine, theirs = (list(side) for side in zip(*pairs, strict=True))
            away = np.square(starts[:, theirs] - case.read_m[0, mine]).sum(-1)
            away = np.nan_to_num(away).mean(-1) / place_scale**2
            unlike = np.square(windows - actions[:steps].T).mean((1, 2)) / action_scale**2
            # Each body that the clip lacks counts as one deviation.
            distance = away + unlike + (len(case.truth.bodies) - len(pairs))
            k = int(distance.argmin())
            if distance[k] < best:
                first = k * CLIP_STRIDE
                best, shared, clip = float(distance[k]), pairs, places[first : first + steps + 1]
        return shared, clip

    def _place_scale(self) -> float:
        """Mean deviation of a coordinate of a body over all episodes that show it."""
        by_name: dict[str, list[Float]] = {}
        for names, places in zip(self.bodies, self.places, strict=True):
            for index, name in enumerate(names):
                by_name.setdefault(name, []).append(places[:, index])
        scales = [np.nanstd(np.concatenate(rows), axis=0).mean() for rows in by_name.values()]
        return max(float(np.mean(scales)), 1e-6)

    def _action_scale(self) -> float:
        return max(float(np.concatenate(self.actions).std(0).mean()), 1e-6)

    def repeated(self, case: Case) -> Float:
        """The mean frame at every step, (S+1, H, W, 3)."""
        if self.mean_frame.shape != case.frames.shape[1:]:
            raise InputError(
                f"training frames are {self.mean_frame.shape[:2]}, "
                f"the reference's {case.frames.shape[1:3]}; use one size"
            )
        frames: Float = np.broadcast_to(self.mean_frame, case.frames.shape)
        return frames
