"""What plans are tried out in: a model's dreams, or the simulator itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim import checkpoints
from worldsim.envs.belief import Belief
from worldsim.envs.simulator_env import SimulatorEnv
from worldsim.envs.start import MOST_FRAMES, load_starts
from worldsim.eval.reading.perception import read
from worldsim.frames import from_model, to_model
from worldsim.models.load import load
from worldsim.models.stepper import Stepper
from worldsim.sim.scenarios import Moment, find_scenario
from worldsim.sim.scene import Scene
from worldsim.sim.simulator import Simulator

Float = NDArray[np.float64]
PLANNERS = ("cem", "cem-simulator")
"""Policies that plan: in a model's dreams, and in the simulator that they act in."""
NEARER = 0.1
"""Of plans that leave the task as it is, those are better that bring the actuator to its body."""


class Dreamed:
    """A model's dreams from the last frames seen, all plans in one batch.

    A plan is worth the task's reward where it ends, by places that are read off its last frame
    alone, for reading takes as long as drawing: velocities count as 0.
    """

    def __init__(self, checkpoint: str, passes: int | None = None) -> None:
        self.folder, self.passes = checkpoints.find(checkpoint), passes
        self.model = load(self.folder)

    def seen_as(self, scenario: str) -> dict[str, Any]:
        """What a SimulatorEnv must be made with to show what the model learned from."""
        look = load_starts(self.folder, scenario).template.look
        return {"size_px": int(self.model.config.height_px), "look": look}

    def begin(self, scene: Scene) -> None:
        self.domain = self.model.domain(scene.scenario)
        self.scene, self.spec = scene, load_starts(self.folder, scene.scenario).template.action_spec
        self.frames: list[NDArray[np.float32]] = []
        self.actions: list[NDArray[np.float32]] = []
        self.belief = Belief.of(scene)

    def see(
        self,
        frame: NDArray[np.uint8],
        info: Mapping[str, Any],
        action: NDArray[np.float32] | None,
    ) -> None:
        depth_m = info["depth_m"]
        if action is not None:
            self.actions.append(self.scene.action_spec.convert(action, self.spec))
        values = to_model(frame[None], depth_m[None], self.domain.depth_range_m)
        self.frames.append(values[0])
        _look(self.belief, frame, depth_m, self.scene)

    def value(self, plans: NDArray[np.float32]) -> Float:
        count = len(plans)
        acted = torch.from_numpy(self.scene.action_spec.convert(plans, self.spec))
        stepper = Stepper(self.model, self.passes or self.domain.passes, self.domain.index)
        frames = np.stack(self.frames[-MOST_FRAMES:])
        before = np.array(self.actions[-MOST_FRAMES + 1 :], np.float32)
        before = before.reshape(len(frames) - 1, acted.shape[-1])
        stepper.start(_each(frames, count), _each(before, count))
        noise = torch.Generator().manual_seed(0)
        for t in range(acted.shape[1]):
            drawn = stepper.step(acted[:, t], noise)
        return np.array([self._worth(values) for values in drawn.numpy()])

    def _worth(self, values: NDArray[np.float32]) -> float:
        belief = self.belief.copy()
        _look(belief, *from_model(values, self.domain.depth_range_m), self.scene)
        turned = np.array([body.orientation_xyzw for body in self.scene.bodies])
        still = np.zeros_like(belief.velocity_m_s)
        return _worth(self.scene, Moment(belief.position_m, turned, still))


def _worth(scene: Scene, moment: Moment) -> float:
    """The task's reward, less a little for what acts being far from the body the task is about."""
    scenario = find_scenario(scene.scenario)
    acting = [i for i in scene.driven if scene.bodies[i].moves]
    subject = scene.index(scenario.subject)
    away_m = [np.linalg.norm(moment.position_m[i] - moment.position_m[subject]) for i in acting]
    return scenario.task(scene, moment).reward - NEARER * float(min(away_m, default=0.0))


def _look(
    belief: Belief, frame: NDArray[np.uint8], depth_m: NDArray[np.float32], scene: Scene
) -> None:
    reading = read(frame[None], depth_m[None], scene, memory=belief.memory)
    belief.update(reading.position_m[0], reading.covariance_m2[0], reading.found[0])


def _each(values: NDArray[np.float32], count: int) -> torch.Tensor:
    """The same for every plan, (count, ...)."""
    return torch.from_numpy(values)[None].expand(count, *values.shape)


class Simulated:
    """The simulator that is acted in, from its exact state: what no agent of a real world has."""

    def __init__(self, env: SimulatorEnv) -> None:
        self.env = env
        self.simulator = Simulator(seen=False)

    def begin(self, scene: Scene) -> None:
        self.scene = scene

    def see(
        self,
        frame: NDArray[np.uint8],
        info: Mapping[str, Any],
        action: NDArray[np.float32] | None,
    ) -> None:
        """Frames are not needed: plans begin where the environment is."""

    def value(self, plans: NDArray[np.float32]) -> Float:
        here = self.env.get_state().snapshot
        return np.array([self._worth(here, plan) for plan in plans])

    def _worth(self, here: bytes, plan: NDArray[np.float32]) -> float:
        self.simulator.restore(here)
        for action in plan:
            self.simulator.step(action)
        state = self.simulator.state()
        moment = Moment(state["position_m"], state["orientation_xyzw"], state["velocity_m_s"])
        return _worth(self.scene, moment)
