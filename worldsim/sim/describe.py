"""A scene in one English sentence: what moves and how, what rests where, what the action does.

Every word is in VOCABULARY, numbers in words too, and everything said is true of the scene; that
makes the sentence a label that a model can be conditioned on and that a test can take apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldsim.sim import relations, words
from worldsim.sim.scene import Body, Scene

SHAPES = {"sphere": "sphere", "box": "box", "cylinder": "cylinder", "mesh": "solid"}
FLAT = {"box": "plate", "cylinder": "disc"}
CUBE = "cube"
FLATNESS = 0.2  # thickness over width, below which a body is flat
NAMES = {
    **{
        name: name
        for name in "pusher arm hand finger rod plank stop screen stand pedestal bin".split()
    },
    "panda": "arm",
    "bob": "pendulum bob",
}
CARRIES = ("arm", "rod")  # one is on these, and with all else
MARKED = frozenset("goal pad bin zone home band".split())
PLAIN = frozenset("ground floor table wall cushion post beam rail panda".split())
DRIVEN = {
    "planar": "drives",
    "force": "pushes",
    "launch": "throws",
    "torque": "swings",
    "tilt": "tilts",
}
THROWN = ("force", "launch")  # these act on a body that is free otherwise

VOCABULARY = frozenset(
    (
        *words.SMALL,
        *words.TENS,
        *words.COLORS,
        *SHAPES.values(),
        *FLAT.values(),
        CUBE,
        *(word for name in NAMES.values() for word in name.split()),
        *"spheres boxes cubes cylinders discs plates solids fingers stops".split(),
        *MARKED,
        *DRIVEN.values(),
        *"hundred thousand number more less than".split(),
        *"millimetre millimetres gram grams second hundredth hundredths".split(),
        *"rolls slides flies falls floats spins rests lies moves marks place".split(),
        *"a an and at by of on to with from there is that the behind towards path".split(),
        *"action camera tilted gravity Earth Earth's half no points up side".split(),
    )
)


@dataclass(frozen=True)
class Thing:
    """What the sentence speaks of as one: a body, or several that make it up, called by `main`."""

    main: int
    parts: tuple[int, ...]
    phrase: str


def describe(scene: Scene) -> str:
    """One true English sentence about the start of any scene."""
    sentence = "; ".join([", ".join(_Teller(scene).clauses()), words.gravity(scene.gravity_m_s2)])
    return f"{sentence[0].upper()}{sentence[1:]}."


class _Teller:
    """Speaks of each body with its size and mass once, and then of "the" body."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._things = _things(scene)
        self._of = {index: thing for thing in self._things for index in thing.parts}
        self._told: list[Thing] = []
        driven = scene.index(scene.actuator.body)
        self._driven = self._of.get(driven)
        self._mechanism = scene.actuator.kind not in THROWN

    def clauses(self) -> list[str]:
        free = [
            thing
            for thing in self._things
            if self._body(thing).role == "free" or (thing is self._driven and not self._mechanism)
        ]
        moving = [thing for thing in free if _starts(self._body(thing))]
        resting = [thing for thing in free if thing not in moving]
        told = [self._free(thing) for thing in (*moving, *resting)]
        told.append(self._action())
        left = [thing for thing in self._things if thing not in self._told]
        marks = [thing for thing in left if self._body(thing).role == "marker"]
        told += [self._mark(thing) for thing in marks]
        others = [self._mention(thing) for thing in left if thing not in marks]
        return [*told, f"there is {_listed(others)}"] if others else told

    def _free(self, thing: Thing) -> str:
        """What a body does at the start, and where."""
        body, index = self._body(thing), thing.main
        said = [self._mention(thing)]
        below = relations.supports(self._scene, index)
        on = [self._of[other] for other in below if other in self._of]
        speed_m_s = float(np.linalg.norm(body.velocity_m_s))
        said.append(self._verb(index, below))
        if speed_m_s > 0.0:
            said.append(f"at {words.counted(1000.0 * speed_m_s, 'millimetre')} a second")
        if on:
            tilted = any(relations.tilted(self._scene, other) for other in below)
            named = [self._mention(other, "tilted " * tilted) for other in dict.fromkeys(on)]
            said.append(f"on {_listed(named)}")
        elif said_apart := self._apart(thing):
            said.append(said_apart)
        said += self._direction(index, below)
        return " ".join(said)

    def _verb(self, index: int, below: Sequence[int]) -> str:
        scene, body = self._scene, self._scene.bodies[index]
        velocity_m_s = np.array(body.velocity_m_s)
        speed_m_s = float(np.linalg.norm(velocity_m_s))
        rise = float(velocity_m_s @ relations.up_of(scene)) / max(speed_m_s, 1e-12)
        if speed_m_s > 0.0 and (not below or rise > 0.2):
            return "falls" if rise < -0.95 and any(scene.gravity_m_s2) else "flies"
        if speed_m_s > 0.0:
            round_now = body.shape == "sphere" or (
                body.shape == "cylinder" and relations.lies(scene, index)
            )
            return "rolls" if round_now else "slides"
        if not below:
            return "falls" if any(scene.gravity_m_s2) else "floats"
        if any(body.angular_velocity_rad_s):
            return "spins"
        return "lies" if any(relations.tilted(scene, other) for other in below) else "rests"

    def _direction(self, index: int, below: Sequence[int]) -> list[str]:
        """Towards what it moves, and behind what it is or will be."""
        said = []
        bodies = self._scene.bodies
        others = [
            other
            for other in self._of
            if self._of[other] is not self._of[index]
            and other not in below
            and bodies[other].role not in ("marker", "camera")
        ]
        target = relations.ahead(self._scene, index, others)
        if target is not None:
            said.append(f"towards {self._mention(self._of[target])}")
        screens = [other for other in others if bodies[other].role == "static"]
        screen = relations.hidden_by(self._scene, index, screens)
        if screen is not None:
            said.append(f"behind {self._mention(self._of[screen])}")
        elif (screen := relations.screen_ahead(self._scene, index, screens)) is not None:
            said.append(f"on a path behind {self._mention(self._of[screen])}")
        return said

    def _action(self) -> str:
        kind, thing = self._scene.actuator.kind, self._driven
        verb = DRIVEN.get(kind, "moves")
        if thing is None:
            return f"the action {verb} the camera"
        told = thing in self._told
        said = ["the action", verb, self._mention(thing)]
        said += _carried(self._scene, thing)
        if not told and (apart := self._apart(thing)):
            said.append(apart)
        return " ".join(said)

    def _mark(self, thing: Thing) -> str:
        name = next((word for word in self._body(thing).name.split("_") if word in MARKED), "")
        what = f"the {name}" if name else "a place"
        said = f"a {thing.phrase} marks {what}"
        self._told.append(thing)
        return " ".join([said, self._apart(thing)]).strip()

    def _apart(self, thing: Thing) -> str:
        """How far it is from the body that was spoken of first."""
        first = self._told[0]
        if first is thing:
            return ""
        ends_m = (self._body(first).position_m, self._body(thing).position_m)
        apart_m = float(np.linalg.norm(np.subtract(*ends_m)))
        return f"{words.counted(1000.0 * apart_m, 'millimetre')} from the {first.phrase}"

    def _mention(self, thing: Thing, manner: str = "") -> str:
        body = self._body(thing)
        if thing in self._told:
            return f"the {manner}{thing.phrase}"
        self._told.append(thing)
        said = f"{_article(manner + thing.phrase)} {manner}{thing.phrase}"
        if body.role not in ("free", "actuated") or body.asset:
            return said
        return f"{said} of {words.size(body)} and {words.counted(1000.0 * body.mass_kg, 'gram')}"

    def _body(self, thing: Thing) -> Body:
        return self._scene.bodies[thing.main]


