"""F3: the simulator run again from starts that are off by what the reading is off by in F2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.ceiling import RUNS, reruns
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.chaos import ceiling_steps, spread_m
from worldsim.eval.checks.horizon import median_step, survival
from worldsim.eval.checks.position import judged, truth_of
from worldsim.eval.reading.reading import Reading

Float = NDArray[np.float64]

STEPS = (1, 8, 16, 32, 48, 64)


@dataclass(frozen=True)
class Spread:
    """How the simulator parts from itself, its starts off by `start_m` along x and along y.

    `spread` holds the root mean square over runs, median over bodies and episodes, by step; the
    median step at which the first body of a run is off by half its diameter, infinity where more
    than half of the runs never are. `episodes` counts those that could be run again.
    """

    start_m: float
    episodes: int
    spread_m: dict[int, float]
    spread_diameters: dict[int, float]
    median_step: float


def spread(truths: Sequence[Episode], readings: Sequence[Reading], start_m: float) -> Spread:
    """Runs each episode again `RUNS` times. Raises InputError where pybullet is not installed."""
    apart: list[Float] = []
    scaled: list[Float] = []
    ends: list[int | None] = []
    lengths: list[int] = []
    with reruns(RUNS) as rerun:
        if rerun is None:
            raise InputError("the floor F3 runs the simulator again, which needs pybullet")
        for episode, reading in zip(truths, readings, strict=True):
            runs = rerun(episode, 0, start_m)
            if runs is None:
                continue
            truth = truth_of(episode, reading)
            places = runs[:, :, judged(episode.scene)]
            apart.append(spread_m(places, truth))
            scaled.append(apart[-1] / truth.diameter_m)
            ends += ceiling_steps(places, truth)
            lengths += [episode.steps] * len(places)
    most = max(lengths, default=0)
    steps = [step for step in STEPS if step <= most]
    return Spread(
        start_m,
        len(apart),
        {step: _middle(apart, step) for step in steps},
        {step: _middle(scaled, step) for step in steps},
        median_step(survival(ends, lengths, most)) if lengths else float("nan"),
    )


def _middle(values: Sequence[Float], step: int) -> float:
    return float(np.median(np.concatenate([value[step] for value in values])))
