"""Scenario: a seed and a split make a scene, an actuator moves it, a task says what it is for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worldsim.errors import InputError, unknown
from worldsim.sim.scenarios.table import Drawn, Reserved, Table, draw
from worldsim.sim.scene import Scene, Split


@dataclass(frozen=True)
class Moment:
    """The bodies of a scene in one frame, in its order: from the engine, or read off a frame."""

    position_m: NDArray[np.float64]  # (N, 3)
    orientation_xyzw: NDArray[np.float64]  # (N, 4)
    velocity_m_s: NDArray[np.float64]  # (N, 3)


@dataclass(frozen=True)
class Outcome:
    """What a moment is worth.

    `distance_m` is what still separates the scene from success; it can be above 0 on success.
    `failed` says that success is out of reach. Either ends an episode.
    """

    reward: float
    success: bool
    distance_m: float
    failed: bool = False

    @classmethod
    def of(cls, distance_m: float, success: bool, failed: bool = False) -> Outcome:
        """The usual reward: minus the distance in metres, plus 1 on success, minus 1 on failure."""
        reward = float(success) - float(failed) - distance_m
        return cls(reward, bool(success), float(distance_m), bool(failed))


Task = Callable[[Scene, Moment], Outcome]


@dataclass(frozen=True)
class Scenario:
    """A kind of scene, its task, and what its splits vary.

    `build(rng, drawn)` makes the scene from the values drawn from `table` (see `draw`) and a
    generator for all else, places above all; name, split and seed are filled in. `subject` names
    the body that the task is about, `goal` the one that it belongs on, where the reward hangs on
    these two alone. `task` sees 3D states only, so it judges simulator and model alike. Without
    `reserved` pairs there is no combo.
    """

    name: str
    build: Callable[[Generator, Drawn], Scene]
    task: Task
    table: Table
    subject: str
    reserved: Reserved = ()
    goal: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", str(self.name)):
            raise InputError(
                f"a scenario's name is lower case letters, digits and single _, got {self.name!r}"
            )
        for one, other in self.reserved:
            for factor in (one, other):
                if factor not in self.table:
                    raise unknown("factor", factor, self.table)
            if one == other:
                raise InputError(f"a reserved pair has two different factors, got {one!r} twice")

    @property
    def env_id(self) -> str:
        """Its simulator's id in Gymnasium: worldsim/Push-v0 for push."""
        return f"worldsim/{self._title}-v0"

    @property
    def model_id(self) -> str:
        """Its model's id in Gymnasium: worldsim/Push-WM-v0 for push."""
        return f"worldsim/{self._title}-WM-v0"

    @property
    def twin_id(self) -> str:
        """The id of both side by side: worldsim/Push-Twin-v0 for push."""
        return f"worldsim/{self._title}-Twin-v0"

    @property
    def splits(self) -> tuple[Split, ...]:
        """Those it has."""
        return tuple(s for s in get_args(Split) if s != "combo" or self.reserved)

    @property
    def _title(self) -> str:
        return "".join(part.capitalize() for part in self.name.split("_"))

    def drawn(self, seed: int, split: Split = "id") -> Drawn:
        """What the scene of that seed and split has drawn from the table."""
        return draw(self._rng(seed, split), self.table, self.reserved, split)

    def make_scene(
        self, seed: int, split: Split = "id", width_px: int = 64, height_px: int = 64
    ) -> Scene:
        """The scene of a seed: the same on every machine and in every process.

        Raises InputError on an unknown split or one that the scenario has not, a negative seed, an
        empty image, a scene without the subject, or where no start poses are found.
        """
        if min(width_px, height_px) < 1:
            raise InputError(f"an image needs at least 1 x 1 px, got {width_px} x {height_px}")
        rng = self._rng(seed, split)
        scene = self.build(rng, draw(rng, self.table, self.reserved, split))
        if not isinstance(scene, Scene):
            raise InputError(f"{self.name}: build must make a Scene, not {type(scene).__name__}")
        for name in (self.subject, *([self.goal] if self.goal else [])):
            scene.index(name)
        camera = scene.camera.resized(width_px, height_px)
        return replace(scene, scenario=self.name, camera=camera, split=split, seed=seed)

    def _rng(self, seed: int, split: Split) -> Generator:
        if split not in get_args(Split):
            raise unknown("split", split, get_args(Split))
        if seed < 0:
            raise InputError(f"a seed is 0 or more, got {seed}")
        return np.random.default_rng([seed, get_args(Split).index(split)])
