"""What the logged action does to a body: known forces, so that laws can count them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.actuators import Force, Launch

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]
UNMOVED_M = 1e-6


def action_force_n(evidence: Evidence, body: int) -> Float:
    """Force (S, 3) in N through a body's centre during each step, zero where the action has none.

    The first action of a launch sets a velocity and is no force. A clip of several start frames
    begins after it: its body has left its place.
    """
    scene, actions = evidence.scene, evidence.reference.actions.astype(np.float64)
    force = np.zeros((len(actions), 3))
    actuator = scene.actuator
    if scene.bodies[body].name != actuator.body:
        return force
    if isinstance(actuator, Force):
        axes = ["xyz".index(axis) for axis in actuator.axes]
        force[:, axes] = actions * np.array(scene.action_spec.scales)
    elif isinstance(actuator, Launch):
        force[:] = actuator.gust_n * actions
        if _unmoved(evidence, body):
            force[:1] = 0.0
    return force


def _unmoved(evidence: Evidence, body: int) -> bool:
    """Whether the clip begins where the scene does."""
    states = evidence.reference.states
    if states is None:
        return True
    start_m = np.array(evidence.scene.bodies[body].position_m)
    return bool(np.allclose(states.position_m[0, body], start_m, atol=UNMOVED_M))


def action_velocity_m_s(evidence: Evidence, body: int) -> Float:
    """What the action's force has added to a body's velocity by the middle of each step, (S, 3)."""
    mass_kg = max(evidence.scene.bodies[body].mass_kg, 1e-9)
    gained = action_force_n(evidence, body) / mass_kg * evidence.scene.dt_s
    velocity: Float = np.cumsum(gained, axis=0) - 0.5 * gained
    return velocity
