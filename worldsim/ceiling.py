"""The simulator run again from starts that are not exact: the ceiling of any prediction (F3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.chaos import Rerun
from worldsim.sim.simulator import Simulator

Float = NDArray[np.float64]

RUNS = 5
"""The first is judged like a model, the others are what it is judged by."""
SAME_M = 1e-6
"""A replay this near to the recording is the recording."""


@dataclass(frozen=True)
class Resimulation:
    """Runs an episode again, its bodies moved a little at one frame; a worldsim.eval.chaos.Rerun.

    Equal arguments give equal runs. Holds the engine of its simulator.
    """

    simulator: Simulator
    runs: int = RUNS
    seed: int = 0

    def __call__(self, reference: Episode, start: int, sigma_m: float) -> Float | None:
        """Places (R, T+1, N, 3) in metres; the actions are the reference's, exactly.

        Bodies move by `sigma_m` along x and along y (normal): up or down would put them into what
        carries them. None where the reference has no states, or does not replay to them.
        """
        if reference.states is None:
            return None
        places = [self._run(reference, start, sigma_m, run) for run in range(self.runs)]
        whole = [place for place in places if place is not None]
        return np.stack(whole) if whole else None

    def _run(self, reference: Episode, start: int, sigma_m: float, run: int) -> Float | None:
        scene, simulator = reference.scene, self.simulator
        assert reference.states is not None
        rng = np.random.default_rng([self.seed, scene.seed, run])
        simulator.reset(scene)
        for action in reference.actions[:start]:
            simulator.step(action)
        apart = simulator.state()["position_m"] - reference.states.position_m[start]
        if np.abs(apart).max() > SAME_M:
            return None
        offset_m = rng.normal(0.0, sigma_m, (len(scene.bodies), 3)) * (1.0, 1.0, 0.0)
        hands = simulator.edit()
        for body, shift_m in zip(scene.bodies, offset_m.tolist(), strict=True):
            if sigma_m and hands.loose(body.name):
                hands.shift(body.name, shift_m)
        rows = [*reference.states.position_m[:start], simulator.state()["position_m"]]
        for action in reference.actions[start:]:
            simulator.step(action)
            rows.append(simulator.state()["position_m"])
        return np.array(rows)


@contextmanager
def reruns(runs: int = RUNS) -> Iterator[Rerun | None]:
    """Something that runs episodes again, as long as the block lasts; None without pybullet."""
    rerun = None
    with ExitStack() as stack:
        with suppress(InputError):  # no pybullet on this machine
            simulator = stack.enter_context(Simulator(seen=False, felt=False))
            rerun = Resimulation(simulator, runs)
        yield rerun
