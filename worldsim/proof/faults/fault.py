"""Fault: one kind of broken physics, planted into a true clip while it is simulated again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.proof.clips.film import Shot, film
from worldsim.proof.faults.sight import IN_VIEW_PX, Sight
from worldsim.sim.editor import Editor
from worldsim.sim.scene import Body, Scene
from worldsim.sim.simulator import Simulator

Float = NDArray[np.float64]
Vector = tuple[float, float, float]
LEVEL = 20
"""A pixel has changed where a channel differs by more of 255 levels."""


@dataclass(frozen=True)
class Cue:
    """Where a fault is planted: frames 0..onset stay true, what it does begins with the step after.

    `body` is what it happens to, `other` the second body where there is one. `toward` is an offset
    in diameters of the body, of length 1 where the magnitude scales it. `color_rgb` is another
    colour. `sign` is the sense of what has two: a factor is multiplied (1) or divided (-1).
    """

    onset: int
    body: str = ""
    other: str = ""
    toward: Vector = (1.0, 0.0, 0.0)
    color_rgb: Vector = (0.0, 0.0, 0.0)
    sign: int = 1


class Run:
    """A true clip on its way once more, at its onset: what a fault may lay hands on.

    `actions` (T, A) are those still to be taken. The clip's own actions, which an evaluator is
    told, stay.
    """

    def __init__(self, truth: Episode, onset: int, simulator: Simulator) -> None:
        self.scene, self.onset = truth.scene, onset
        self.actions = truth.actions.copy()
        self._simulator = simulator
        self._each: list[Callable[[int], None]] = []
        self._redraw: list[Callable[[int, Shot], Shot]] = []
        self._order: Callable[[int], int] | None = None

    @property
    def edit(self) -> Editor:
        return self._simulator.edit()

    def body(self, name: str) -> Body:
        """A body as the scene has it at the start."""
        return self.scene.body(name)

    def pose(self, name: str) -> tuple[Float, Float]:
        """Where a body is now, (3,) m, and how it is turned, (4,) xyzw."""
        state, index = self._simulator.state(), self.scene.index(name)
        return state["position_m"][index], state["orientation_xyzw"][index]

    def each_step(self, act: Callable[[int], None]) -> None:
        """Call `act(k)` before step k after the onset, from 1 on."""
        self._each.append(act)

    def redraw(self, change: Callable[[int, Shot], Shot]) -> None:
        """Draw frame k after the onset, from 1 on, from `change(k, shot)`."""
        self._redraw.append(change)

    def show_in_order(self, order: Callable[[int], int]) -> None:
        """Show at frame k after the onset what was recorded `order(k)` frames after it."""
        self._order = order

    def shots(self, plant: Callable[[], None]) -> list[Shot]:
        """Simulate the clip, calling `plant` at the onset; what its frames are drawn from."""
        simulator, onset = self._simulator, self.onset
        simulator.reset(self.scene)
        taken = [self._shot()]
        for t in range(len(self.actions)):
            if t == onset:
                plant()
            if t >= onset:
                for act in self._each:
                    act(t - onset + 1)
            simulator.step(self.actions[t])
            taken.append(self._shot())
        return [self._seen(taken, t - onset) for t in range(len(taken))]

    def _shot(self) -> Shot:
        state = self._simulator.state()
        return Shot(self.scene, state["position_m"], state["orientation_xyzw"])

    def _seen(self, taken: list[Shot], k: int) -> Shot:
        if k <= 0:
            return taken[self.onset + k]
        shot = taken[self.onset + (k if self._order is None else self._order(k))]
        for change in self._redraw:
            shot = change(k, shot)
        return shot


Pick = Callable[[Sight, np.random.Generator], Cue | None]
Plant = Callable[[Run, Cue, float], None]


@dataclass(frozen=True)
class Fault:
    """A kind of fault, at five magnitudes from subtle to gross, in `unit`.

    `pick(sight, rng)` finds where it would show in a true clip of one of its `scenarios`, None
    where it would not; `plant(run, cue, magnitude)` does it, at the onset. `least` is the share of
    a body's area that the grossest must change: what moves half a diameter off changes 1.2 of it.
    """

    name: str
    says: str
    unit: str
    magnitudes: tuple[float, float, float, float, float]
    scenarios: tuple[str, ...]
    pick: Pick
    plant: Plant
    least: float = 0.5

    @property
    def gross(self) -> float:
        return self.magnitudes[-1]


def planted(
    plant: Plant, truth: Episode, cue: Cue, magnitude: float, simulator: Simulator
) -> Episode:
    """The true clip with a fault in it: simulated again, drawn by the same renderer.

    Its scene and actions are the truth's, its source is "planted". It has no states or contacts;
    its segmentation is that of what was drawn.
    """
    run = Run(truth, cue.onset, simulator)
    shots = run.shots(lambda: plant(run, cue, magnitude))
    return film(truth, shots, "planted")


def changed_px(one: Episode, other: Episode) -> NDArray[np.int64]:
    """How many pixels differ by more than LEVEL in a channel, at every frame, (T+1,)."""
    differ = np.abs(one.frames.astype(np.int16) - other.frames).max(-1) > LEVEL
    count: NDArray[np.int64] = np.count_nonzero(differ, axis=(1, 2))
    return count


def shows(fault: Fault, sight: Sight, cue: Cue, gross: Episode) -> bool:
    """Whether the fault at its grossest changes enough of what is seen, in some frame.

    Enough is `fault.least` of the area of the body that it happens to, or of the smallest body in
    view where it happens to none.
    """
    least_px = max(IN_VIEW_PX, fault.least * sight.area_px(cue.body, cue.onset))
    return bool(changed_px(sight.truth, gross).max() >= least_px)


def factor(magnitude: float, sign: int) -> float:
    """A factor, or one over it."""
    return magnitude if sign > 0 else 1.0 / magnitude


def scene_with(scene: Scene, *bodies: Body) -> Scene:
    """The scene with these bodies in place of those of their names."""
    named = {body.name: body for body in bodies}
    return replace(scene, bodies=tuple(named.get(body.name, body) for body in scene.bodies))
