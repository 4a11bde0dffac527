"""Collector: the episodes of a training set, each a function of its number alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from worldsim.agents.explore import Explore
from worldsim.agents.rollout import rollout
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.sim.mesh import Mesh
from worldsim.sim.scenarios import find_scenario
from worldsim.sim.scenarios.swap import with_mesh
from worldsim.sim.scene import Scene, Split

LARGEST = 10.0


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
    Raises InputError on an unknown scenario or split, a negative seed, no steps or a frame rate
    that does not divide the physics rate.
    """

    scenario: str = "push"
    split: Split = "id"
    seed: int = 0
    steps: int = 64
    frame_rate_hz: int | None = None
    size_px: int = 64
    replacement: Replacement | None = None

    def __post_init__(self) -> None:
        self._first_scene()
        if self.steps < 1:
            raise InputError(f"an episode needs at least 1 step, got {self.steps}")

    @property
    def meta(self) -> dict[str, Any]:
        """What a dataset's file says about this recording: all that decides on its bytes."""
        found = self.replacement
        mesh = found and {"file": found.file, "sha256": found.sha256, "scale": found.scale}
        return {
            "scenario": self.scenario,
            "split": self.split,
            "seed": self.seed,
            "steps": self.steps,
            "frame_rate_hz": self._first_scene().frame_rate_hz,
            "size_px": self.size_px,
            "mesh": mesh,
        }

    def __call__(self, index: int) -> Episode:
        if index < 0:
            raise InputError(f"episode numbers start at 0, got {index}")
        drawn = np.random.SeedSequence([self.seed, index]).generate_state(1, np.uint64)
        env = gymnasium.make(
            find_scenario(self.scenario).env_id,
            max_episode_steps=self.steps,
            disable_env_checker=True,
            size_px=self.size_px,
            split=self.split,
            frame_rate_hz=self.frame_rate_hz,
            end_on_success=False,
        )
        seed, options = int(drawn[0]) >> 1, None
        try:
            if self.replacement is not None:
                env.reset(seed=seed)
                scene = env.unwrapped.scene  # type: ignore[attr-defined]
                options = {"scene": self._replaced(scene)}
            return rollout(env, Explore(), seed=seed, options=options)
        finally:
            env.close()

    def _first_scene(self) -> Scene:
        scene = find_scenario(self.scenario).make_scene(self.seed, self.split)
        if self.frame_rate_hz is not None:
            scene = replace(scene, frame_rate_hz=self.frame_rate_hz)
        return self._replaced(scene)

    def _replaced(self, scene: Scene) -> Scene:
        found = self.replacement
        return scene if found is None else with_mesh(scene, found.mesh, found.scale)
