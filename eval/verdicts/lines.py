"""Lines of false alarms: what each alarm, and each law, reaches in a scenario's clean clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from worldsim.data.atomic import write_whole
from worldsim.errors import InputError

Alarms = Mapping[str, float]
STORED = Path(__file__).with_name("limits.json")
QUANTILE = 0.99
_LONG_TAIL = 2.0
_LEAST = 1e-9  # an alarm that no clean clip gives has a limit all the same
LEAST: Mapping[str, float] = {
    "position error": 0.05,  # of what is legal, a quarter of a diameter
    "in diameters": 0.05,
    "lateral error": 0.05,
    "along the view": 0.05,
    "valid horizon": 0.05,  # share of the clip
    "valid time": 0.05,
    "within one diameter": 0.05,
    "share of the ceiling": 0.05,
    "path ratio": 0.1,  # logarithm
    "moved at rest": 0.1,  # diameters
    "bodies found": 0.5,  # body-frames
    "identity kept": 1.0,
    "duplicates": 0.5,
    "re-emerged": 1.0,  # frames
    "lateness": 1.0,
    "place": 0.1,  # diameters
    "size change": 0.02,  # logarithm
    "size drift": 0.02,
    "shape change": 0.05,  # of the overlap
    "colour change": 0.05,  # logarithm
    "still pixels changed": 1e-3,  # of the pixels
    "depth drift": 2e-3,  # m
    "new objects": 0.1,  # of a body
    "gravity": 0.5,  # of three standard errors, as in all that follow
    "gravity's angle": 0.5,
    "gravity by mass": 0.5,
    "gravity by size": 0.5,
    "interpenetration": 0.5,
    "tunnelling": 0.5,  # events
    "floating": 0.5,
    "settling": 0.5,
    "settling tilt": 0.5,
    "toppled": 0.1,
    "topple time": 0.5,
    "angular velocity": 0.5,
    "slip": 0.5,
    "spin drift": 0.5,
    "reprojection error": 0.5,
    "off the surfaces": 0.5,
    "action gain": 0.5,
    "action lag": 0.5,
    "restitution": 0.5,
    "bounce gain": 0.5,
    "contacts within 1": 0.1,  # F1
    "contacts within 2": 0.1,
    "contact order": 0.1,
    "pushed from afar": 0.5,  # breaks
    "energy gain": 0.5,
    "energy error": 0.5,
    "arrow of time": 0.5,
    "momentum": 0.5,
    "impulse direction": 0.5,
    "friction": 0.5,
}
"""What an alarm must exceed at least: so much is no fault, whatever few clean clips have shown."""

BLUNT: Mapping[str, float] = {
    "position": 20.0,  # of what is legal: five diameters
    "horizon": 1.0,  # the whole clip
}
"""Lines of laws that say nothing: clean clips reach them where the reading loses a body in some."""


@dataclass(frozen=True)
class Law:
    """The measures of one check, and what the largest over its limit reaches: see Limits."""

    measures: tuple[str, ...]
    joint: float


@dataclass(frozen=True)
class Limits:
    """What each alarm reaches in clean clips of a scenario: its quantile QUANTILE over `clips`.

    Where the halves of the clips differ in that more than twofold, the limit is twice as high: a
    few clips do not tell how far a long tail goes. `joint` is that quantile of a clip's largest
    alarm over its limit, where the limits without a long tail were drawn from the other half: with
    so many alarms one or the other is above its own more often than each. `laws` holds the same by
    check.
    """

    limits: dict[str, float]
    joint: float
    clips: int
    laws: dict[str, Law] = field(default_factory=dict)

    @classmethod
    def of(
        cls, clips: Sequence[Alarms], checks: Mapping[str, Sequence[str]] | None = None
    ) -> Limits:
        """From the alarms of clean clips; `checks` names the measures of each.

        Raises InputError where there are no clips.
        """
        if not clips:
            raise InputError("limits need the alarms of clean clips")
        halves = (clips[::2], clips[1::2])
        whole, (one, other) = _limits(clips), map(_limits, halves)
        tailed = {
            name: _LONG_TAIL * limit
            for name, limit in whole.items()
            if _differ(one.get(name, limit), other.get(name, limit))
        }
        crossed = [
            (cls(_scaled({**limits, **tailed}), 1.0, 0), alarms)
            for limits, (_, others) in zip((one, other), (halves, halves[::-1]), strict=True)
            for alarms in others
        ]

        def joint(names: Sequence[str] | None) -> float:
            ratios = [
                made.largest(alarms if names is None else _of(alarms, names))
                for made, alarms in crossed
            ]
            return max(1.0, _upper([ratio for ratio in ratios if np.isfinite(ratio)]))

        laws = {law: Law(tuple(names), joint(names)) for law, names in (checks or {}).items()}
        return cls({**whole, **tailed}, joint(None), len(clips), laws)

    def largest(self, alarms: Alarms) -> float:
        """The largest alarm over its limit and what all reach together; alarms without one: 0."""
        ratios = [
            _over(value, self.limits[name])
            for name, value in alarms.items()
            if name in self.limits and not np.isnan(value)
        ]
        return max(ratios, default=0.0) / self.joint

    def score(self, alarms: Alarms) -> float:
        """`largest`, or 1 where it is below: clips without a fault that shows tie."""
        return max(1.0, self.largest(alarms))

    def level(self, alarms: Alarms, law: str) -> float | None:
        """A clip's largest alarm of one law over its line; None where none could be measured."""
        known = self.laws.get(law)
        if known is None:
            return None
        mine = _of(alarms, known.measures)
        if not any(name in self.limits and not np.isnan(value) for name, value in mine.items()):
            return None
        return self.largest(mine) * self.joint / known.joint

    def blunt(self, law: str) -> bool:
        """Whether what clean clips reach in a law is as much as a clip that has failed; BLUNT."""
        known = self.laws[law]
        lines = [self.limits[name] * known.joint for name in known.measures if name in self.limits]
        return min(lines, default=0.0) >= BLUNT.get(law, np.inf)

    def loudest(self, alarms: Alarms, law: str) -> str:
        """The measure of a law whose alarm is the highest over its limit."""
        return max(self.laws[law].measures, key=lambda n: self.largest(_of(alarms, [n])))

    def flags(self, alarms: Alarms) -> tuple[str, ...]:
        """Names of the alarms above their limits, the loudest first."""
        found = {name: self.largest({name: value}) for name, value in alarms.items()}
        loud = [name for name, ratio in found.items() if ratio > 1.0]
        return tuple(sorted(loud, key=lambda name: -found[name]))


