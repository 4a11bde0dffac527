"""An action source for physics tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.simulator import Simulator


def chase(simulator: Simulator, step: int) -> NDArray[np.float32]:
    """Run into the box and the sphere by turns, as hard as possible."""
    position_m = simulator.state()["position_m"]
    prey = "box" if step % 20 < 12 else "sphere"
    way_m = position_m[simulator.scene.index(prey)] - position_m[simulator.scene.index("pusher")]
    action: NDArray[np.float32] = np.clip(15.0 * way_m[:2], -1.0, 1.0).astype(np.float32)
    return action
