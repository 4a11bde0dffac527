"""BlowParcelToPad: the hand-written solution of Drop, in the simulator as in the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

STIFFNESS_PER_S2 = 20.0
DAMPING_PER_S = 7.0


class BlowParcelToPad:
    """Blows the parcel towards the pad as a damped spring would pull it.

    Reads positions and velocities from `info` only, the parcel's mass from the scene.
    """

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._parcel, self._pad = scene.index("parcel"), scene.index("pad")
        self._mass_kg = scene.bodies[self._parcel].mass_kg
        self._force_n = float(scene.action_spec.scales[0])

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        position_m = info["position_m"]
        offset_m = position_m[self._pad, :2] - position_m[self._parcel, :2]
        velocity_m_s = info["velocity_m_s"][self._parcel, :2]
        wanted_m_s2 = STIFFNESS_PER_S2 * offset_m - DAMPING_PER_S * velocity_m_s
        force_n = self._mass_kg * wanted_m_s2
        action: NDArray[np.float32] = (force_n / self._force_n).astype(np.float32)
        return np.clip(action, -1.0, 1.0)
