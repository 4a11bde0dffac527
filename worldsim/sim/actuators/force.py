"""Forces on a free body: a gust, a push, a launch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError
from worldsim.sim.actuators.actuator import Actuator, Drive

if TYPE_CHECKING:
    from worldsim.sim.world import World


@dataclass(frozen=True)
class Force(Actuator):
    """One channel for each of `axes` ("x", "xy", "xyz"): a force through the body's centre, N.

    It acts during the whole frame, along the axes of the world.
    """

    kind: ClassVar[str] = "force"
    axes: str = "xy"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.axes or sorted(set(self.axes) & set("xyz")) != sorted(self.axes):
            raise InputError(f"axes of a force are different letters of 'xyz', got {self.axes!r}")

    @property
    def channels(self) -> int:
        return len(self.axes)

    def build(self, world: World) -> Drive:
        return _Pull(self, world)


@dataclass(frozen=True)
class Launch(Actuator):
    """Three channels, x, y and z: the first action is a launch velocity, m/s.

    Every later action is a gust: a force through the body's centre of at most `gust_n` along each
    axis.
    """

    kind: ClassVar[str] = "launch"
    gust_n: float = 1.0

    @property
    def channels(self) -> int:
        return 3

    def build(self, world: World) -> Drive:
        return _Thrower(self, world)


class _Pull(Drive):
    def __init__(self, settings: Force, world: World) -> None:
        super().__init__()
        self._world = world
        index = world.scene.index(settings.body)
        self._identifier, link = world.add(world.scene.bodies[index])
        self.links = {index: (self._identifier, link)}
        self._axes = ["xyz".index(axis) for axis in settings.axes]
        self._scales_n = world.scene.action_spec.scales
        self._force_n = [0.0, 0.0, 0.0]

    def act(self, action: NDArray[np.float32]) -> None:
        force_n = np.zeros(3)
        force_n[self._axes] = np.asarray(action, np.float64) * self._scales_n
        self._force_n = force_n.tolist()

    def push(self) -> None:
        if any(self._force_n):
            self._world.push(self._identifier, self._force_n)


class _Thrower(Drive):
    def __init__(self, settings: Launch, world: World) -> None:
        super().__init__()
        self._world = world
        index = world.scene.index(settings.body)
        self._identifier, link = world.add(world.scene.bodies[index])
        self.links = {index: (self._identifier, link)}
        self._scales_m_s, self._gust_n = world.scene.action_spec.scales, settings.gust_n
        self._force_n = [0.0, 0.0, 0.0]
        self._flying = False

    def act(self, action: NDArray[np.float32]) -> None:
        values = np.asarray(action, np.float64)
        if self._flying:
            self._force_n = (self._gust_n * values).tolist()
        elif values.any():
            self._world.launch(self._identifier, self._scales_m_s * values)
        self._flying = True

    def push(self) -> None:
        if any(self._force_n):
            self._world.push(self._identifier, self._force_n)
