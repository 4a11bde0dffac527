"""Windows of a clip in which a law can be tested: flights without contact, and touches.

Up to the step at which a clip leaves its reference the simulator's log says who touches whom; after
it that no longer applies, and contacts are those that show in the places read (rule 4 of
physics-eval 5.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldsim.eval.checks.horizon import failures, first
from worldsim.eval.reading.reading import Reading
from worldsim.eval.same import Same
from worldsim.sim.actuators import Force, Launch
from worldsim.sim.scene import Scene

from .gaps import Gap, gap

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

NEAR_M = 0.004
"""Bodies that are read no farther apart than this, or than a thirtieth of a width, may touch."""
NEAR_WIDTHS = 1.0 / 30.0


@dataclass(frozen=True)
class Window:
    """Frames first..last (both included) of one body, index in the scene."""

    body: int
    first: int
    last: int
    matched: bool  # by the simulator's log; else by what shows

    @property
    def frames(self) -> slice:
        return slice(self.first, self.last + 1)

    def __len__(self) -> int:
        return self.last - self.first + 1


def valid_steps(evidence: Evidence) -> int:
    """The last step at which every body of the clip is within half a diameter of its place."""
    step = first(failures(evidence))
    return evidence.steps if step is None else step - 1


def loose(scene: Scene) -> list[int]:
    """Bodies that nothing holds: free ones, and one that forces or a launch act on."""
    forced = isinstance(scene.actuator, Force | Launch)
    return [
        i
        for i, body in enumerate(scene.bodies)
        if not body.attached_to and (body.role == "free" or (body.role == "actuated" and forced))
    ]


def solid(scene: Scene) -> list[int]:
    """Bodies that others can touch."""
    return [i for i, body in enumerate(scene.bodies) if body.role not in ("marker", "camera")]


def logged(evidence: Evidence, body: int) -> Bool | None:
    """Frames (S+1,) whose physics steps had a contact of the body; None without a log."""
    contacts = evidence.reference.contacts
    return None if contacts is None else contacts.touching(body)


def touching(evidence: Evidence, reading: Reading, body: int) -> Bool:
    """Frames (S+1,) in which a body is read next to another one, or into it."""
    scene = evidence.scene
    limit_m = near_m(scene, body)
    hit = np.zeros(len(reading.position_m), bool)
    for other in solid(scene):
        if other != body:
            hit |= between(reading, scene, body, other).gap_m <= limit_m  # NaN is not
    return hit


def near_m(scene: Scene, body: int) -> float:
    """How near counts as touching."""
    return max(NEAR_M, NEAR_WIDTHS * min(scene.bodies[body].size_m))


def between(reading: Reading, scene: Scene, one: int, other: int) -> Gap:
    """The gap of two bodies, computed once for a reading."""
    return _between(Same(reading, scene), one, other)


def flights(evidence: Evidence, reading: Reading, body: int, least: int) -> list[Window]:
    """Runs of at least `least` frames in which nothing touches a loose body that is found.

    The contacts of frame t are those of the physics steps that lead to it: a flight of frames a..b
    has none in a+1..b. A flight that is still going on when the clip leaves its reference is cut
    there.
    """
    valid, log = valid_steps(evidence), logged(evidence, body)
    shown = touching(evidence, reading, body)
    found = np.logical_not(np.isnan(reading.position_m[:, body]).any(axis=1))
    windows = []
    stop = valid if log is not None else 0
    if log is not None:
        # What touches by the log and what shows must both say that the body flies.
        windows += _runs(~log[: stop + 1] & ~shown[: stop + 1] & found[: stop + 1], body, 0, True)
    windows += _runs(~shown[stop:] & found[stop:], body, stop, False)
    return [window for window in windows if len(window) >= least]


def _runs(free: Bool, body: int, offset: int, matched: bool) -> list[Window]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], free, [False]]).astype(np.int8)))
    return [
        Window(body, int(a) + offset, int(b) - 1 + offset, matched)
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


@lru_cache(maxsize=512)
def _between(key: Same[Reading, Scene], one: int, other: int) -> Gap:
    return gap(key.one, key.of, one, other)
