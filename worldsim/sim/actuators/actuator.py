"""What every actuator is: settings that travel with the scene, and the drive built from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError, unknown
from worldsim.sim.checks import as_tuples

if TYPE_CHECKING:
    from worldsim.sim.camera import Camera
    from worldsim.sim.world import World

ACTUATORS: dict[str, type[Actuator]] = {}


class Drive:
    """An actuator at work in one world.

    `links` says where PyBullet holds the bodies that the drive has built: their index in the scene
    -> (identifier, link). The simulator builds all others. `view` is the camera of this moment
    where the actuator moves it, else None.
    """

    def __init__(self) -> None:
        self.links: dict[int, tuple[int, int]] = {}
        self.view: Camera | None = None

    def act(self, action: NDArray[np.float32]) -> None:
        """A frame begins: take its action, float32 (A,) in [-1, 1]."""

    def push(self) -> None:
        """A physics step begins."""


@dataclass(frozen=True)
class Actuator:
    """How an action moves the scene. `body` is the name of the body that the action drives.

    It builds the bodies of the roles "actuated" and "camera" and those attached to others, and may
    build static ones that come after the first of these in the scene. A subclass says in its
    docstring what each action channel does, is known by its `kind` and travels with the scene's
    JSON.
    """

    kind: ClassVar[str]
    body: str

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(isfinite(n) for n in numbers if isinstance(n, float)):
                raise InputError(f"actuator {self.kind!r}: {name} must be finite, got {value}")

    def __init_subclass__(cls) -> None:
        ACTUATORS[cls.kind] = cls

    @property
    def channels(self) -> int:
        """How many action channels it takes."""
        raise NotImplementedError

    def build(self, world: World) -> Drive:
        """Put the bodies it drives into the world, at the scene's start."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


def actuator_from_dict(values: dict[str, Any]) -> Actuator:
    """The inverse of `to_dict`. Raises InputError on an unknown kind."""
    arguments = as_tuples(values)
    kind = str(arguments.pop("kind", "planar"))
    if kind not in ACTUATORS:
        raise unknown("actuator", kind, ACTUATORS)
    try:
        return ACTUATORS[kind](**arguments)
    except TypeError as error:
        raise InputError(f"actuator {kind!r}: {error}") from error
