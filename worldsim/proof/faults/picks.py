"""Where faults can show: picks of a body and an onset in a true clip, by a random generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from worldsim.proof.faults.fault import Cue, Pick, Vector
from worldsim.proof.faults.sight import AFTER, FIRST, Sight
from worldsim.sim.scene import Body

Rng = np.random.Generator
TRIES = 12
HARD_M_S = 0.25
"""Least change of speed of an impact that a fault begins with."""
PULL = 0.3
"""Least share of an action's bound that a body's mass shows under."""
MOVED_DIAMETERS = 0.6
"""Least way of something in view for a fault of time to show."""
_COLORS: tuple[Vector, ...] = (
    (0.85, 0.15, 0.15),
    (0.15, 0.65, 0.2),
    (0.15, 0.25, 0.85),
    (0.9, 0.75, 0.1),
    (0.6, 0.15, 0.7),
    (0.1, 0.7, 0.75),
)
_OTHER_COLOR = 0.5  # least distance of RGB


def level(rng: Rng) -> Vector:
    """A level direction."""
    angle = float(rng.uniform(0.0, 2.0 * np.pi))
    return (float(np.cos(angle)), float(np.sin(angle)), 0.0)


def cue_of(sight: Sight, rng: Rng, onset: int, body: int | None = None) -> Cue:
    """A cue with direction and sign drawn."""
    name = "" if body is None else sight.body(body).name
    return Cue(onset, name, toward=level(rng), sign=1 if rng.random() < 0.5 else -1)


def drawn(
    sight: Sight,
    rng: Rng,
    bodies: Sequence[int],
    fits: Callable[[int, int], bool] = lambda body, onset: True,
) -> Cue | None:
    """One of these bodies in view, at one of the onsets at which it fits."""
    options = [
        (onset, body)
        for onset in sight.onsets
        for body in bodies
        if sight.in_view(body, onset) and fits(body, onset)
    ]
    if not options:
        return None
    onset, body = options[int(rng.integers(len(options)))]
    return cue_of(sight, rng, onset, body)


def any_loose(sight: Sight, rng: Rng) -> Cue | None:
    """A loose body in view."""
    return drawn(sight, rng, sight.loose)


def seen_after(frames: int) -> Pick:
    """A body of one piece that stays in view for so many frames."""

    def pick(sight: Sight, rng: Rng) -> Cue | None:
        return drawn(sight, rng, sight.whole, lambda b, t: sight.in_view(b, t, frames + 1))

    return pick


def free_way(diameters: Sequence[float]) -> Pick:
    """A loose body with a level direction in which all these distances are free and in view."""

    def pick(sight: Sight, rng: Rng) -> Cue | None:
        for _ in range(TRIES):
            cue = any_loose(sight, rng)
            if cue is None:
                return None
            index = sight.scene.index(cue.body)
            way_m = sight.body(index).diameter_m * np.array(cue.toward)
            start_m = sight.states.position_m[cue.onset, index]
            if all(sight.free(index, start_m + d * way_m, cue.onset) for d in diameters[2:]):
                return cue
        return None

    return pick


def free_place(least: float, most: float, frames: int) -> Pick:
    """A resting body and a place beside it, so many diameters away, free for so many frames."""

    def pick(sight: Sight, rng: Rng) -> Cue | None:
        for _ in range(TRIES):
            cue = drawn(sight, rng, sight.loose, lambda b, t: bool(sight.touching(b)[t]))
            if cue is None:
                return None
            index = sight.scene.index(cue.body)
            away = float(rng.uniform(least, most)) * np.array(cue.toward)
            place_m = sight.states.position_m[cue.onset, index]
            place_m = place_m + away * sight.body(index).diameter_m
            if sight.free(index, place_m, cue.onset, frames):
                x, y, z = away.tolist()
                return replace(cue, toward=(x, y, z))
        return None

    return pick


def room_above(diameters: float) -> Pick:
    """A loose body that rests, with so much room above it in view."""

    def fits(sight: Sight, body: int, onset: int) -> bool:
        if not sight.resting(body, onset):
            return False
        lift_m = np.array([0.0, 0.0, diameters * sight.body(body).diameter_m])
        return sight.free(body, sight.states.position_m[onset, body] + lift_m, onset)

    return lambda sight, rng: drawn(sight, rng, sight.loose, lambda b, t: fits(sight, b, t))


def driven(sight: Sight, rng: Rng) -> Cue | None:
    """A loose body in view that the actions pull at, soon after the onset."""
    own = [i for i in sight.loose if sight.body(i).name == sight.scene.actuator.body]

    def pulled(body: int, onset: int) -> bool:
        return bool(np.abs(sight.truth.actions[onset : onset + AFTER // 2]).max() >= PULL)

    return drawn(sight, rng, own, pulled)


def impact(sight: Sight, rng: Rng) -> Cue | None:
    """A loose body in view about to run into another: the onset is the frame before."""
    options = [
        (frame - 1, body, other)
        for frame, body, other in sight.impacts(HARD_M_S)
        if frame - 1 in sight.onsets and sight.in_view(body, frame - 1, 2)
    ]
    if not options:
        return None
    onset, body, other = options[int(rng.integers(len(options)))]
    return replace(cue_of(sight, rng, onset, body), other=sight.body(other).name)


def flight(sight: Sight, rng: Rng) -> Cue | None:
    """A loose body in view that flies."""
    return drawn(sight, rng, sight.loose, sight.flying)


def comes_out(sight: Sight, rng: Rng) -> Cue | None:
    """A body that was seen, is hidden and comes out: the onset is the last frame hidden."""
    px = sight.shown_px
    options = [
        (onset, body)
        for onset in range(FIRST, sight.steps - AFTER // 2)
        for body in sight.loose
        if px[onset, body] == 0
        and px[onset + 1, body] > 0
        and px[:onset, body].max() >= px[onset:, body].max() * 0.5
        and sight.in_view(body, onset + 3, 2)
    ]
    if not options:
        return None
    onset, body = options[int(rng.integers(len(options)))]
    return cue_of(sight, rng, onset, body)


def moving(before: bool) -> Pick:
    """An onset about which things move: in the frames before it, or in those after."""

    def pick(sight: Sight, rng: Rng) -> Cue | None:
        span = (-AFTER, 0) if before else (0, AFTER)
        options = [
            onset
            for onset in range(12 if before else FIRST, sight.steps - AFTER + 1)
            if sight.path_diameters(onset + span[0], onset + span[1]) >= MOVED_DIAMETERS
        ]
        return cue_of(sight, rng, int(rng.choice(options))) if options else None

    return pick


def any_onset(sight: Sight, rng: Rng) -> Cue | None:
    """Any onset; whether what follows shows is seen when it is planted."""
    return cue_of(sight, rng, int(rng.choice(sight.onsets)))


def untouched(sight: Sight, rng: Rng) -> Cue | None:
    """A loose body in view that nothing touches but what rests."""

    def fits(body: int, onset: int) -> bool:
        others = [i for i in sight.whole if i != body]
        return not any(sight.contacts.touching(body, i)[onset : onset + 3].any() for i in others)

    return drawn(sight, rng, sight.loose, fits)


def recoloured(sight: Sight, rng: Rng) -> Cue | None:
    """A body in view and a colour quite another than its own."""
    cue = seen_after(2)(sight, rng)
    if cue is None:
        return None
    return replace(cue, color_rgb=other_colour(sight.scene.body(cue.body), rng))


def other_colour(body: Body, rng: Rng) -> Vector:
    """A colour quite another than a body's."""
    apart = [float(np.linalg.norm(np.subtract(body.color_rgb, c))) for c in _COLORS]
    others = [c for c, far in zip(_COLORS, apart, strict=True) if far >= _OTHER_COLOR]
    return others[int(rng.integers(len(others)))]


def two_colours(sight: Sight, rng: Rng) -> Cue | None:
    """Two bodies in view whose colours differ."""
    cue = seen_after(2)(sight, rng)
    if cue is None:
        return None
    own = np.array(sight.scene.body(cue.body).color_rgb)
    others = [
        sight.body(i).name
        for i in sight.whole
        if sight.body(i).name != cue.body
        and sight.in_view(i, cue.onset, 2)
        and np.linalg.norm(own - sight.body(i).color_rgb) >= 0.25
    ]
    return replace(cue, other=str(rng.choice(others))) if others else None
