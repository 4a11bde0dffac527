"""Clips of the selftest: true ones in which a fault would show, planted or left true."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from worldsim.episode import Episode
from worldsim.proof.faults import Cue, Fault, Sight, planted, shows
from worldsim.proof.truths import ATTEMPTS, Truths, number_of
from worldsim.sim.simulator import Simulator

FAULTY, CLEAN = "faulty", "clean"


@dataclass(frozen=True)
class Plan:
    """A true clip, its number, and where in it a fault would show."""

    truth: Episode
    number: int
    cue: Cue


def magnitude_of(magnitudes: tuple[float, ...], clip: int) -> float:
    """The magnitude of a kind's clip number `clip`: each in turn."""
    return magnitudes[clip % len(magnitudes)]


def scenario_of(fault: Fault, clip: int) -> str:
    """The scenario of clip number `clip`: each in turn, whatever the magnitude."""
    return fault.scenarios[clip // len(fault.magnitudes) % len(fault.scenarios)]


def plan(fault: Fault, part: str, clip: int, truths: Truths, simulator: Simulator) -> Plan:
    """The first of the clip's seeds in which the fault at its grossest shows.

    Faulty and clean clips are chosen alike, by seeds that differ, so that the fault is all that
    sets them apart. Raises RuntimeError where no seed will do.
    """
    scenario = scenario_of(fault, clip)
    for attempt in range(ATTEMPTS):
        number = number_of(scenario, f"{part} {fault.name}", clip, attempt)
        truth = truths(number)
        rng = np.random.default_rng([truths.seed, crc32(part.encode()), clip, attempt])
        cue = fault.pick(Sight(truth), rng)
        if cue is None:
            continue
        if shows(truth, planted(fault, truth, cue, fault.gross, simulator)):
            return Plan(truth, number, cue)
    raise RuntimeError(f"{fault.name} shows in none of {ATTEMPTS} clips of {scenario}")


def faulty(fault: Fault, made: Plan, magnitude: float, simulator: Simulator) -> Episode:
    """The plan's clip with the fault planted at this magnitude."""
    return planted(fault, made.truth, made.cue, magnitude, simulator)
