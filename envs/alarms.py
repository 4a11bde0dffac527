"""Alarms of a dream: what tells that it has gone wrong where no simulator runs beside it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError, unknown
from worldsim.eval.checks.position import diagonal_m, judged
from worldsim.eval.laws.alone import alone, energy_gain, floating, penetration
from worldsim.eval.reading.reading import Reading
from worldsim.sim.scene import Scene

NAMES = ("uncertainty", "bodies_lost", "penetration", "floating", "energy_gain")
FRAMES = 12
"""Laws are tested on so many of the last frames."""
LEAST: Mapping[str, float] = {"penetration": 0.5, "floating": 0.5, "energy_gain": 0.5}
"""Of three standard errors: so much is no fault, whatever few true clips have shown."""
STORED = Path(__file__).with_name("alarms.json")

Limits = Mapping[str, float]


def limits_of(scenario: str, source: str) -> dict[str, float]:
    """What each alarm must exceed to fire; measured by `worldsim.trust.calibrate`.

    The higher of what true clips of the scenario and the model's own valid dreams of it show. In a
    scenario that was not measured the highest of all true clips, for the uncertainty of a model
    that was not infinity: it is shown then and never fires.
    """
    stored = _stored()
    true = stored["true"].get(scenario) or _most(stored["true"].values())
    dreamed = stored["dreams"].get(source, {}).get(scenario, {"uncertainty": float("inf")})
    return {
        name: max(true.get(name, 0.0), dreamed.get(name, 0.0), LEAST.get(name, 0.0))
        for name in NAMES
    }


def asked_limits(alarms: bool | Limits, scenario: str, source: str) -> dict[str, float] | None:
    """Those of an environment's `alarms`: None without, the measured ones, or others for some.

    Raises InputError on an alarm that there is not.
    """
    if alarms is False:
        return None
    own = alarms if isinstance(alarms, Mapping) else {}
    check_names(own)
    return {**limits_of(scenario, source), **own}


def check_names(names: Collection[str]) -> tuple[str, ...]:
    """Return them. Raises InputError, with the near names, on an alarm that there is not."""
    if isinstance(names, str):
        raise InputError(f"alarms are given as a tuple, as in ({names!r},)")
    for name in names:
        if name not in NAMES:
            raise unknown("alarm", str(name), NAMES)
    return tuple(names)


@lru_cache(maxsize=1)
def _stored() -> Any:
    return json.loads(STORED.read_text())


def _most(rows: Collection[Limits]) -> dict[str, float]:
    names = [name for name in NAMES if name != "uncertainty"]
    return {name: max((row[name] for row in rows), default=float("inf")) for name in names}


class Alarms:
    """What the last frames of one dream give rise to.

    `values` by name, after every frame:

    - uncertainty: what the mean error of bodies may be in metres. A body that was not found counts
      with the scene's diagonal; to that comes what the model's own drafts have differed by in
      depth since the start (`worldsim.models.stepper.Stepper.doubt`).
    - bodies_lost: bodies that are neither found nor hidden in the last two frames.
    - penetration, floating, energy_gain: in three standard errors, see `worldsim.eval.laws.alone`.

    One fires where its value exceeds its limit; see `limits_of`.
    """

    def __init__(self, scene: Scene, limits: Limits) -> None:
        self.scene, self.limits = scene, dict(limits)
        self.values = dict.fromkeys(NAMES, 0.0)
        self.doubt_m = 0.0
        self.seen: Reading | None = None
        self.acted = np.zeros((0, scene.action_spec.size), np.float32)

    def told(self) -> dict[str, Any]:
        """What info says of the last frame."""
        fired = {name: self.values[name] > self.limits[name] for name in NAMES}
        return {"alarms": fired, "alarm_values": dict(self.values), "doubt_m": self.doubt_m}

    def copy(self) -> Alarms:
        """One that can go another way."""
        twin = copy(self)
        twin.values = dict(self.values)
        return twin

    def add(self, reading: Reading, action: NDArray[np.float32] | None, doubt_m: float) -> None:
        """Take in one more frame as read and the action (A,) that led into it, None at the start.

        `doubt_m` is the model's own, in metres of depth.
        """
        if self.seen is None or action is None:
            self.seen = _small(reading)
        else:
            self.seen = _joined(self.seen, _small(reading))
            self.acted = np.concatenate([self.acted, action[None]])[1 - FRAMES :]
        self.doubt_m, moving = doubt_m, judged(self.scene)
        missing = ~self.seen.found[-1, moving]
        self.values["uncertainty"] = diagonal_m(self.scene) * float(missing.mean()) + doubt_m
        if not len(self.acted):
            return
        last = slice(-2, None)
        gone = ~self.seen.found[last, moving] & ~self.seen.hidden[last, moving]
        self.values["bodies_lost"] = float(gone.all(0).sum())
        evidence = alone(self.scene, self.seen, self.acted)
        self.values["penetration"] = penetration(evidence)
        self.values["floating"] = floating(evidence)
        self.values["energy_gain"] = energy_gain(evidence)


def _small(reading: Reading) -> Reading:
    """Without the pixels, which no law needs here."""
    return replace(reading, segmentation=reading.segmentation[:, :0, :0])


def _joined(one: Reading, other: Reading) -> Reading:
    """Both in a row, the last `FRAMES` of them."""
    rows = {
        f.name: np.concatenate([getattr(one, f.name), getattr(other, f.name)])[-FRAMES:]
        for f in fields(Reading)
    }
    return Reading(**rows)
