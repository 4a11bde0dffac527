"""Score, Row and Report: what an evaluation found, as plain values with a JSON round-trip."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from worldsim.errors import InputError

SCHEMA = 1
Interval = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """One number with what is needed to judge it.

    `floor` is the same number for the simulator's own frames read by the same evaluator, `n` the
    episodes behind `value`, `interval` a 95 % bootstrap interval over episodes. `per_step` holds
    the value at steps 1, 2, ... after the start frames. NaN: not measured.
    """

    name: str
    value: float
    unit: str
    n: int
    floor: float | None = None
    interval: Interval | None = None
    mean: float | None = None
    per_step: tuple[float, ...] = ()


@dataclass(frozen=True)
class BodyScores:
    """How one body fared in one row; the dicts are keyed by horizon in steps.

    `position`, `lateral` and `along_view` are medians over episodes in metres (`mean` beside),
    a lost body counting with the scene's diagonal; `moved_ratio` is the error of the episodes in
    which the body moved over the error of leaving it where it was; `image_px` (mean distance in
    the image) and `moved_found` (a ratio of means) leave lost bodies out. `curve` holds the median
    position error of every step, `valid_horizon` the share of episodes still valid at every step.
    """

    curve: Score
    position: dict[int, Score]
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

    The mean frame shows no bodies and has pixel scores only.
    """

    name: str
    bodies: dict[str, BodyScores] = field(default_factory=dict)
    valid_horizon: Score | None = None
    all_found: Score | None = None
    psnr: dict[int, Score] = field(default_factory=dict)
    one_step_ratio: Score | None = None


@dataclass(frozen=True)
class Verdict:
    """What is wrong with one generated episode; no violations means nothing was found."""

    episode: int
    seed: int
    violations: tuple[str, ...]


@dataclass(frozen=True)
class Check:
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
    checks: tuple[Check, ...]

    def table(self) -> str:
        """Median position error in metres by body, row and horizon, as aligned text."""
        heads = [f"{step} steps" for step in self.horizons]
        width = max(map(len, self.rows)) + 2
        lines = []
        for body in self.diameter_m:
            title = f"{body} ({self.diameter_m[body]:.2f} m)"
            cells = [*heads, "lost", "valid"]
            lines.append(title.ljust(width + 2) + "".join(c.rjust(10) for c in cells))
            for name, row in self.rows.items():
                if body not in row.bodies:
                    continue
                scores = row.bodies[body]
                cells = [_metres(scores.position[step]) for step in self.horizons]
                cells.append(_percent(scores.lost[self.horizons[-1]]))
                cells.append(horizon_text(scores.valid_horizon))
                lines.append("  " + name.ljust(width) + "".join(c.rjust(10) for c in cells))
        lines.append("all bodies".ljust(width + 2) + "found".rjust(10) + "valid".rjust(10))
        for name, row in self.rows.items():
            if row.all_found is not None and row.valid_horizon is not None:
                cells = [_percent(row.all_found), horizon_text(row.valid_horizon)]
                lines.append("  " + name.ljust(width) + "".join(c.rjust(10) for c in cells))
        lines.append(
            "Median position error in m, a lost body counting with the view's diagonal; lost:\n"
            f"episodes at {self.horizons[-1]} steps; valid: median steps within half a diameter; "
            "found: frames with every body."
        )
        return "\n".join(lines)

    def to_json(self) -> str:
        return json.dumps({"schema": SCHEMA, **_plain(asdict(self))}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The report a JSON text holds. Raises InputError on another schema."""
        values = json.loads(text)
        if not isinstance(values, dict) or values.pop("schema", None) != SCHEMA:
            raise InputError(f"not a worldsim report of schema {SCHEMA}; evaluate again")
        values["horizons"] = tuple(values["horizons"])
        values["rows"] = {name: _row(row) for name, row in values["rows"].items()}
        for name in ("verdicts", "floor_verdicts"):
            values[name] = tuple(
                Verdict(v["episode"], v["seed"], tuple(v["violations"])) for v in values[name]
            )
        values["checks"] = tuple(
            Check(**{**check, "value": _number(check["value"])}) for check in values["checks"]
        )
        return cls(**values)

    @classmethod
    def load(cls, path: str | Path) -> Report:
        return cls.from_json(Path(path).read_text())


def horizon_text(score: Score) -> str:
    """A valid horizon for people: ">64" where half the episodes never failed."""
    if math.isnan(score.value):
        return "-"
    return f">{len(score.per_step)}" if math.isinf(score.value) else f"{score.value:.0f}"


def _metres(score: Score) -> str:
    return "-" if math.isnan(score.value) else f"{score.value:.3f}"


def _percent(score: Score) -> str:
    return "-" if math.isnan(score.value) else f"{score.value:.1%}"


def _plain(value: Any) -> Any:
    """NaN and infinity as strings, since JSON has neither; keys as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _number(value: Any) -> float:
    return float(value)


def _score(values: dict[str, Any]) -> Score:
    interval, mean, floor = values["interval"], values["mean"], values["floor"]
    return Score(
        values["name"],
        _number(values["value"]),
        values["unit"],
        values["n"],
        None if floor is None else _number(floor),
        None if interval is None else (_number(interval[0]), _number(interval[1])),
        None if mean is None else _number(mean),
        tuple(_number(step) for step in values["per_step"]),
    )


def _by_step(values: dict[str, Any]) -> dict[int, Score]:
    return {int(step): _score(score) for step, score in values.items()}


def _body(values: dict[str, Any]) -> BodyScores:
    single = ("curve", "valid_horizon", "motion")
    scores: dict[str, Any] = {
        name: _score(value) if name in single else _by_step(value) for name, value in values.items()
    }
    return BodyScores(**scores)


def _row(values: dict[str, Any]) -> Row:
    single = {
        name: None if values[name] is None else _score(values[name])
        for name in ("valid_horizon", "all_found", "one_step_ratio")
    }
    bodies = {body: _body(scores) for body, scores in values["bodies"].items()}
    return Row(values["name"], bodies, psnr=_by_step(values["psnr"]), **single)
