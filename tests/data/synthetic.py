"""Episodes made from random numbers: what the recorder's tests record, without pybullet."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.errors import InputError
from worldsim.sim.actuators import Force
from worldsim.sim.camera import Camera
from worldsim.sim.scene import Body, Scene

SPEC = ActionSpec((ActionChannel("x", "m/s", 0.5), ActionChannel("y", "m/s", 0.5)))
BODIES = (
    Body("ball", "sphere", (0.1,), (1.0, 0.2, 0.1), (0.0, 0.1, 0.1), "free", mass_kg=0.3),
    Body("floor", "box", (2.0, 2.0, 0.1), (0.5, 0.5, 0.5), (0.0, 0.0, -0.05), "static"),
)


def make_scene(seed: int, size_px: int = 8) -> Scene:
    camera = Camera((0.0, -1.0, 1.0), (0.0, 0.0, 0.0), width_px=size_px, height_px=size_px)
    return Scene("push", BODIES, camera, SPEC, actuator=Force("ball"), seed=seed)


def make_episode(seed: int, steps: int = 5, size_px: int = 8, full: bool = True) -> Episode:
    """A random episode in which the first action leading to frame t says so: actions[t-1] ~ t.

    frames[t, 0, 0] holds (t, low byte of seed, 0), actions[t - 1, 0] is t / 1000.
    """
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (steps + 1, size_px, size_px, 3), np.uint8)
    frames[:, 0, 0, 0], frames[:, 0, 0, 1] = np.arange(steps + 1) % 256, seed % 256
    actions = rng.uniform(-1, 1, (steps, 2)).astype(np.float32)
    actions[:, 0] = np.arange(1, steps + 1) / 1000
    state: dict[str, Any] = {}
    if full:
        bodies = len(BODIES)
        state["states"] = BodyStates(
            *(rng.normal(size=(steps + 1, bodies, width)) for width in (3, 4, 3, 3))
        )
        state["contacts"] = Contacts(
            rng.integers(0, 4, steps + 1, np.int32),
            rng.integers(-1, bodies, (steps + 1, 4, 2), np.int32),
            *(rng.normal(size=(steps + 1, 4, *tail)) for tail in ((3,), (3,), ())),
        )
    return Episode(
        frames=frames,
        depth_m=rng.uniform(1.2, 2.3, (steps + 1, size_px, size_px)).astype(np.float32),
        segmentation=rng.integers(0, 3, frames.shape[:3], np.uint8) if full else None,
        actions=actions,
        rewards=rng.normal(size=steps),
        terminated=np.zeros(steps, np.bool_),
        truncated=np.arange(steps) == steps - 1,
        scene=make_scene(seed, size_px),
        source="simulator",
        **state,
    )


def draw(scene: Scene, states: BodyStates) -> Any:
    """In place of the renderer: images that are a function of scene and states."""
    length, size_px = len(states.position_m), scene.camera.width_px
    rows = np.abs(states.position_m.reshape(length, -1)) * (1 + scene.seed % 7)
    values = np.resize(rows.T, (size_px * size_px, length)).T.reshape(length, size_px, size_px)
    depth_m = values.astype(np.float32)
    rgb = np.stack([values * k % 1 * 255 for k in (1, 2, 3)], -1).astype(np.uint8)
    return rgb, depth_m, (values * 100 % 3).astype(np.uint8)


@dataclass(frozen=True)
class Maker:
    """What `simulate` is given: episode `index` of a recording, after `wait_s` seconds."""

    seed: int = 0
    steps: int = 5
    wait_s: float = 0.0
    fail_at: int = -1
    how: str = "bug"
    frames: bool = True

    @property
    def meta(self) -> dict[str, Any]:
        scene = make_scene(0)
        return {
            "scenario": "push",
            "split": "id",
            "seed": self.seed,
            "steps": self.steps,
            "frame_rate_hz": scene.frame_rate_hz,
            "frames": self.frames,
            "look": scene.look.to_dict(),
            "renderer": scene.look.renderer,
        }

    def __call__(self, index: int) -> Episode:
        if index == self.fail_at:
            raise (KeyError("lost key") if self.how == "bug" else InputError("disk full"))
        time.sleep(self.wait_s)
        return make_episode(self.seed * 1000 + index, self.steps + index % 3)
