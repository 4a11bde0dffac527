"""Pairs made by hand: the scene of `handmade`, under two series of actions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from handmade import BOX, ONSET, PUSHER, SCENE, STEPS, copied, perfect_reading, truth_episode
from numpy.typing import NDArray

from worldsim.episode import BodyStates, Contacts
from worldsim.eval.actions.pair import Pair
from worldsim.eval.checks.position import truth_of
from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]
Touch = tuple[int, int, int]  # frame, body, body
AFTER_S = np.maximum(np.arange(STEPS + 1) - ONSET, 0) / SCENE.frame_rate_hz
DRIVEN: Float = 0.2 * AFTER_S[:, None] * np.array([0.0, 1.0, 0.0])
"""What the other action adds to the pusher's places: 0.2 m/s along y from the onset on."""


def run(shifts_m: dict[int, Float], touches: tuple[Touch, ...] = ()) -> Evidence:
    """The simulator's run whose bodies are off by so much (S+1, 3), read without error."""
    plain = truth_episode()
    assert plain.states is not None
    places = plain.states.position_m.copy()
    places[:, PUSHER] = places[:1, PUSHER]  # it stands until an action moves it
    for body, shift_m in shifts_m.items():
        places[:, body] += shift_m
    states = BodyStates(places, *(getattr(plain.states, name) for name in REST))
    episode = replace(plain, states=states, contacts=logged(touches))
    floor = perfect_reading(episode)
    return Evidence(episode, episode, copied(floor), floor, truth_of(episode, floor))


REST = ("orientation_xyzw", "velocity_m_s", "angular_velocity_rad_s")


def logged(touches: tuple[Touch, ...]) -> Contacts:
    """A log of these contacts."""
    bodies = np.full((STEPS + 1, 4, 2), -1, np.int32)
    count = np.zeros(STEPS + 1, np.int32)
    for frame, one, other in touches:
        bodies[frame, count[frame]] = one, other
        count[frame] += 1
    shape = bodies.shape[:2]
    return Contacts(count, bodies, np.zeros((*shape, 3)), np.zeros((*shape, 3)), np.zeros(shape))


def reads(evidence: Evidence, places_m: Float) -> Evidence:
    """The evidence with other places (S+1, N, 3) in the clip that is judged."""
    reading = copied(evidence.reading)
    reading.position_m[:] = places_m
    return replace(evidence, reading=reading)


def seen_m(evidence: Evidence) -> Float:
    """True places (S+1, N, 3) of all bodies."""
    assert evidence.reference.states is not None
    return evidence.reference.states.position_m


def pair(
    other_m: Float | None = None,
    shifts_m: dict[int, Float] | None = None,
    touches: tuple[Touch, ...] = (),
) -> Pair:
    """Two runs, the other with `shifts_m`, read exactly but for `other_m` (S+1, N, 3)."""
    one, other = run({}, touches), run(shifts_m or {PUSHER: DRIVEN}, touches)
    return Pair(one, other if other_m is None else reads(other, other_m), ONSET)


__all__ = ["BOX", "DRIVEN", "PUSHER", "logged", "pair", "reads", "run", "seen_m"]
