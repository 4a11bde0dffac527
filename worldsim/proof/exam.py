"""One clip of the selftest: made, read and measured in a worker; what is kept of it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.checks.measure import Measure
from worldsim.eval.checks.position import truth_of
from worldsim.eval.evidence import Evidence
from worldsim.eval.reading.perception import read
from worldsim.proof import controls, plan
from worldsim.proof.clips.truths import SCENARIOS, Truths, number_of
from worldsim.proof.faults import FAULTS
from worldsim.proof.scoring.pixels import FRAMES, SIDE_PX, thumbnail
from worldsim.sim.simulator import Simulator

Judge = Callable[[Evidence], Sequence[Measure]]
CALIBRATION = "calibration"
DEGRADED_EVERY = 2
"""Of the clips that limits are drawn from, every second one is degraded, the rest are as drawn."""


@dataclass(frozen=True, order=True)
class Job:
    """Which clip: its kind, a fault or a control or "calibration", its part and its number."""

    kind: str
    part: str  # "faulty", "clean" or "calibration"
    clip: int


@dataclass(frozen=True)
class Outcome:
    """All that the selftest keeps of a clip: alarms by "check" name, and a thumbnail's bytes.

    `magnitude` is 0 for clean clips. `number` is the true clip's; see worldsim.proof.clips.truths.
    """

    job: Job
    scenario: str
    number: int
    magnitude: float
    onset: int
    alarms: dict[str, float]
    steps: dict[str, int]
    pixels: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """The inverse of `to_json`; ValueError, KeyError or TypeError on anything else."""
        values = json.loads(text)
        return cls(**{**values, "job": Job(**values["job"])})

    @property
    def thumbnail(self) -> NDArray[np.uint8]:
        flat = np.frombuffer(b64decode(self.pixels), np.uint8)
        return flat.reshape(FRAMES, SIDE_PX, SIDE_PX)


def examine(truths: Truths, job: Job, judge: Judge | None = None) -> Outcome:
    """Make a job's clip, read it and measure it by all checks; `judge` replaces these."""
    truth, clip, number, magnitude, onset = _made(truths, job)
    measures = (judge or checks())(evidence_of(clip, truth))
    return Outcome(
        job=job,
        scenario=truth.scene.scenario,
        number=number,
        magnitude=magnitude,
        onset=onset,
        alarms={measure.name: float(measure.alarm) for measure in measures},
        steps={m.name: m.step for m in measures if m.step is not None},
        pixels=b64encode(thumbnail(clip).tobytes()).decode(),
    )


def evidence_of(generated: Episode, reference: Episode) -> Evidence:
    """Both clips read as one scene's; the first frame is the start frame."""
    floor = read(reference.frames, reference.depth_m, reference.scene)
    reading = read(generated.frames, generated.depth_m, reference.scene)
    return Evidence(generated, reference, reading, floor, truth_of(reference, floor))


def checks() -> Judge:
    """All checks there are."""
    from worldsim.eval.checks.registry import (  # type: ignore[import-not-found, unused-ignore]
        measure,
    )

    judge: Judge = measure
    return judge


def _made(truths: Truths, job: Job) -> tuple[Episode, Episode, int, float, int]:
    """Truth, the clip that is judged, the truth's number, magnitude and onset."""
    if job.kind in FAULTS:
        fault = FAULTS[job.kind]
        made = plan.plan(fault, job.part, job.clip, truths, _simulator())
        planted = job.part == plan.FAULTY
        clip = made.faulty if planted else made.truth
        magnitude = plan.magnitude_of(fault.magnitudes, job.clip) if planted else 0.0
        return made.truth, clip, made.number, magnitude, made.cue.onset
    rng = np.random.default_rng([truths.seed, crc32(job.kind.encode()), job.clip])
    if job.kind == CALIBRATION:
        number = number_of(SCENARIOS[job.clip % len(SCENARIOS)], CALIBRATION, job.clip)
        truth = truths(number)
        plain = job.clip // len(SCENARIOS) % DEGRADED_EVERY
        return truth, truth if plain else controls.degraded(truth, rng), number, 0.0, 0
    control = controls.find_control(job.kind)
    scenario = control.scenarios[job.clip // len(control.magnitudes) % len(control.scenarios)]
    number = number_of(scenario, f"{job.part} {job.kind}", job.clip)
    truth = truths(number)
    if job.part == plan.CLEAN:
        return truth, truth, number, 0.0, 0
    magnitude = plan.magnitude_of(control.magnitudes, job.clip)
    changed = control.change(truth, magnitude, rng, _simulator())
    return truth, changed, number, magnitude, 0


@cache
def _simulator() -> Simulator:
    """One world a process."""
    return Simulator()
