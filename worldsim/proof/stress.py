"""The stress table's clips: plainly wrong ones, which published scores take for nearly right.

Rows after the toy test of reference/physics-eval.md, 4.3, rebuilt on Drop, where bodies bounce.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from worldsim.episode import Episode
from worldsim.proof.clips.film import film, shots_of
from worldsim.proof.clips.truths import ATTEMPTS, Truths, number_of, with_images
from worldsim.proof.controls import restart
from worldsim.proof.faults import Cue, Sight, drawn, engine, planted, timing
from worldsim.proof.faults.fault import Plant, Vector, scene_with
from worldsim.proof.faults.picks import other_colour
from worldsim.sim.look import LOOKS
from worldsim.sim.scene import Scene
from worldsim.sim.simulator import Simulator

SCENARIO, PART, GROUND = "drop", "stress", "ground"
SHORT, LONG = 24, 48
"""Steps of a clip in which things move to its end, and of one in which they settle."""
_AT_ONCE, _FLOATS, _HALF = 2, 8, 12
_JUMP: Vector = (1.0, 0.0, 0.0)
_JUMP_DIAMETERS, _LIFT_DIAMETERS = 2.0, 1.0
_RESTITUTION = 1.05
_FAINT = 10.0 / 255.0
_TAKE_MM = 1.0

Pair = tuple[Episode, Episode]
Make = Callable[[Episode, Simulator], Pair]


@dataclass(frozen=True)
class Sample:
    """One clip of a row: the truth, what is judged in its place, and a second lawful take."""

    number: int
    truth: Episode
    clip: Episode
    take: Episode


def sample(row: str, clip: int, truths: Truths, simulator: Simulator) -> Sample:
    """Clip number `clip` of a row; all rows spoil the same true clips."""
    number, whole = _bouncing(clip, truths)
    truth, spoiled = ROWS[row](whole, simulator)
    return Sample(number, truth, spoiled, _take(truth, simulator))


def _bouncing(clip: int, truths: Truths) -> tuple[int, Episode]:
    """A clip whose marked body falls, bounces and stays in view, with room for a jump."""
    longer = replace(truths, steps=LONG)
    for attempt in range(ATTEMPTS):
        number = number_of(SCENARIO, PART, clip, attempt)
        truth = longer(number)
        sight = Sight(truth)
        body = truth.scene.index(truth.scene.actuator.body)
        way_m = _JUMP_DIAMETERS * sight.body(body).diameter_m * np.array(_JUMP)
        place_m = sight.states.position_m[_HALF, body] + way_m
        if not (sight.flying(body, 0) and sight.in_view(body, 0, LONG)):
            continue
        if sight.free(body, place_m, _HALF):
            return number, truth
    raise RuntimeError(f"none of {ATTEMPTS} clips of {SCENARIO} shows a body that bounces")


def _planted(plant: Plant, magnitude: float, onset: int, steps: int = SHORT) -> Make:
    """A fault of the marked body and the ground, planted at a fixed frame."""

    def make(whole: Episode, simulator: Simulator) -> Pair:
        truth = whole.part(0, steps)
        body, rng = truth.scene.body(truth.scene.actuator.body), np.random.default_rng(0)
        cue = Cue(onset, body.name, GROUND, _JUMP, other_colour(body, rng), sign=-1)
        return truth, planted(plant, truth, cue, magnitude, simulator)

    return make


def _copy(whole: Episode, simulator: Simulator) -> Pair:
    truth = whole.part(0, SHORT)
    return truth, replace(truth, states=None, contacts=None)


def _second_take(whole: Episode, simulator: Simulator) -> Pair:
    truth = whole.part(0, SHORT)
    return truth, _take(truth, simulator)


def _reversed(whole: Episode, simulator: Simulator) -> Pair:
    truth = whole.part(0, SHORT)
    if truth.states is None:
        raise ValueError("a clip is reversed by its states")
    return truth, film(truth, shots_of(truth.scene, truth.states)[::-1], "planted")


def _faint(whole: Episode, simulator: Simulator) -> Pair:
    """All bodies 10 levels off the ground's colour, and then nothing moves."""
    scene = whole.scene
    red, green, blue = (min(1.0, level + _FAINT) for level in scene.body(GROUND).color_rgb)
    pale = [replace(b, color_rgb=(red, green, blue)) for b in scene.bodies if b.moves]
    faint: Scene = scene_with(scene, *pale).with_look(LOOKS["matte"])
    truth = with_images(replace(whole, scene=faint))
    return _planted(timing.freeze, SHORT, 0)(truth, simulator)


def _take(truth: Episode, simulator: Simulator) -> Episode:
    return restart(truth, _TAKE_MM, np.random.default_rng(truth.scene.seed), simulator)


LAWFUL = ("exact copy", "second take")
ROWS: dict[str, Make] = {
    "exact copy": _copy,
    "second take": _second_take,
    "vanish at 50 %": _planted(drawn.vanish, SHORT, _HALF),
    "vanish after 2 frames": _planted(drawn.vanish, SHORT, _AT_ONCE),
    "colour swap at 50 %": _planted(drawn.colour, 1.0, _HALF),
    "teleport at 50 %": _planted(engine.teleport, _JUMP_DIAMETERS, _HALF),
    "time reversed": _reversed,
    "float from frame 8": _planted(engine.float_up, _LIFT_DIAMETERS, _FLOATS),
    "gravity x 0.5": _planted(engine.gravity, 2.0, 0),
    "energy gain e = 1.05": _planted(engine.energy, _RESTITUTION, 0),
    "freeze": _planted(timing.freeze, SHORT, 0),
    "freeze, scene settles": _planted(timing.freeze, LONG, 0, LONG),
    "freeze, faint bodies": _faint,
}
