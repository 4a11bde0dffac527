"""Episode, BodyStates, Contacts: arrays with shape, dtype, unit and one clock.

`frames[t]` is what was seen when `actions[t]` was chosen; `frames[t + 1]` is what followed.
T actions, T + 1 frames.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError

if TYPE_CHECKING:
    from worldsim.sim.scene import Scene


@dataclass(frozen=True)
class BodyStates:
    """Poses and velocities of every body of the scene, float64, world frame."""

    position_m: NDArray[np.float64]  # (T+1, N, 3)
    orientation_xyzw: NDArray[np.float64]  # (T+1, N, 4)
    velocity_m_s: NDArray[np.float64]  # (T+1, N, 3)
    angular_velocity_rad_s: NDArray[np.float64]  # (T+1, N, 3)

    def __post_init__(self) -> None:
        length, bodies = self.position_m.shape[:2]
        for field in fields(self):
            value = getattr(self, field.name)
            width = 4 if field.name == "orientation_xyzw" else 3
            if value.shape != (length, bodies, width):
                raise InputError(f"{field.name} is {value.shape}, not {(length, bodies, width)}")


@dataclass(frozen=True)
class Contacts:
    """Contacts of the physics steps that led to each frame, one row a body pair, padded.

    Frame 0 has none. `impulse_n_s` is the normal impulse summed over the frame's physics steps;
    `point_m` and `normal` are those of the pair's strongest contact. The normal points from the
    second body to the first.
    """

    count: NDArray[np.int32]  # (T+1,)
    bodies: NDArray[np.int32]  # (T+1, C, 2), -1 where padded
    point_m: NDArray[np.float64]  # (T+1, C, 3)
    normal: NDArray[np.float64]  # (T+1, C, 3)
    impulse_n_s: NDArray[np.float64]  # (T+1, C)

    def touching(self, body: int, other: int | None = None) -> NDArray[np.bool_]:
        """Frames in which `body` touches `other` (or anything), shape (T+1,)."""
        mine = self.bodies == body
        hit = mine.any(-1) if other is None else mine.any(-1) & (self.bodies == other).any(-1)
        touching: NDArray[np.bool_] = hit.any(-1)
        return touching


@dataclass(frozen=True)
class Episode:
    """What one rollout saw, did and earned; the same type from the simulator and from a model.

    Raises InputError where shapes, dtypes or the clock do not fit.
    """

    frames: NDArray[np.uint8]  # (T+1, H, W, 3)
    depth_m: NDArray[np.float32]  # (T+1, H, W), along the view axis
    segmentation: NDArray[np.uint8] | None  # (T+1, H, W), body index + 1
    actions: NDArray[np.float32]  # (T, A) in [-1, 1]
    rewards: NDArray[np.float64]  # (T,)
    terminated: NDArray[np.bool_]  # (T,)
    truncated: NDArray[np.bool_]  # (T,)
    scene: Scene
    source: str  # "simulator" or the model's name
    states: BodyStates | None = None
    contacts: Contacts | None = None

    def __post_init__(self) -> None:
        steps = len(self.actions)
        height, width = self.frames.shape[1:3] if self.frames.ndim == 4 else (0, 0)
        wanted: dict[str, tuple[tuple[int, ...], Any]] = {
            "frames": ((steps + 1, height, width, 3), np.uint8),
            "depth_m": ((steps + 1, height, width), np.float32),
            "segmentation": ((steps + 1, height, width), np.uint8),
            "actions": ((steps, self.scene.action_spec.size), np.float32),
            "rewards": ((steps,), np.float64),
            "terminated": ((steps,), np.bool_),
            "truncated": ((steps,), np.bool_),
        }
        for name, (shape, dtype) in wanted.items():
            value = getattr(self, name)
            if value is None and name == "segmentation":
                continue
            if value.shape != shape or value.dtype != dtype:
                raise InputError(
                    f"{name} is {value.dtype} {value.shape}, "
                    f"an episode of {steps} steps needs {np.dtype(dtype)} {shape}"
                )
        if self.states is not None and len(self.states.position_m) != steps + 1:
            raise InputError(f"{len(self.states.position_m)} states for {steps + 1} frames")

    @property
    def steps(self) -> int:
        return len(self.actions)

    def part(self, start: int, stop: int) -> Episode:
        """Frames start..stop (stop included) and the actions between them."""
        if not 0 <= start < stop <= self.steps:
            raise InputError(f"part {start}..{stop} of an episode of {self.steps} steps")
        frames = slice(start, stop + 1)
        states, contacts = self.states, self.contacts
        if states is not None:
            states = BodyStates(*(getattr(states, f.name)[frames] for f in fields(states)))
        if contacts is not None:
            contacts = Contacts(*(getattr(contacts, f.name)[frames] for f in fields(contacts)))
        return replace(
            self,
            frames=self.frames[frames],
            depth_m=self.depth_m[frames],
            segmentation=None if self.segmentation is None else self.segmentation[frames],
            actions=self.actions[start:stop],
            rewards=self.rewards[start:stop],
            terminated=self.terminated[start:stop],
            truncated=self.truncated[start:stop],
            states=states,
            contacts=contacts,
        )
