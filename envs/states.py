"""A moment of a simulator to come back to, in this process or as bytes in another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from worldsim.errors import InputError
from worldsim.sim.scene import Scene


def check_generator(state: dict[str, Any]) -> dict[str, Any]:
    """The state of a numpy generator, where it is one."""
    np.random.default_rng().bit_generator.state = state
    return state


@dataclass(frozen=True)
class SimulatorState:
    """A moment of a SimulatorEnv, to come back to: see `SimulatorEnv.get_state`."""

    scene: Scene
    snapshot: bytes
    steps: int
    generator: dict[str, Any]

    def to_bytes(self) -> bytes:
        """For `from_bytes`, in any process: JSON, no code."""
        values = {
            "snapshot": self.snapshot.decode(),
            "steps": self.steps,
            "generator": self.generator,
        }
        return json.dumps(values).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> SimulatorState:
        """What `to_bytes` wrote. Raises InputError where it is something else."""
        try:
            values = json.loads(bytes(data))
            scene = Scene.from_dict(json.loads(values["snapshot"])["scene"])
            generator = check_generator(values["generator"])
            return cls(scene, values["snapshot"].encode(), int(values["steps"]), generator)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("these bytes are not a state of a simulator") from error
