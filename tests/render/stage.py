"""Small scenes for the renderer's tests, and rollouts of the scenarios."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.actions import ActionChannel, ActionSpec
from worldsim.envs.simulator_env import SimulatorEnv
from worldsim.episode import BodyStates
from worldsim.render import Renderer
from worldsim.sim.actuators import Force
from worldsim.sim.camera import Camera
from worldsim.sim.look import Look
from worldsim.sim.scene import Body, Light, Scene

STATES = ("position_m", "orientation_xyzw", "velocity_m_s", "angular_velocity_rad_s")
SPEC = ActionSpec((ActionChannel("x", "N", 1.0), ActionChannel("y", "N", 1.0)))
GROUND = Body("ground", "box", (6.0, 6.0, 0.2), (0.7, 0.7, 0.7), (0.0, 0.0, -0.1), "static")
PLAIN = {"samples": 1, "texture": 0.0, "gloss": 0.0}
Images = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]


def make_scene(
    *bodies: Body,
    camera: Camera,
    look: Look | None = None,
    sun: tuple[float, float, float] = (0.3, -0.4, 1.0),
    light: Light | None = None,
) -> Scene:
    return Scene(
        "push",
        bodies,
        camera,
        SPEC,
        light=light or Light(sun),
        look=look or Look(),
        actuator=Force(bodies[0].name),
    )


def poses(scene: Scene) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (
        np.array([body.position_m for body in scene.bodies]),
        np.array([body.orientation_xyzw for body in scene.bodies]),
    )


def draw(scene: Scene) -> Images:
    """The scene as it starts, drawn by a Renderer of its own."""
    return Renderer(scene).draw(*poses(scene))


def states_of(rows: list[dict[str, Any]]) -> BodyStates:
    return BodyStates(*(np.stack([row[name] for row in rows]) for name in STATES))


def roll(scenario: str, steps: int, size_px: int = 32, seed: int = 4) -> tuple[Any, ...]:
    """Scene, states and the live images of a rollout of random actions."""
    env = SimulatorEnv(scenario, size_px=size_px, end_on_success=False)
    frame, info = env.reset(seed=seed)
    frames, infos = [frame], [info]
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        action = rng.uniform(-1, 1, env.scene.action_spec.size).astype(np.float32)
        frame, _, _, _, info = env.step(action)
        frames.append(frame)
        infos.append(info)
    env.close()
    images = [np.stack([info[name] for info in infos]) for name in ("depth_m", "segmentation")]
    bodies = len(env.scene.bodies)  # infos have rows to spare
    rows = [{name: info[name][:bodies] for name in STATES} for info in infos]
    return env.scene, states_of(rows), (np.stack(frames), *images)
