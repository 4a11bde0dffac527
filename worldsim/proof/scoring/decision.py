"""One number for a clip from all alarms, and how well such numbers tell faulty from clean clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from worldsim.data.atomic import write_whole
from worldsim.errors import InputError

Float = NDArray[np.float64]
Alarms = Mapping[str, float]
STORED = Path(__file__).with_name("limits.json")
QUANTILE = 0.99
FALSE_ALARMS = 0.01
FOUND = 0.9
RESAMPLES = 1000
_LONG_TAIL = 2.0
_LEAST = 1e-9  # an alarm that no clean clip gives has a limit all the same
LEAST: Mapping[str, float] = {
    "position error": 0.05,  # of what is legal, a quarter of a diameter
    "in diameters": 0.05,
    "lateral error": 0.05,
    "along the view": 0.05,
    "path ratio": 0.1,  # logarithm
    "moved at rest": 0.1,  # diameters
    "bodies found": 0.5,  # body-frames
    "identity kept": 1.0,
    "duplicates": 0.5,
    "re-emerged": 1.0,  # frames
    "lateness": 1.0,
    "place": 0.1,  # diameters
    "size change": 0.02,  # logarithm
    "shape change": 0.05,  # of the overlap
    "colour change": 0.05,  # logarithm
    "still pixels changed": 1e-3,  # of the pixels
    "depth drift": 2e-3,  # m
    "new objects": 0.1,  # of a body
}
"""What an alarm must exceed at least: so much is no fault, whatever few clean clips have shown."""


@dataclass(frozen=True)
class Limits:
    """What each alarm reaches in clean clips of a scenario: its quantile QUANTILE over `clips`.

    Where the halves of the clips differ in that more than twofold, the limit is so many times
    higher: a few clips do not tell how far a long tail goes. `joint` is that quantile of a clip's
    largest alarm over its limit, where the limit was drawn from the other half: with so many
    alarms one or the other is above its own more often than each.
    """

    limits: dict[str, float]
    joint: float
    clips: int

    @classmethod
    def of(cls, clips: Sequence[Alarms]) -> Limits:
        """From the alarms of clean clips; InputError where there are none."""
        if not clips:
            raise InputError("limits need the alarms of clean clips")
        halves = (clips[::2], clips[1::2])
        tails = _tails(_limits(halves[0]), _limits(halves[1]))

        def of(some: Sequence[Alarms]) -> dict[str, float]:
            limits = _times(_limits(some), tails)
            return {name: max(limit, LEAST.get(name, 0.0)) for name, limit in limits.items()}

        crossed = [
            made.largest(alarms)
            for drawn, others in (halves, halves[::-1])
            for made in [cls(_scaled(of(drawn)), 1.0, 0)]
            for alarms in others
        ]
        joint = max(1.0, _upper([ratio for ratio in crossed if np.isfinite(ratio)]))
        return cls(of(clips), joint, len(clips))

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

    def flags(self, alarms: Alarms) -> tuple[str, ...]:
        """Names of the alarms above their limits, the loudest first."""
        found = {name: self.largest({name: value}) for name, value in alarms.items()}
        loud = [name for name, ratio in found.items() if ratio > 1.0]
        return tuple(sorted(loud, key=lambda name: -found[name]))


def write_limits(path: Path, by_scenario: Mapping[str, Limits], command: str) -> None:
    """Write the limits of all scenarios, and the command that makes them again."""
    rows = {
        scenario: {**asdict(made), "limits": {n: _plain(v) for n, v in made.limits.items()}}
        for scenario, made in by_scenario.items()
    }
    content = {"command": command, "scenarios": rows}
    write_whole(path, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def read_limits(path: Path = STORED) -> dict[str, Limits]:
    """Limits by scenario: those that ship with worldsim, or a file's.

    Raises InputError on what holds none.
    """
    try:
        return {
            str(scenario): Limits(
                {str(name): float(value) for name, value in row["limits"].items()},
                float(row["joint"]),
                int(row["clips"]),
            )
            for scenario, row in json.loads(path.read_text())["scenarios"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} holds no limits ({error})") from error


def _tails(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """By what factor the halves' limits differ, where it is more than _LONG_TAIL."""
    ratios = {
        name: max(one[name], other[name]) / min(one[name], other[name])
        for name in one.keys() & other.keys()
        if min(one[name], other[name]) > _LEAST and np.isfinite(max(one[name], other[name]))
    }
    return {name: ratio for name, ratio in ratios.items() if ratio > _LONG_TAIL}


def _times(limits: Mapping[str, float], factors: Mapping[str, float]) -> dict[str, float]:
    return {name: limit * factors.get(name, 1.0) for name, limit in limits.items()}


def _scaled(limits: Mapping[str, float]) -> dict[str, float]:
    """Those above 0: of the others no clip is so many times above."""
    return {name: limit for name, limit in limits.items() if limit > _LEAST}


def _limits(clips: Sequence[Alarms]) -> dict[str, float]:
    """Of every alarm that was measured in one of the clips at least."""
    names = sorted({n for alarms in clips for n, value in alarms.items() if not np.isnan(value)})
    return {name: _upper([a[name] for a in clips if name in a]) for name in names}


def auc(clean: Float, faulty: Float) -> float:
    """Chance that a faulty clip scores above a clean one, ties counting half (Mann-Whitney)."""
    if not len(clean) or not len(faulty):
        return float("nan")
    return float(_aucs(clean[None], faulty[None])[0])


def auc_interval(clean: Float, faulty: Float) -> tuple[float, float]:
    """95 % bootstrap interval, both classes drawn anew; the same on every call."""
    if not len(clean) or not len(faulty):
        return float("nan"), float("nan")
    rng = np.random.default_rng(0)
    drawn = _aucs(
        rng.choice(clean, (RESAMPLES, len(clean))), rng.choice(faulty, (RESAMPLES, len(faulty)))
    )
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _aucs(clean: Float, faulty: Float) -> Float:
    """One AUC a row of clean (k, n) and faulty (k, m)."""
    count = faulty.shape[1]
    ranks = rankdata(np.hstack([clean, faulty]), axis=1)[:, clean.shape[1] :]
    pairs: Float = ranks.sum(1) - count * (count + 1) / 2.0
    areas: Float = pairs / (count * clean.shape[1])
    return areas


def line(clean: Float, false_alarms: float = FALSE_ALARMS) -> float:
    """The lowest score that at most this share of clean clips exceeds."""
    allowed = int(np.floor(false_alarms * len(clean) + 1e-9))
    return float(np.sort(clean)[len(clean) - 1 - allowed]) if len(clean) else float("nan")


def found_share(clean: Float, faulty: Float) -> float:
    """Share of faulty clips above the line of 1 % false alarms."""
    return float((faulty > line(clean)).mean()) if len(faulty) else float("nan")


def smallest_found(clean: Float, faulty: Mapping[float, Float]) -> float | None:
    """The subtlest magnitude, in the order given, of which 90 % and more are found."""
    for magnitude, scores in faulty.items():
        if found_share(clean, scores) >= FOUND:
            return magnitude
    return None


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
