"""Dreams of recorded episodes with what the model's environment says of them at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.data.dataset import Dataset
from worldsim.envs.alarms import NAMES, Alarms
from worldsim.envs.world_model_env import WorldModelEnv
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.checks.horizon import TOLERANCE_DIAMETERS, exceeded, first
from worldsim.eval.checks.position import Truth, errors, judged, shown
from worldsim.eval.reading.episodes import cameras_of
from worldsim.eval.reading.memory import Memory
from worldsim.eval.reading.perception import read
from worldsim.sim.scene import Scene

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Watched:
    """S steps of a dream; row k is step k + 1. `failed_at` is the end of its valid horizon."""

    scenario: str
    split: str
    error_m: Float  # (S, M), a lost body with the scene's diagonal; NaN where truly hidden
    found: Bool  # (S, M)
    pixel_error: Float  # (S,) mean absolute difference from the true frame in grey levels
    motion: Float  # (S,) mean absolute change of the frames so far in grey levels, summed
    doubt_m: Float  # (S,)
    values: dict[str, Float]  # of every alarm, (S,)
    fired: dict[str, Bool]
    failed_at: int | None

    @property
    def steps(self) -> int:
        return len(self.doubt_m)

    @property
    def valid(self) -> Bool:
        """Steps (S,) before the dream fails."""
        return np.arange(1, self.steps + 1) < (self.failed_at or self.steps + 1)


def episodes_of(data: Path, count: int, steps: int) -> list[Episode]:
    """The first so many episodes of a recording, cut to `steps`; InputError where it has fewer."""
    dataset = Dataset(data)
    dataset.check_finished()
    long = [entry.index for entry in dataset.entries if entry.steps >= steps]
    if len(long) < count:
        raise InputError(
            f"{data} holds {len(long)} episodes of {steps} steps; ask for fewer --episodes, "
            "lower --horizon or record more"
        )
    return [dataset[index].part(0, steps) for index in long[:count]]


def watch(checkpoint: Path, episodes: Sequence[Episode], start_frames: int = 1) -> list[Watched]:
    """Dream episodes of one scenario on from their first frames under their own actions."""
    env = WorldModelEnv(
        str(checkpoint), scenario=episodes[0].scene.scenario, alarms=True, end_on_success=False
    )
    total = sum(episode.steps - start_frames + 1 for episode in episodes)
    label = f"{episodes[0].scene.scenario} {episodes[0].scene.split}"
    with tqdm(total=total, desc=f"{label:<14}", unit="frame", disable=None) as bar:
        return [_watched(env, episode, start_frames, bar) for episode in episodes]


def values_of_truth(episode: Episode) -> dict[str, Float]:
    """Values (T + 1,) of the alarms on an episode's own frames, read as a dream's are."""
    scene = episode.scene
    alarms, memory = Alarms(scene, dict.fromkeys(NAMES, np.inf)), Memory.of(scene)
    cameras, rows = cameras_of(episode), []
    for t in range(episode.steps + 1):
        frame = slice(t, t + 1)
        seen_from = None if cameras is None else (cameras[0][frame], cameras[1][frame])
        pictures = episode.frames[frame], episode.depth_m[frame]
        reading = read(*pictures, scene, memory=memory, cameras=seen_from)
        alarms.add(reading, episode.actions[t - 1] if t else None, 0.0)
        rows.append(dict(alarms.values))
    return {name: np.array([row[name] for row in rows]) for name in NAMES}


def _watched(env: WorldModelEnv, episode: Episode, start_frames: int, bar: Any) -> Watched:
    frame, _ = env.reset(seed=0, options={"episode": episode, "start_frames": start_frames})
    start, scene = start_frames - 1, episode.scene
    moving = judged(scene)
    frames, infos = [frame], []
    for action in episode.actions[start:]:
        frame, _, _, _, info = env.step(action)
        frames.append(frame)
        infos.append(info)
        bar.update()
    found = np.array([info["body_found"][moving] for info in infos])
    places_m = np.array([info["position_m"][moving] for info in infos])
    truth = _truth(episode, start + 1)
    error_m = errors(np.where(found[..., None], places_m, np.nan), truth).total_m
    drawn, true = np.stack(frames).astype(np.int16), episode.frames[start + 1 :]
    limit_m = np.broadcast_to(TOLERANCE_DIAMETERS * truth.diameter_m, error_m.shape)
    changed = np.abs(np.diff(drawn, axis=0)).mean((1, 2, 3))
    return Watched(
        scene.scenario,
        scene.split,
        error_m,
        found,
        np.abs(drawn[1:] - true).mean((1, 2, 3)),
        np.cumsum(changed),
        np.array([info["doubt_m"] for info in infos]),
        {name: np.array([info["alarm_values"][name] for info in infos]) for name in NAMES},
        {name: np.array([info["alarms"][name] for info in infos]) for name in NAMES},
        # `exceeded` leaves the first row, a start frame, out.
        first(exceeded(np.vstack([error_m[:1], error_m]), np.vstack([limit_m[:1], limit_m]))),
    )


def _truth(episode: Episode, begin: int) -> Truth:
    scene: Scene = episode.scene
    if episode.states is None or episode.segmentation is None:
        raise InputError("this needs recordings of worldsim simulate: states and segmentation")
    moving = judged(scene)
    names = tuple(scene.bodies[i].name for i in moving)
    visible = shown(episode.segmentation, scene)[:, moving]
    return Truth(scene, names, episode.states.position_m[:, moving], visible).since(begin)