def _of(alarms: Alarms, names: Sequence[str]) -> dict[str, float]:
    return {name: alarms[name] for name in names if name in alarms}


BySize = Mapping[int, Mapping[str, Limits]]
"""Limits by the width of frames in pixels, and by scenario."""


def write_limits(path: Path, by_size: BySize, command: str) -> None:
    """Write the limits of all sizes and scenarios, and the command that makes them again."""
    rows = {
        str(size_px): {
            scenario: {**asdict(made), "limits": {n: _plain(v) for n, v in made.limits.items()}}
            for scenario, made in by_scenario.items()
        }
        for size_px, by_scenario in by_size.items()
    }
    content = {"command": command, "widths_px": rows}
    write_whole(path, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def read_limits(path: Path = STORED, width_px: int = 128) -> dict[str, Limits]:
    """Limits by scenario for frames of a width: those that ship with worldsim, or a file's.

    They are those of the greatest width measured that is no greater, else of the smallest. Raises
    InputError on what holds none.
    """
    try:
        content = json.loads(path.read_text())["widths_px"]
        widths = {int(width): rows for width, rows in content.items()}
        width = max([w for w in widths if w <= width_px], default=min(widths))
        return {str(scenario): _built(row) for scenario, row in widths[width].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} holds no limits ({error})") from error


def _built(row: Any) -> Limits:
    laws = {
        str(law): Law(tuple(map(str, of["measures"])), float(of["joint"]))
        for law, of in row["laws"].items()
    }
    limits = {str(name): float(value) for name, value in row["limits"].items()}
    return Limits(limits, float(row["joint"]), int(row["clips"]), laws)


def _differ(one: float, other: float) -> bool:
    """Whether the limits of two halves differ more than a long tail explains."""
    low, high = sorted((one, other))
    return bool(np.isfinite(high) and low > 0.0 and high > _LONG_TAIL * low)


def _scaled(limits: Mapping[str, float]) -> dict[str, float]:
    """Those above 0: of the others no clip is so many times above."""
    return {name: limit for name, limit in limits.items() if limit > _LEAST}


def _limits(clips: Sequence[Alarms]) -> dict[str, float]:
    """Of every alarm that was measured in one of the clips at least."""
    names = sorted({n for alarms in clips for n, value in alarms.items() if not np.isnan(value)})
    reached = {name: _upper([a[name] for a in clips if name in a]) for name in names}
    return {name: max(limit, LEAST.get(name, 0.0)) for name, limit in reached.items()}


def _upper(values: Sequence[float]) -> float:
    """The quantile QUANTILE, one of the values: infinities may be among them."""
    kept = np.array([value for value in values if not np.isnan(value)])
    if not len(kept):
        return 0.0
    return float(np.quantile(kept, QUANTILE, method="higher"))


def _over(value: float, limit: float) -> float:
    if np.isinf(limit):
        return 1.0 if np.isinf(value) else 0.0
    return value / max(limit, _LEAST)


def _plain(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)
