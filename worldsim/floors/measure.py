"""One cell measured: its floors from F1 to F4, and how fast they were read."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

from worldsim.episode import Episode
from worldsim.eval.reading.episodes import read_episode, without_depth
from worldsim.eval.reading.reading import Reading
from worldsim.floors.chaos import Spread, spread
from worldsim.floors.plan import Cell, Plan
from worldsim.floors.reconstruct import Reconstruction
from worldsim.floors.samples import Figures, Sample, deviation_m
from worldsim.floors.sources import RENDER, sources, true_episode


@dataclass(frozen=True)
class Measured:
    """A cell's floors by name and F3; `frames_s` are frames read a second on one core, by floor."""

    cell: Cell
    floors: dict[str, Figures]
    simulator: Spread
    frames_s: dict[str, float]


def measure(plan: Plan, cell: Cell) -> Measured:
    """Simulate, draw, degrade and read a cell's episodes."""
    reconstruct = None if plan.model is None else _reconstruction(plan.model)
    if reconstruct is not None and not reconstruct.fits(cell.scenario, cell.size_px):
        reconstruct = None
    samples: dict[str, list[Sample]] = {}
    seconds: dict[str, float] = {}
    truths: list[Episode] = []
    readings: list[Reading] = []
    for index in range(plan.episodes):
        truth = true_episode(cell, plan, index)
        truths.append(truth)
        read_episode(_seen(truth.part(0, 1), cell), truth.part(0, 1))  # compiles, loads
        for source in sources(truth, reconstruct):
            began = time.process_time()
            reading = read_episode(_seen(source.clip, cell), truth)
            took = time.process_time() - began
            seconds[source.floor] = seconds.get(source.floor, 0.0) + took
            samples.setdefault(source.floor, []).append(Sample.of(reading, truth))
            if source.floor == RENDER:
                readings.append(reading)
    degraded = [deviation_m(found) for name, found in samples.items() if name.startswith("F2")]
    return Measured(
        cell,
        {name: Figures.of(found) for name, found in samples.items()},
        spread(truths, readings, max(degraded)),
        {name: plan.episodes * (plan.steps + 1) / took for name, took in seconds.items()},
    )


def _seen(clip: Episode, cell: Cell) -> Episode:
    return clip if cell.mode == "A" else without_depth(clip)


@lru_cache(maxsize=1)
def _reconstruction(model: str) -> Reconstruction:
    return Reconstruction(model)
