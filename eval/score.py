"""Score, Row and Report: what an evaluation found, as plain values with a JSON round-trip."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from worldsim.errors import InputError
from worldsim.eval.page.table import table
from worldsim.eval.page.values import built, plain
from worldsim.eval.verdicts.rulings import Ruling

from .clips import Clip

SCHEMA = 5
Interval = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """One number with what is needed to judge it.

    `floor` is the same number for the simulator's own frames read by the same evaluator, `n` the
    episodes behind `value`, `interval` a 95 % bootstrap interval over episodes. `per_step` holds
    the value at steps 1, 2, ... after the start frames. `measurable` is the share of what the truth
    shows that could be measured, mean over episodes. NaN: not measured.
    """

    name: str
    value: float
    unit: str
    n: int
    floor: float | None = None
    interval: Interval | None = None
    mean: float | None = None
    per_step: tuple[float, ...] = ()
    measurable: float | None = None


@dataclass(frozen=True)
class BodyScores:
    """How one body fared in one row; the dicts are keyed by horizon in steps.

    `position`, `lateral` and `along_view` are medians over episodes in metres (`mean` beside),
    a lost body counting with the scene's diagonal, `diameters` is `position` in diameters of the
    body; `moved_ratio` is the error of the episodes in
    which the body moved over the error of leaving it where it was; `image_px` (mean distance in
    the image) and `moved_found` (a ratio of means) leave lost bodies out. `curve` holds the median
    position error of every step, `valid_horizon` the share of episodes still valid at every step.
    """

    curve: Score
    position: dict[int, Score]
    diameters: dict[int, Score]
    lateral: dict[int, Score]
    along_view: dict[int, Score]
    image_px: dict[int, Score]
    lost: dict[int, Score]
    moved_ratio: dict[int, Score]
    moved_found: dict[int, Score]
    valid_horizon: Score
    motion: Score


@dataclass(frozen=True)
class Row:
    """The model, the floor or a baseline; pixel scores only where there are frames.

    `bodies` holds those that any episode shows; `checks` the scores of every check by its name and
    that of the quantity. `overall` is the position error of all of a clip's bodies, their mean, by
    horizon in steps: its median over episodes. `lead` is by how much the model is nearer than this
    row, the mean over episodes of the difference: clear of zero, the model is better; `moved_lead`
    that of the bodies that are then away from their start. The mean frame has pixel scores only.
    """

    name: str
    bodies: dict[str, BodyScores] = field(default_factory=dict)
    valid_horizon: Score | None = None
    all_found: Score | None = None
    psnr: dict[int, Score] = field(default_factory=dict)
    one_step_ratio: Score | None = None
    checks: dict[str, dict[str, Score]] = field(default_factory=dict)
    overall: dict[int, Score] = field(default_factory=dict)
    lead: dict[int, Score] = field(default_factory=dict)
    moved_lead: dict[int, Score] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What is wrong with one generated episode; no violations means nothing was found."""

    episode: int
    seed: int
    violations: tuple[str, ...]


@dataclass(frozen=True)
class Unreadable:
    """An episode of a row that could not be read; it counts as the worst in every score."""

    row: str
    episode: int
    reason: str


@dataclass(frozen=True)
class Outcome:
    """A number against its limit; `passed` is None where it could not be measured."""

    name: str
    value: float
    limit: str
    passed: bool | None

    def __str__(self) -> str:
        mark = {True: "ok  ", False: "FAIL", None: "-   "}[self.passed]
        value = "not measured" if math.isnan(self.value) else f"{self.value:.3g}"
        return f"{mark}  {self.name}: {value} (limit {self.limit})"


@dataclass(frozen=True)
class Report:
    """All scores of one evaluation: the rows are "model", "floor" and the baselines."""

    scenario: str
    source: str
    episodes: int
    start_frames: int
    steps: int
    frame_rate_hz: int
    horizons: tuple[int, ...]
    diameter_m: dict[str, float]
    rows: dict[str, Row]
    verdicts: tuple[Verdict, ...]
    floor_verdicts: tuple[Verdict, ...]
    checks: tuple[str, ...]  # those that were made
    unreadable: tuple[Unreadable, ...]
    clips: tuple[Clip, ...]  # the model's
    limits: tuple[Outcome, ...]
    rulings: dict[str, tuple[Ruling, ...]]  # of the model and the floor, by law and split

    def table(self) -> str:
        """The report as aligned text: positions by body and horizon, then every check."""
        return table(self)

    def to_json(self) -> str:
        """The same report gives the same text, byte for byte; clips not explained say nothing."""
        values = plain(self)
        for clip in values["clips"]:
            if clip["explanation"] is None:
                del clip["explanation"]
        return json.dumps({"schema": SCHEMA, **values}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The report a JSON text holds. Raises InputError on another schema."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InputError(f"not a worldsim report: {error}") from error
        if not isinstance(values, dict) or values.pop("schema", None) != SCHEMA:
            raise InputError(f"not a worldsim report of schema {SCHEMA}; evaluate again")
        report: Report = built(cls, values)
        return report

    @classmethod
    def load(cls, path: str | Path) -> Report:
        return cls.from_json(Path(path).read_text())
