"""Clips of the selftest: true ones in which a fault would show, planted or left true."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from worldsim.episode import Episode
from worldsim.proof.clips.truths import ATTEMPTS, Truths, number_of
from worldsim.proof.controls import Control
from worldsim.proof.faults import Cue, Fault, Sight, planted, shows
from worldsim.sim.simulator import Simulator

FAULTY, CLEAN = "faulty", "clean"


@dataclass(frozen=True)
class Plan:
    """A true clip, its number, where in it a fault shows, and the clip with that fault in it."""

    truth: Episode
    number: int
    cue: Cue
    faulty: Episode


def magnitude_of(magnitudes: tuple[float, ...], clip: int) -> float:
    """The magnitude of a kind's clip number `clip`: each in turn, the grossest first."""
    return magnitudes[-1 - clip % len(magnitudes)]


def place_of(kind: Fault | Control, clip: int) -> tuple[str, int]:
    """The scenario of clip number `clip`, and its number among those of that scenario.

    Each scenario has its turn, whatever the magnitude. Kinds share the true clips of a place.
    """
    turn, magnitude = divmod(clip, len(kind.magnitudes))
    round_, scenario = divmod(turn, len(kind.scenarios))
    return kind.scenarios[scenario], round_ * len(kind.magnitudes) + magnitude


def plan(fault: Fault, part: str, clip: int, truths: Truths, simulator: Simulator) -> Plan:
    """The first of the clip's seeds in which the fault shows.

    At its grossest it must change what a body shows (`Fault.least`), and at the clip's own
    magnitude something: what friction holds, a slight force does not move. Faulty and clean clips
    (`part`) are chosen alike, by seeds that differ, so that the fault is all that sets them apart.
    Raises RuntimeError where no seed will do.
    """
    scenario, place = place_of(fault, clip)
    for attempt in range(ATTEMPTS):
        number = number_of(scenario, part, place, attempt)
        truth = truths(number)
        rng = np.random.default_rng([truths.seed, crc32(part.encode()), clip, attempt])
        sight = Sight(truth)
        cue = fault.pick(sight, rng)
        if cue is None:
            continue
        magnitude = magnitude_of(fault.magnitudes, clip)
        faulty = planted(fault.plant, truth, cue, magnitude, simulator)
        if np.array_equal(faulty.frames, truth.frames):
            continue
        gross = faulty
        if magnitude != fault.gross:
            gross = planted(fault.plant, truth, cue, fault.gross, simulator)
        if shows(fault, sight, cue, gross):
            return Plan(truth, number, cue, faulty)
    raise RuntimeError(f"{fault.name} shows in none of {ATTEMPTS} clips of {scenario}")
