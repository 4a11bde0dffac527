"""Evidence made by hand: a pusher and a sphere that move, a box that rests, and what is read."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from worldsim.episode import BodyStates, Episode
from worldsim.eval.checks.measure import Measure
from worldsim.eval.checks.position import truth_of
from worldsim.eval.checks.registry import measure
from worldsim.eval.evidence import Evidence
from worldsim.eval.reading.reading import Reading
from worldsim.sim.scenarios import make_scene

STEPS = 24
ONSET = 10
SCENE = make_scene("push", 3)
PUSHER, SPHERE, BOX = (SCENE.index(name) for name in ("pusher", "sphere", "box"))
SIZE = (STEPS + 1, SCENE.camera.height_px, SCENE.camera.width_px)
TABLE = (180, 150, 120)
SQUARES = {PUSHER: slice(8, 14), SPHERE: slice(30, 36), BOX: slice(50, 56)}


def truth_episode() -> Episode:
    """Pusher and sphere cross the table at 0.2 m/s, the box rests; a picture to match."""
    count = len(SCENE.bodies)
    places = np.tile([body.position_m for body in SCENE.bodies], (STEPS + 1, 1, 1))
    run_m = 0.02 * np.arange(STEPS + 1)
    for body, (x, y) in {PUSHER: (-0.2, -0.15), SPHERE: (-0.2, 0.0), BOX: (0.15, 0.15)}.items():
        places[:, body, :2] = x, y
    places[:, PUSHER, 0] += run_m
    places[:, SPHERE, 0] += run_m
    frames = np.empty((*SIZE, 3), np.uint8)
    frames[:] = TABLE
    segmentation = np.full(SIZE, 1, np.uint8)
    depth_m = np.full(SIZE, 1.2, np.float32)
    for body, rows in SQUARES.items():
        for t in range(STEPS + 1):
            left = 10 + (t if body != BOX else 0)
            frames[t, rows, left : left + 6] = 255 * np.array(SCENE.bodies[body].color_rgb)
            segmentation[t, rows, left : left + 6] = body + 1
            depth_m[t, rows, left : left + 6] = 1.1
    turns = np.tile([0.0, 0.0, 0.0, 1.0], (STEPS + 1, count, 1))
    still = np.zeros((STEPS + 1, count, 3))
    return Episode(
        frames=frames,
        depth_m=depth_m,
        segmentation=segmentation,
        actions=np.zeros((STEPS, 2), np.float32),
        rewards=np.zeros(STEPS),
        terminated=np.zeros(STEPS, bool),
        truncated=np.zeros(STEPS, bool),
        scene=SCENE,
        source="simulator",
        states=BodyStates(places, turns, still, still),
    )


def perfect_reading(episode: Episode) -> Reading:
    """Every body found where it is, with a deviation of 1 mm."""
    assert episode.states is not None and episode.segmentation is not None
    shape = (episode.steps + 1, len(episode.scene.bodies))
    return Reading(
        position_m=episode.states.position_m.copy(),
        covariance_m2=np.tile(1e-6 * np.eye(3), (*shape, 1, 1)),
        orientation_xyzw=episode.states.orientation_xyzw.copy(),
        found=np.ones(shape, bool),
        hidden=np.zeros(shape, bool),
        segmentation=episode.segmentation.copy(),
        visible_share=np.ones(shape),
        overlap=np.full(shape, 0.95),
        scale=np.full(shape, 1.02),
        color_ratio=np.full((*shape, 3), 1.0),
        extra=np.zeros(shape, np.int64),
    )


def clean(hidden: dict[int, slice] | None = None) -> Evidence:
    """A true clip. `hidden` bodies cannot be seen in the truth in those frames, nor found."""
    episode = truth_episode()
    floor = perfect_reading(episode)
    truth = truth_of(episode, floor)
    for body, frames in (hidden or {}).items():
        truth.visible[frames, truth.bodies.index(SCENE.bodies[body].name)] = False
        vanish(floor, body, frames)
        floor.hidden[frames, body] = True
    return Evidence(episode, episode, copied(floor), floor, truth)


def copied(reading: Reading) -> Reading:
    return Reading(**{f.name: getattr(reading, f.name).copy() for f in fields(Reading)})


def vanish(reading: Reading, body: int, frames: slice) -> None:
    """Make a body not found in these frames, in place."""
    for name in ("position_m", "covariance_m2", "orientation_xyzw", "overlap", "scale"):
        getattr(reading, name)[frames, body] = np.nan
    reading.color_ratio[frames, body] = np.nan
    reading.found[frames, body] = False
    reading.visible_share[frames, body] = 0.0


def stand_still(reading: Reading) -> None:
    """Every frame reads as the first, in place."""
    for field in fields(Reading):
        getattr(reading, field.name)[:] = getattr(reading, field.name)[:1]


def shown(evidence: Evidence, **changes: Any) -> Evidence:
    """The same with other pictures in the generated clip."""
    return replace(evidence, generated=replace(evidence.generated, **changes))


def measured(evidence: Evidence, *checks: str) -> dict[str, Measure]:
    return {m.name: m for m in measure(evidence, checks or None)}
