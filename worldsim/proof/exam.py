"""One clip of the selftest: made, read and measured in a worker; what is kept of it."""

from __future__ import annotations

import atexit
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from worldsim.ceiling import Resimulation
from worldsim.episode import Episode
from worldsim.eval.case import Case
from worldsim.eval.checks.measure import Measure
from worldsim.eval.checks.registry import measure, measure_by_check
from worldsim.eval.evidence import Evidence
from worldsim.eval.reference import physics_iq, pisa
from worldsim.proof import controls, plan, stress
from worldsim.proof.clips.truths import KEPT, SCENARIOS, Truths, number_of
from worldsim.proof.faults import FAULTS
from worldsim.proof.scoring.pixels import FRAMES, SIDE_PX, thumbnail
from worldsim.sim.simulator import Simulator

Judge = Callable[[Evidence], Sequence[Measure]]
CALIBRATION = "calibration"
"""Clean clips that limits are drawn from: half of them degraded, the rest as drawn."""


@dataclass(frozen=True, order=True)
class Job:
    """Which clip: its kind, a fault or a control or "calibration", its part and its number."""

    kind: str
    part: str  # "faulty", "clean", "calibration" or "stress"
    clip: int


@dataclass(frozen=True)
class Outcome:
    """All that the selftest keeps of a clip: alarms by measure, and a thumbnail's bytes.

    `magnitude` is 0 for clean clips, `published` what published scores say of stress clips.
    `number` is the true clip's; see worldsim.proof.clips.truths.
    """

    job: Job
    scenario: str
    number: int
    magnitude: float
    onset: int
    alarms: dict[str, float]
    steps: dict[str, int]
    pixels: str
    published: dict[str, float] = field(default_factory=dict)

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


def examine(truths: Truths, job: Job, judge: Judge = measure) -> Outcome:
    """Make a job's clip, read it and measure it by all checks; `judge` replaces these."""
    made = make(truths, job)
    if made.clip is made.truth:
        measures = _measures_of_copy(_One(made.truth), judge)
    else:
        measures = judge(evidence_of(made.clip, made.truth))
    return Outcome(
        job=job,
        scenario=made.truth.scene.scenario,
        number=made.number,
        magnitude=made.magnitude,
        onset=made.onset,
        alarms={measure.name: float(measure.alarm) for measure in measures},
        steps={m.name: m.step for m in measures if m.step is not None},
        pixels=b64encode(thumbnail(made.clip).tobytes()).decode(),
        published=made.published,
    )


def evidence_of(generated: Episode, reference: Episode) -> Evidence:
    """Both clips read as one scene's; the first frame is the start frame.

    Of the generated clip nothing but frames and depth is told. The simulator runs again from
    starts that are read, for the chaos ceiling.
    """
    case = _case(_One(reference))
    blind = replace(generated, segmentation=None, states=None, contacts=None)
    same = np.array_equal(generated.frames, reference.frames)
    if same and np.array_equal(generated.depth_m, reference.depth_m):
        return replace(case.floor_evidence(), generated=blind)  # equal images read equal
    return case.evidence(blind)


class _One:
    """An episode as a key: itself, not what is alike."""

    def __init__(self, episode: Episode) -> None:
        self.episode = episode

    def __hash__(self) -> int:
        return id(self.episode)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _One) and other.episode is self.episode


@lru_cache(maxsize=KEPT)
def _case(truth: _One) -> Case:
    """Read once for all kinds that share the clip."""
    return Case.of(truth.episode, 1, Resimulation(_simulator()))


@lru_cache(maxsize=KEPT)
def _measures_of_copy(truth: _One, judge: Judge) -> Sequence[Measure]:
    return judge(evidence_of(truth.episode, truth.episode))


def quantities(made: Made) -> dict[str, tuple[str, ...]]:
    """What each check measures, by its name."""
    found = measure_by_check(evidence_of(made.clip, made.truth))
    return {check: tuple(measure.name for measure in of) for check, of in found.items()}


def published(made: stress.Sample) -> dict[str, float]:
    """What Physics-IQ and PISA say of a stress clip; PISA of the body that falls."""
    body = made.truth.scene.actuator.body
    return {
        **physics_iq.named_values(made.clip, made.truth, made.take),
        **pisa.named_values(made.clip, made.truth, (body,)),
    }


@dataclass(frozen=True)
class Made:
    """A job's clip, its truth and that one's number; the fault's magnitude and onset."""

    truth: Episode
    clip: Episode
    number: int
    magnitude: float = 0.0
    onset: int = 0
    published: dict[str, float] = field(default_factory=dict)


def make(truths: Truths, job: Job) -> Made:
    """The clip of a job, before anything is read off it."""
    if job.part == stress.PART:  # one of its rows is called as a fault is
        made = stress.sample(job.kind, job.clip, truths, _simulator())
        return Made(made.truth, made.clip, made.number, published=published(made))
    if job.kind in FAULTS:
        return _planted(truths, job)
    rng = np.random.default_rng([truths.seed, crc32(job.kind.encode()), job.clip])
    if job.kind == CALIBRATION:
        number = number_of(SCENARIOS[job.clip % len(SCENARIOS)], CALIBRATION, job.clip)
        truth = truths(number)
        # In pairs, so that of a scenario's clips every second one is of both sorts too.
        plain = job.clip // len(SCENARIOS) // 2 % 2
        return Made(truth, truth if plain else controls.degraded(truth, rng), number)
    control = controls.find_control(job.kind)
    scenario, place = plan.place_of(control, job.clip)
    number = number_of(scenario, job.part, place)
    truth = truths(number)
    if job.part == plan.CLEAN:
        return Made(truth, truth, number)
    magnitude = plan.magnitude_of(control.magnitudes, job.clip)
    return Made(truth, control.change(truth, magnitude, rng, _simulator()), number, magnitude)


def _planted(truths: Truths, job: Job) -> Made:
    fault = FAULTS[job.kind]
    made = plan.plan(fault, job.part, job.clip, truths, _simulator())
    onset = made.cue.onset
    if job.part == plan.CLEAN:
        return Made(made.truth, made.truth, made.number, onset=onset)
    magnitude = plan.magnitude_of(fault.magnitudes, job.clip)
    return Made(made.truth, made.faulty, made.number, magnitude, onset)


@cache
def _simulator() -> Simulator:
    """One world a process."""
    made = Simulator(seen=False)
    atexit.register(made.close)
    return made
