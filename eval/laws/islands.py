"""Islands: bodies that touch each other, and so share momentum and energy."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from worldsim.eval.reading.reading import Reading
from worldsim.eval.same import Same

from .impacts import impacts
from .windows import between, loose, near_m, solid, valid_steps

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Bool = NDArray[np.bool_]


def touches(evidence: Evidence, reading: Reading) -> Bool:
    """Which bodies touch which in each frame, (S+1, N, N), symmetric.

    Those that are read next to each other, and up to the step at which the clip leaves its
    reference those that the simulator's log names: of the reference's own frames all of these.
    Pairs without a loose body are left out.
    """
    return _touches(Same(reading, evidence))


@lru_cache(maxsize=32)
def _touches(key: Same[Reading, Evidence]) -> Bool:
    evidence, reading = key.of, key.one
    scene, count = evidence.scene, len(evidence.scene.bodies)
    hit = np.zeros((len(reading.position_m), count, count), bool)
    free = loose(scene)
    for body in free:
        for other in solid(scene):
            if other == body or (other in free and other < body):
                continue
            gaps = np.nan_to_num(between(reading, scene, body, other).gap_m, nan=np.inf)
            hit[:, body, other] = gaps <= near_m(scene, body)
    log = evidence.reference.contacts
    if log is not None:
        until = evidence.steps if reading is evidence.floor else valid_steps(evidence)
        for t in range(until + 1):
            pairs = log.bodies[t][log.bodies[t].min(-1) >= 0]
            hit[t, pairs[:, 0], pairs[:, 1]] = True
    both: Bool = np.logical_or(hit, hit.transpose(0, 2, 1))
    return both


def groups(evidence: Evidence, reading: Reading) -> list[list[int]]:
    """The judged loose bodies, those that ever touch each other in one list."""
    bodies = [i for i in loose(evidence.scene) if i in evidence.truth.indices]
    if not bodies:
        return []
    ever = np.asarray(touches(evidence, reading).any(axis=0))[np.ix_(bodies, bodies)]
    for impact in impacts(evidence, reading):
        if impact.touches and impact.other in bodies:
            ever[bodies.index(impact.body), bodies.index(impact.other)] = True
    count, labels = connected_components(ever, directed=False)
    return [
        [b for b, label in zip(bodies, labels, strict=True) if label == k] for k in range(count)
    ]


def driven(evidence: Evidence, reading: Reading, bodies: list[int]) -> Bool:
    """Frames (S+1,) in which one of the bodies touches what the actuator moves by itself."""
    scene = evidence.scene
    moved = [i for i in scene.driven if i not in loose(scene)]
    return np.asarray(touches(evidence, reading)[:, bodies][:, :, moved].any((1, 2)))
