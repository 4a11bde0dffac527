"""What a clip breaks by itself, without a reference: bodies in each other, in the air, energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.checks.position import Truth, judged
from worldsim.eval.evidence import Evidence
from worldsim.eval.reading.reading import Reading
from worldsim.sim.scene import Scene

from .energies import energies
from .energy import worst_rise
from .solidity import overlap, pairs
from .support import hang
from .windows import loose

Float = NDArray[np.float64]

LASTING_FRAMES = 2
"""What one frame shows may be read wrong."""


def alone(scene: Scene, reading: Reading, actions: NDArray[np.float32]) -> Evidence:
    """A reading of S+1 frames under actions (S, A) as evidence that is its own reference.

    There are no pictures and no log of contacts: only for laws that need neither.
    """
    steps, bodies = len(actions), judged(scene)
    clip = Episode(
        frames=np.zeros((steps + 1, 1, 1, 3), np.uint8),
        depth_m=np.zeros((steps + 1, 1, 1), np.float32),
        segmentation=None,
        actions=actions,
        rewards=np.zeros(steps),
        terminated=np.zeros(steps, np.bool_),
        truncated=np.zeros(steps, np.bool_),
        scene=scene,
        source="reading",
    )
    names = tuple(scene.bodies[i].name for i in bodies)
    truth = Truth(scene, names, reading.position_m[:, bodies], reading.found[:, bodies])
    return Evidence(clip, clip, reading, reading, truth, pictured=False)


def penetration(evidence: Evidence) -> float:
    """How deep two bodies are in each other in all of the last `LASTING_FRAMES` frames.

    In what is legal (see `solidity`); that of the deepest pair.
    """
    scene = evidence.scene
    over = [0.0]
    for one, other in pairs(scene, judged(scene)):
        found = overlap(evidence.reading, scene, one, other)
        over.append(float(np.nan_to_num(found.depth_m / found.legal_m)[-LASTING_FRAMES:].min()))
    return max(over)


def floating(evidence: Evidence) -> float:
    """By how much what nothing holds does not fall, in the last `LASTING_FRAMES` fits of support.

    In three standard errors (see `support`); that of the worst body, 0 where none is in the air.
    """
    over = [0.0]
    for body in set(loose(evidence.scene)) & set(judged(evidence.scene)):
        excess = hang(evidence, evidence.reading, body).excess
        # A fit stands two frames before the last frame that it needs.
        over.append(float(np.nan_to_num(excess[-LASTING_FRAMES - 1 : -1]).min()))
    return max(over)


def energy_gain(evidence: Evidence) -> float:
    """By how much bodies have more energy than before and no action gave it.

    In three standard errors (see `energy`); that of the worst group of bodies.
    """
    rises = [worst_rise(group)[0] for group in energies(evidence, evidence.reading)]
    return max((rise for rise in rises if not np.isnan(rise)), default=0.0)
