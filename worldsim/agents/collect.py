"""Collector: the episodes of a training set, each a function of its number alone."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from worldsim.agents.explore import Explore
from worldsim.agents.rollout import rollout
from worldsim.data.dataset import episode_file, recorded
from worldsim.data.store import EpisodeFile, sizes
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.sim.look import LOOKS, Look
from worldsim.sim.mesh import Mesh
from worldsim.sim.scenarios import Scenario, find_scenario
from worldsim.sim.scenarios.swap import with_mesh
from worldsim.sim.scene import Scene, Split

LARGEST = 10.0

_LEFT: list[tuple[tuple[Scenario, dict[str, Any]], gymnasium.Env[Any, Any]]] = []
_MOST_LEFT = 10
"""Environments that this process keeps for the episodes to come."""


@dataclass(frozen=True)
class Replacement:
    """A user's mesh in place of a scenario's subject, `scale` times as long as that is wide.

    `file` and `sha256` are the name and the digest of the file that it was read from.
    """

    mesh: Mesh
    file: str
    sha256: str
    scale: float = 1.0

    @classmethod
    def read(cls, path: Path, scale: float = 1.0) -> Replacement:
        """Raises InputError where the scale is out of bounds; see load_mesh for the file's."""
        from worldsim.sim.meshes import load_mesh

        if not 0.0 < scale <= LARGEST:
            raise InputError(f"--mesh-scale must be above 0 and at most {LARGEST:g}, got {scale}")
        mesh = load_mesh(path)
        return cls(mesh, path.name, sha256(path.read_bytes()).hexdigest(), scale)


