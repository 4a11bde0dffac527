"""Policy: who acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene


class Policy(Protocol):
    """Sees frames and infos, gives actions. `info` is documented at SimulatorEnv."""

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        """An episode begins; all randomness of the episode comes from `rng`."""

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        """The action for the frame (H, W, 3) just seen, float32 (A,) in [-1, 1]."""
