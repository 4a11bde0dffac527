"""Start frames of a dream: those that ship with a checkpoint, and those a user brings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worldsim import checkpoints
from worldsim.data.store import EpisodeFile, load_episode
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.reading.perception import read
from worldsim.sim.scene import Scene

from .dream.depth import depth_of

FROM_EPISODE = ("episode", "start_frames")
FROM_FRAMES = ("frames", "depth_m", "actions", "scene")
FROM_SIMULATOR = ("simulator_seed", "split")
OPTIONS = (*FROM_EPISODE, *FROM_FRAMES, *FROM_SIMULATOR)
MOST_FRAMES = 8
DEFAULT_FRAMES = 4


@dataclass(frozen=True)
class Start:
    """k frames and the k - 1 actions between them, 1 <= k <= 8."""

    frames: NDArray[np.uint8]  # (k, H, W, 3)
    depth_m: NDArray[np.float32]  # (k, H, W)
    actions: NDArray[np.float32]  # (k - 1, A)
    scene: Scene

    @classmethod
    def of(cls, episode: Episode, frames: int) -> Start:
        """The first `frames` frames of an episode."""
        most = min(MOST_FRAMES, episode.steps + 1)
        if not 1 <= frames <= most:
            raise InputError(f"start_frames must lie in 1..{most} for this episode, got {frames}")
        return cls(
            episode.frames[:frames],
            episode.depth_m[:frames],
            episode.actions[: frames - 1],
            episode.scene,
        )


@dataclass(frozen=True)
class Starts:
    """The start episodes of a checkpoint, in the order of their file names."""

    paths: tuple[Path, ...]

    @property
    def template(self) -> Scene:
        """Camera, sizes and colours for frames that come without a scene."""
        return _load(self.paths[0]).scene

    def draw(self, rng: np.random.Generator) -> Start:
        path = self.paths[int(rng.integers(len(self.paths)))]
        episode = _load(path)
        return Start.of(episode, min(DEFAULT_FRAMES, episode.steps + 1))


def load_starts(folder: Path, scenario: str | None = None) -> Starts:
    """Those of a checkpoint folder, of all its scenarios or one; InputError where none are."""
    found = checkpoints.starts(folder)
    paths = tuple(path for path in found if scenario in (None, _scenario_of(path)))
    if not paths:
        what = f"{folder} holds no start episodes"
        raise InputError(f"checkpoint {what} of {scenario}" if found else f"checkpoint {what}")
    return Starts(paths)


def _scenario_of(path: Path) -> str:
    return EpisodeFile(path).scene.scenario


def start_of(options: dict[str, Any], starts: Starts) -> Start:
    """The start that reset options ask for; raises InputError where they do not fit."""
    sources = [key for key in (*FROM_FRAMES, "episode", "simulator_seed") if key in options]
    clash = [key for key in sources if (key in FROM_FRAMES) != (sources[0] in FROM_FRAMES)]
    clash = clash or [key for key in sources[1:] if key not in FROM_FRAMES]
    if clash:
        raise InputError(f"give either {sources[0]!r} or {clash[0]!r}, not both")
    if "split" in options and "simulator_seed" not in options:
        raise InputError('"split" needs a "simulator_seed" beside it')
    if "start_frames" in options and not {"episode", "simulator_seed"} & set(options):
        raise InputError('"start_frames" needs an "episode" or a "simulator_seed" beside it')
    if "simulator_seed" in options:
        start = _from_simulator(options, starts.template)
    elif "episode" in options:
        start = _from_episode(options["episode"], options.get("start_frames", DEFAULT_FRAMES))
    else:
        return _from_frames(options, starts.template)
    _check_fit(start, starts.template)
    return start


def _from_simulator(options: dict[str, Any], template: Scene) -> Start:
    """What SimulatorEnv shows after `reset(seed=simulator_seed)`, and on without an action."""
    from .simulator_env import SimulatorEnv  # it needs pybullet

    seed, count = options["simulator_seed"], options.get("start_frames", 1)
    for name, value in (("simulator_seed", seed), ("start_frames", count)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool):
            raise InputError(f"{name} must be a whole number, got {value!r}")
    if seed < 0 or not 1 <= count <= MOST_FRAMES:
        raise InputError(f"simulator_seed is 0 or more, start_frames 1..{MOST_FRAMES}")
    env = SimulatorEnv(
        template.scenario,
        options.get("split", "id"),
        size_px=template.camera.height_px,
        frame_rate_hz=template.frame_rate_hz,
        look=template.look,
    )
    try:
        rest = np.zeros(env.scene.action_spec.size, np.float32)
        frame, info = env.reset(seed=int(seed))
        rows = [(frame, info["depth_m"])]
        while len(rows) < count:
            frame, *_, info = env.step(rest)
            rows.append((frame, info["depth_m"]))
    finally:
        env.close()
    frames, depth_m = (np.stack(column) for column in zip(*rows, strict=True))
    return Start(frames, depth_m, np.stack([rest] * count)[1:], env.scene)


def _from_episode(episode: object, frames: object) -> Start:
    if isinstance(episode, str | Path):
        episode = load_episode(Path(episode))
    if not isinstance(episode, Episode):
        raise InputError(f"episode must be an Episode or a path, got {type(episode).__name__}")
    if not isinstance(frames, int | np.integer) or isinstance(frames, bool):
        raise InputError(f"start_frames must be a whole number, got {frames!r}")
    return Start.of(episode, int(frames))


def _from_frames(options: dict[str, Any], template: Scene) -> Start:
    scene = options.get("scene")
    if options.get("frames") is None:
        raise InputError("a start has frames; 'frames' is missing")
    if options.get("depth_m") is None and scene is None:
        raise InputError('start frames need "depth_m" or "scene"; \'depth_m\' is missing')
    if scene is not None and not isinstance(scene, Scene):
        raise InputError(f"scene must be a Scene, got {type(scene).__name__}")
    try:
        frames = np.array(options["frames"])
    except ValueError as error:
        raise InputError("frames must be an array uint8 (k, H, W, 3)") from error
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise InputError(f"frames must be uint8 (k, H, W, 3), got {frames.dtype} {frames.shape}")
    if not 1 <= len(frames) <= MOST_FRAMES:
        raise InputError(f"a start has 1 to {MOST_FRAMES} frames, got {len(frames)}")
    if options.get("depth_m") is None:
        depth_m = depth_of(frames, scene or template)
    else:
        depth_m = _numbers("depth_m", options["depth_m"])
    if depth_m.shape != frames.shape[:3]:
        raise InputError(f"depth_m must be {frames.shape[:3]} like the frames, got {depth_m.shape}")
    if (depth_m <= 0.0).any():
        raise InputError("depth_m must be above 0 everywhere: metres along the view axis")
    spec = (scene or template).action_spec
    given = options.get("actions")
    if given is None:
        given = np.zeros((0, spec.size), np.float32)
    actions = _numbers("actions", given)
    if actions.shape != (len(frames) - 1, spec.size):
        raise InputError(
            f"{len(frames)} frames need actions of shape {(len(frames) - 1, spec.size)} "
            f"between them, got {actions.shape}"
        )
    try:
        spec.check(actions)
    except ValueError as error:
        raise InputError(str(error)) from error
    start = Start(frames, depth_m, actions, scene or template)
    _check_fit(start, template)
    return start if scene is not None else replace(start, scene=_placed(start))


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float32]:
    try:
        numbers = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of numbers") from error
    if not np.isfinite(numbers).all():
        raise InputError(f"{name} holds a NaN or an infinity")
    return numbers


def _placed(start: Start) -> Scene:
    """The start's scene with its bodies and its goal where the frames showed them last."""
    scene = start.scene
    reading = read(start.frames, start.depth_m, scene, markers=True)
    bodies = list(scene.bodies)
    for index, body in enumerate(bodies):
        seen = np.flatnonzero(reading.found[:, index])
        if body.role == "marker" and not len(seen):
            raise InputError(f'no {body.name} is to be seen in the frames; give the "scene"')
        if body.role != "static" and len(seen):
            x_m, y_m, z_m = (float(value) for value in reading.position_m[seen[-1], index])
            bodies[index] = replace(body, position_m=(x_m, y_m, z_m))
    return replace(scene, bodies=tuple(bodies), seed=0)


