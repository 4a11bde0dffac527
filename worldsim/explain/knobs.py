"""Knobs: what of a scene may be another, and how it is turned in a running simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.editor import Editor
from worldsim.sim.scene import Body, Scene

Float = NDArray[np.float64]

GRAVITY, FRICTION, RESTITUTION, MASS = "gravity", "friction", "restitution", "mass"
VELOCITY = "start velocity"


@dataclass(frozen=True, order=True)
class Knob:
    """A quantity of the scene, of one body or, with `body` empty, of all loose ones.

    Its value is a logarithm of a factor; of a velocity an offset in m/s along `axis`.
    """

    kind: str
    body: str = ""
    axis: int = 0

    @property
    def name(self) -> str:
        if self.kind == VELOCITY:
            return f"{VELOCITY} {'xyz'[self.axis]} of {self.body}"
        return f"{self.kind} of {self.body}" if self.body else self.kind


Theta = Mapping[Knob, float]


def turn(hands: Editor, scene: Scene, theta: Theta, velocity_m_s: Float) -> None:
    """Set the scene's quantities by theta; `velocity_m_s` (N, 3) are the bodies' at this moment.

    No restitution exceeds 1: impacts that gain energy are no physics.
    """
    for knob, value in theta.items():
        scale = float(np.exp(value))
        if knob.kind == GRAVITY:
            hands.gravity(tuple(scale * part for part in scene.gravity_m_s2))
        elif knob.kind == VELOCITY:
            index = scene.index(knob.body)
            velocity_m_s[index, knob.axis] += value
            hands.move(knob.body, velocity_m_s[index].tolist())
        else:
            for body in _bodies(hands, scene, knob):
                _matter(hands, knob.kind, body, scale)


def _matter(hands: Editor, kind: str, body: Body, scale: float) -> None:
    if kind == MASS:
        hands.matter(body.name, mass_kg=scale * body.mass_kg)
    elif kind == FRICTION:
        hands.matter(body.name, friction=scale * body.friction)
    else:
        hands.matter(body.name, restitution=min(scale * body.restitution, 1.0))


def _bodies(hands: Editor, scene: Scene, knob: Knob) -> Sequence[Body]:
    if knob.body:
        return [scene.body(knob.body)]
    return [body for body in scene.bodies if hands.loose(body.name)]


def knobs(scene: Scene, loose: Sequence[str], off: Sequence[str]) -> list[Knob]:
    """The factors worth a try: those of all bodies, and of those that are `off` their way."""
    found = [Knob(GRAVITY), Knob(FRICTION), Knob(RESTITUTION)]
    for name in off:
        if name not in loose:
            continue
        kinds = [MASS] if len(loose) == 1 else [FRICTION, RESTITUTION, MASS]
        found += [Knob(kind, name) for kind in kinds]
    return [k for k in found if k.kind != RESTITUTION or _rebounds(scene, k, loose)]


def _rebounds(scene: Scene, knob: Knob, loose: Sequence[str]) -> bool:
    names = [knob.body] if knob.body else loose
    return any(scene.body(name).restitution > 0.0 for name in names)
