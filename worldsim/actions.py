"""What an agent may do: name, unit and bounds of every action channel."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worldsim.errors import InputError


@dataclass(frozen=True)
class ActionChannel:
    """One number an agent sends each step.

    Agents send values in [-1, 1]; the simulator multiplies by `scale` to get `unit`.
    """

    name: str
    unit: str
    scale: float

    def __post_init__(self) -> None:
        if not (isfinite(self.scale) and self.scale > 0.0):
            raise InputError(f"action {self.name!r}: scale must be above 0, got {self.scale}")


@dataclass(frozen=True)
class ActionSpec:
    """The channels of an action, in order. An action is a float32 array of shape (size,)."""

    channels: tuple[ActionChannel, ...]

    @property
    def size(self) -> int:
        return len(self.channels)

    @property
    def scales(self) -> NDArray[np.float64]:
        """Physical value of a full deflection of each channel, shape (size,)."""
        return np.array([channel.scale for channel in self.channels])

    def check(self, actions: ArrayLike) -> NDArray[np.float32]:
        """Return actions as float32 of shape (..., size).

        Raises InputError on what is no real numbers, a wrong last axis, a NaN or infinity, or a
        value outside [-1, 1].
        """
        names = ", ".join(channel.name for channel in self.channels)
        given = np.asarray(actions)
        if given.dtype.kind not in "fiub":
            raise InputError(f"actions ({names}) must be real numbers, got {given.dtype}")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            values = given.astype(np.float32)
        if values.ndim == 0 or values.shape[-1] != self.size:
            raise InputError(f"actions need {self.size} channels ({names}), got {values.shape}")
        if not np.isfinite(values).all():
            raise InputError(f"actions ({names}) hold a NaN or an infinity")
        if np.abs(values).max(initial=0.0) > 1.0 + 1e-6:
            raise InputError(
                f"actions ({names}) must lie in [-1, 1], got {values.min():g} to {values.max():g}"
            )
        return values

    def convert(self, actions: NDArray[np.float32], to: ActionSpec) -> NDArray[np.float32]:
        """Actions (..., size) of this specification as those of another that do the same.

        They lie outside [-1, 1] where its scales are smaller. Raises InputError where its channels
        are not the same ones in the same units.
        """
        names, wanted = ([(c.name, c.unit) for c in spec.channels] for spec in (self, to))
        if names != wanted:
            raise InputError(f"actions are {names}, wanted are {wanted}")
        return actions * (self.scales / to.scales).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ActionSpec:
        return cls(tuple(ActionChannel(**channel) for channel in values["channels"]))