@dataclass(frozen=True)
class Collector:
    """Makes episode number `index` of a recording: `steps` steps of the exploring policy.

    The result depends on the fields and `index` only, not on the process or the order, byte for
    byte. Episodes run on after success; the last step is truncated. A Collector can be pickled.
    Raises InputError on an unknown scenario or split, a negative seed, no steps or too many, a
    frame rate that does not divide the physics rate, and on states only of the renderer tiny.
    Without `frames` nothing is drawn: they are black, and not to be stored.
    """

    scenario: str = "push"
    split: Split = "id"
    seed: int = 0
    steps: int = 64
    frame_rate_hz: int | None = None
    size_px: int = 64
    replacement: Replacement | None = None
    look: Look = LOOKS["studio"]
    frames: bool = True

    def __post_init__(self) -> None:
        scene = self._first_scene()
        if self.steps < 1:
            raise InputError(f"an episode needs at least 1 step, got {self.steps}")
        sizes(scene, self.steps)  # refuses what no episode holds
        if not self.frames and self.look.renderer == "tiny":
            raise InputError(
                "frames of the renderer tiny cannot be drawn from states later; "
                "record them, or leave --renderer tiny out"
            )

    @property
    def meta(self) -> dict[str, Any]:
        """What a dataset's file says about this recording: all that decides on its bytes."""
        found, scene = self.replacement, self._first_scene()
        return {
            "scenario": self.scenario,
            "split": self.split,
            "seed": self.seed,
            "steps": self.steps,
            "frame_rate_hz": scene.frame_rate_hz,
            "physics_rate_hz": scene.physics_rate_hz,
            "size_px": self.size_px,
            "mesh": found and {"file": found.file, "sha256": found.sha256, "scale": found.scale},
            "renderer": self.look.renderer,
            "look": self.look.to_dict(),
            "frames": self.frames,
            "camera": scene.camera.to_dict(),
            "action_spec": scene.action_spec.to_dict(),
            "command": self.command,
        }

    @property
    def command(self) -> str:
        """What records this, but for the folder, the workers and how many episodes."""
        words = [f"worldsim simulate {self.scenario} --seed {self.seed} --steps {self.steps}"]
        words.append(f"--split {self.split} --size-px {self.size_px}")
        names = [name for name, look in LOOKS.items() if look == self.look]
        rate_hz, found = self._first_scene().frame_rate_hz, self.replacement
        words.append(f"--frame-rate-hz {rate_hz}")
        words += [f"--look {name}" for name in names]  # a look of the user's own has no name
        words += [] if self.frames else ["--no-frames"]
        words += [f"--mesh {found.file} --mesh-scale {found.scale:g}"] if found else []
        return " ".join(words)

    @classmethod
    def of_recording(cls, folder: Path, meta: dict[str, Any]) -> Collector:
        """The one that made a recording, from its dataset.json.

        A user's mesh is taken from an episode that can be read. Raises InputError where there is
        none, and on a dataset.json that is not a Collector's.
        """
        try:
            return cls(
                meta["scenario"],
                meta["split"],
                meta["seed"],
                meta["steps"],
                frame_rate_hz=meta["frame_rate_hz"],
                size_px=meta["size_px"],
                replacement=_recorded_mesh(folder, meta["scenario"], meta["mesh"]),
                look=Look.from_dict(meta["look"]),
                frames=meta["frames"],
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder} does not say how it was recorded ({error})") from error

    def __call__(self, index: int) -> Episode:
        if index < 0:
            raise InputError(f"episode numbers start at 0, got {index}")
        drawn = np.random.SeedSequence([self.seed, index]).generate_state(1, np.uint64)
        seed, options = int(drawn[0]) >> 1, None
        with self._environment() as env:
            if self.replacement is not None:
                env.reset(seed=seed)
                scene = env.unwrapped.scene  # type: ignore[attr-defined]
                options = {"scene": self._replaced(scene)}
            return rollout(env, Explore(), seed=seed, options=options)

    @contextmanager
    def _environment(self) -> Iterator[gymnasium.Env[Any, Any]]:
        """An environment of these settings: one that an earlier episode left, or a new one.

        One takes up to 10 ms to make, and an arm loads faster where it was loaded before.
        """
        scenario = find_scenario(self.scenario)
        settings: dict[str, Any] = {
            "max_episode_steps": self.steps,
            "size_px": self.size_px,
            "split": self.split,
            "frame_rate_hz": self.frame_rate_hz,
            "look": self.look,
            "draw": self.frames,
        }
        env = _left((scenario, settings)) or gymnasium.make(
            scenario.env_id, disable_env_checker=True, end_on_success=False, **settings
        )
        try:
            yield env
        except BaseException:
            env.close()
            raise
        _LEFT.append(((scenario, settings), env))

    def _first_scene(self) -> Scene:
        scene = find_scenario(self.scenario).make_scene(
            self.seed, self.split, self.size_px, self.size_px
        )
        if self.frame_rate_hz is not None:
            scene = replace(scene, frame_rate_hz=self.frame_rate_hz)
        return self._replaced(scene.with_look(self.look))

    def _replaced(self, scene: Scene) -> Scene:
        found = self.replacement
        return scene if found is None else with_mesh(scene, found.mesh, found.scale)


def _left(wanted: tuple[Scenario, dict[str, Any]]) -> gymnasium.Env[Any, Any] | None:
    """An environment of these settings that is not in use. All but the last few are closed."""
    found = None
    for place in [place for place in _LEFT if place[0] == wanted][:1]:
        with suppress(ValueError):  # another thread was faster
            _LEFT.remove(place)
            found = place[1]
    while len(_LEFT) > _MOST_LEFT:
        _LEFT.pop(0)[1].close()
    return found


@atexit.register
def _close_left() -> None:
    while _LEFT:
        _LEFT.pop()[1].close()


def _recorded_mesh(folder: Path, scenario: str, facts: dict[str, Any] | None) -> Replacement | None:
    if facts is None:
        return None
    subject = find_scenario(scenario).subject
    for index in recorded(folder):
        try:
            mesh = EpisodeFile(folder / episode_file(index)).scene.body(subject).mesh
        except InputError:
            continue
        if mesh is not None:
            return Replacement(mesh, facts["file"], facts["sha256"], facts["scale"])
    raise InputError(
        f"no episode of {folder} can be read, so the mesh {facts['file']} is lost; record it again "
        "with that file"
    )