def _check_fit(start: Start, template: Scene) -> None:
    """Raises InputError unless a start is of the kind that the checkpoint's own starts are."""
    scene = start.scene
    if scene.scenario != template.scenario:
        raise InputError(f"the model plays {template.scenario!r}, the start is {scene.scenario!r}")
    scene.action_spec.convert(start.actions, template.action_spec)
    if scene.frame_rate_hz != template.frame_rate_hz:
        raise InputError(
            f"the model draws {template.frame_rate_hz} frames a second, "
            f"the start has {scene.frame_rate_hz}"
        )
    drawn, known = scene.look.renderer, template.look.renderer
    if drawn != known:
        raise InputError(
            f"the model learned from frames of the renderer {known}, the start is {drawn}'s; "
            f"simulate it with --renderer {known}"
        )
    wanted = (template.camera.height_px, template.camera.width_px)
    for size in (start.frames.shape[1:3], (scene.camera.height_px, scene.camera.width_px)):
        if size != wanted:
            raise InputError(
                f"start frames and their camera must be {wanted[1]} x {wanted[0]} px, "
                f"got {size[1]} x {size[0]}"
            )


def _load(path: Path) -> Episode:
    # A checkpoint trained anew under the same name, or after a chdir, is another one.
    return _load_once(path.absolute(), path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _load_once(path: Path, changed_ns: int) -> Episode:
    return load_episode(path)