def _carried(scene: Scene, thing: Thing) -> list[str]:
    """What a mechanism has beside the body that it is called by."""
    counts = Counter(_phrase(scene, part) for part in thing.parts if part != thing.main)
    on, having = [], []
    for phrase, count in counts.items():
        if phrase.split()[-1] in CARRIES:
            on.append(f"{_article(phrase)} {phrase}")
        elif count == 1:
            having.append(f"{_article(phrase)} {phrase}")
        else:
            having.append(f"{words.number(count)} {phrase}{'es' if phrase[-1] == 'x' else 's'}")
    said = [f"with {_listed(having)}"] if having else []
    return [*said, f"on {_listed(on)}"] if on else said


def _starts(body: Body) -> bool:
    return any(body.velocity_m_s)


def _article(phrase: str) -> str:
    return "an" if phrase[0] in "aeiou" else "a"


def _listed(items: Sequence[str]) -> str:
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def _things(scene: Scene) -> list[Thing]:
    """All that is spoken of, in scene order; each with a phrase of its own."""
    driven = scene.index(scene.actuator.body)
    parts = {driven: [i for i in scene.driven if scene.bodies[i].role not in ("marker", "camera")]}
    taken = set(parts[driven])
    for index, body in enumerate(scene.bodies):
        if index in taken or body.role == "camera" or _plain(body):
            continue
        group = [index]
        if body.role == "static":
            group += _joined(scene, index, taken)
        parts[index] = group
        taken.update(group)
    parts = {main: group for main, group in parts.items() if group}
    phrases = {main: _phrase(scene, main) for main in sorted(parts)}
    count, nth = Counter(phrases.values()), Counter[str]()
    things = []
    for main, phrase in phrases.items():
        nth[phrase] += 1
        own = phrase if count[phrase] == 1 else f"{phrase} number {words.number(nth[phrase])}"
        things.append(Thing(main, tuple(parts[main]), own))
    return things


def _joined(scene: Scene, index: int, taken: set[int]) -> list[int]:
    """Static bodies that are called and coloured like this one and touch it, or one another."""
    phrase, found, new = _phrase(scene, index), [], [index]
    left = [
        i
        for i, body in enumerate(scene.bodies)
        if body.role == "static" and i > index and i not in taken and _phrase(scene, i) == phrase
    ]
    while new:
        here = scene.bodies[new.pop()]
        touching = [i for i in left if relations.touch(here, scene.bodies[i]).size]
        left = [i for i in left if i not in touching]
        found += touching
        new += touching
    return found


def _plain(body: Body) -> bool:
    """True for what only bears or bounds the others: it goes without saying."""
    return body.role == "static" and bool(PLAIN & set(body.name.split("_")))


def _phrase(scene: Scene, index: int) -> str:
    """Colour and noun: its name where that says what it is for, else its shape."""
    body, actuator = scene.bodies[index], scene.actuator
    named = [NAMES[word] for word in body.name.split("_") if word in NAMES]
    free = body.role in ("free", "marker") or (
        body.name == actuator.body and actuator.kind in THROWN
    )
    noun = named[-1] if named and not free else _shape(body)
    return f"{words.color(body.color_rgb)} {noun}"


def _shape(body: Body) -> str:
    if body.shape == "cylinder" and body.size_m[1] < FLATNESS * 2.0 * body.size_m[0]:
        return FLAT["cylinder"]
    if body.shape == "box" and min(body.size_m) < FLATNESS * sorted(body.size_m)[1]:
        return FLAT["box"]
    if body.shape == "box" and words.is_cube(body):
        return CUBE
    return SHAPES[body.shape]
