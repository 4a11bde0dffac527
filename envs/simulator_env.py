"""The simulator as a Gymnasium environment."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.vector import SyncVectorEnv
from numpy.typing import NDArray

from worldsim import checkpoints
from worldsim.errors import InputError
from worldsim.sim.camera import Camera
from worldsim.sim.look import Look, find_look
from worldsim.sim.scenarios import Moment, Outcome, find_scenario
from worldsim.sim.scene import Scene, Split
from worldsim.sim.simulator import Simulator

from .observe import Observation, Observer
from .spaces import (
    RENDER_MODES,
    UNTURNED,
    action_space,
    by_body,
    check_action,
    check_options,
    check_render_mode,
    check_usable,
)
from .states import SimulatorState

if TYPE_CHECKING:
    from worldsim.render import Renderer

Info = dict[str, Any]
Images = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]


class SimulatorEnv(gymnasium.Env[Observation, NDArray[np.float32]]):
    """A scenario in PyBullet: the truth that a world model is compared with.

    Observation
        The camera's frame, uint8 (H, W, 3), H = W = `size_px`, by default that of the model
        that ships for the scenario, or what else `observation` says: "rgbd", "state", "dict" or
        "goal", see `worldsim.envs.observe.Observer`.
    Action
        float32 (A,) in [-1, 1]; `scene.action_spec` names the channels and what a full deflection
        is worth, its scenario's file in `worldsim.sim.scenarios` what it does. In Push: the
        pusher's velocity along x and y. It holds for one frame.
        A NaN, a value outside [-1, 1] or a wrong shape raises InputError and changes nothing.
    Reward
        That of the scenario's task on the engine's states: minus what separates the scene from
        success in metres, plus 1 while it succeeds, minus 1 where it has failed. In Push: the
        horizontal distance of the box to the goal, and 1 while its centre is inside the goal disc.
    Start
        A scene drawn from `np_random`, so a seed always gives the same scene, or
        `options={"scene": scene}`. The scene that runs is `scene`.
    End
        `terminated` on success or failure, unless `end_on_success` is False; `gymnasium.make`
        truncates after 100 steps.
    Look
        `look` is a name of `worldsim.sim.look.LOOKS`, or a Look. Without `draw` nothing is drawn:
        frames, depth and segmentation are 0.
    Info
        The same keys, shapes and dtypes from reset and step and in all scenes, C = 16. Rows that go
        by body are in scene order, N = 16 or what a scene has more; those beyond `body_count` are
        0, so that environments with fewer and with more bodies can run side by side:

        =========================  ==================  ============================================
        depth_m                    float32 (H, W)      depth along the view axis
        segmentation               uint8 (H, W)        body index + 1, 0 where nothing was hit
        body_count                 int32               rows in use where there are N
        position_m                 float64 (N, 3)      centre, world frame, z up
        orientation_xyzw           float64 (N, 4)      unit quaternion
        velocity_m_s               float64 (N, 3)
        angular_velocity_rad_s     float64 (N, 3)
        contact_count              int32               rows of contact_* in use
        contact_bodies             int32 (C, 2)        body indices, -1 where padded
        contact_point_m            float64 (C, 3)
        contact_normal             float64 (C, 3)      from the second body to the first
        contact_impulse_n_s        float64 (C,)        over the physics steps of this frame
        body_found                 bool (N,)           always True here; see WorldModelEnv
        position_error_m           float64 (N, 3)      0 here; see WorldModelEnv
        distance_m                 float               what still separates the scene from success
        success                    bool                the task's goal holds in this frame
        failed                     bool                it can no longer be reached
        steps                      int                 steps since reset
        =========================  ==================  ============================================
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": 10}
    source = "simulator"

    def __init__(
        self,
        scenario: str = "push",
        split: Split = "id",
        render_mode: str | None = None,
        size_px: int | None = None,
        end_on_success: bool = True,
        frame_rate_hz: int | None = None,
        look: str | Look = "studio",
        draw: bool = True,
        observation: str = "rgb",
    ) -> None:
        self._scenario = find_scenario(scenario)
        size_px = checkpoints.size_px(self._scenario.name) if size_px is None else size_px
        if size_px < 16:
            raise InputError(f"size_px must be at least 16, got {size_px}")
        self._arguments: dict[str, Any] = {
            "scenario": scenario,
            "split": split,
            "size_px": size_px,
            "frame_rate_hz": frame_rate_hz,
            "look": look,
            "draw": draw,
            "observation": observation,
        }
        self.render_mode = check_render_mode(render_mode)
        self.scenario = self._scenario.name
        self.split: Split = split
        self.size_px = size_px
        self.end_on_success = end_on_success
        self._frame_rate_hz = frame_rate_hz
        self.look = find_look(look)
        self.draw = draw
        self.scene = self._make_scene(0)
        self.metadata = {**self.metadata, "render_fps": self.scene.frame_rate_hz}
        self._observer = Observer(observation, self._scenario, size_px)
        self.observation_space = self._observer.space
        if observation == "goal":  # else Stable-Baselines3 would expect a goal
            self.compute_reward = self._reward_of_goals
        self.action_space = action_space(self.scene.action_spec.size)
        self._simulator = Simulator(seen=False)
        self._renderer: Renderer | None = None
        self._steps = -1
        self._closed = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Start the scene of `options["scene"]`, or one drawn from the environment's generator."""
        check_usable(self._closed)
        options = check_options(options, ("scene",))
        scene = options.get("scene")
        if scene is not None:
            self._check_scene(scene)
        super().reset(seed=seed)
        if scene is None:
            scene_seed = int(self.np_random.integers(2**53))
            scene = self._make_scene(scene_seed)
        self._simulator.reset(scene)
        self.scene = scene
        self._steps = 0
        info, _ = self._look()
        return self._observer(self._frame, info, scene), info

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, float, bool, bool, Info]:
        """Hold the action for one frame."""
        check_usable(self._closed, self._steps >= 0, "step")
        self._simulator.step(check_action(self.scene.action_spec, action))
        self._steps += 1
        info, outcome = self._look()
        terminated = (outcome.success or outcome.failed) and self.end_on_success
        observation = self._observer(self._frame, info, self.scene)
        return observation, outcome.reward, terminated, False, info

    def render(self) -> NDArray[Any] | None:
        """The current frame, or its depth in metres, as `render_mode` says; None without one."""
        check_usable(self._closed, self._steps >= 0, "render")
        if self.render_mode == "depth_array":
            return self._depth_m.copy()
        return self._frame.copy() if self.render_mode == "rgb_array" else None

    @property
    def camera(self) -> Camera:
        """That of this moment, in a scene where it moves."""
        check_usable(self._closed, self._steps >= 0, "camera")
        return self._simulator.camera

    def get_state(self) -> SimulatorState:
        """This moment, exactly: physics, scene, step count and random generator."""
        check_usable(self._closed, self._steps >= 0, "get_state")
        generator = dict(self.np_random.bit_generator.state)
        return SimulatorState(self.scene, self._simulator.snapshot(), self._steps, generator)

    def set_state(self, state: SimulatorState) -> tuple[Observation, Info]:
        """Go back to a moment of this or another SimulatorEnv; returns what reset would.

        A TimeLimit wrapper keeps its own count of steps.
        """
        check_usable(self._closed)
        if not isinstance(state, SimulatorState):
            raise InputError(f"set_state needs what get_state gave, got {type(state).__name__}")
        self._check_scene(state.scene)
        self._simulator.restore(state.snapshot)
        self.scene = state.scene
        self._steps = state.steps
        self.np_random.bit_generator.state = state.generator
        info, _ = self._look()
        return self._observer(self._frame, info, state.scene), info

    def branch(self, n: int) -> SyncVectorEnv:
        """`n` simulators that go on from this moment, side by side.

        None is truncated, and `info["success"]` ends none. This environment stays where it is.
        """
        if n < 1:
            raise InputError(f"a moment branches into 1 or more, got {n}")
        state = self.get_state()
        arguments = {**self._arguments, "render_mode": None, "end_on_success": False}
        return SyncVectorEnv([partial(_at, arguments, state)] * n, autoreset_mode="Disabled")

    def close(self) -> None:
        """Give the engine back; nothing can be done after this. May be called twice."""
        self._closed = True
        self._simulator.close()

    def _make_scene(self, seed: int) -> Scene:
        scene = self._scenario.make_scene(seed, self.split, self.size_px, self.size_px)
        scene = scene.with_look(self.look)
        if self._frame_rate_hz is None:
            return scene
        return replace(scene, frame_rate_hz=self._frame_rate_hz)

    def _look(self) -> tuple[Info, Outcome]:
        state = self._simulator.state()
        self._frame, self._depth_m, segmentation = self._images(state)
        moment = Moment(state["position_m"], state["orientation_xyzw"], state["velocity_m_s"])
        outcome = self._scenario.task(self.scene, moment)
        info = {
            "depth_m": self._depth_m.copy(),
            "segmentation": segmentation,
            "body_count": np.array(len(self.scene.bodies), np.int32),
            **{
                name: by_body(values, UNTURNED if "xyzw" in name else 0.0)
                for name, values in state.items()
            },
            **self._simulator.contacts(),
            "body_found": by_body(np.ones(len(self.scene.bodies), np.bool_), False),
            "position_error_m": by_body(np.zeros((len(self.scene.bodies), 3))),
            "distance_m": outcome.distance_m,
            "success": outcome.success,
            "failed": outcome.failed,
            "steps": self._steps,
        }
        return info, outcome

    def _images(self, state: dict[str, NDArray[np.float64]]) -> Images:
        if not self.draw:
            size = (self.size_px, self.size_px)
            return (
                np.zeros((*size, 3), np.uint8),
                np.zeros(size, np.float32),
                np.zeros(size, np.uint8),
            )
        if self.scene.look.renderer == "tiny":
            return self._simulator.render()
        if self._renderer is None or self._renderer.scene is not self.scene:
            from worldsim.render import Renderer  # it loads numba

            self._renderer = Renderer(self.scene)
        return self._renderer.draw(state["position_m"], state["orientation_xyzw"])

    def _reward_of_goals(
        self,
        achieved_goal: NDArray[np.floating],
        desired_goal: NDArray[np.floating],
        info: object = None,
    ) -> NDArray[np.float64]:
        return self._observer.reward(achieved_goal, desired_goal, self.scene)

    def _check_scene(self, scene: object) -> None:
        if not isinstance(scene, Scene):
            raise InputError(f'options["scene"] must be a Scene, got {type(scene).__name__}')
        if scene.scenario != self.scenario:
            raise InputError(f"this environment plays {self.scenario!r}, not {scene.scenario!r}")
        size = (scene.camera.height_px, scene.camera.width_px)
        if size != (self.size_px, self.size_px):
            raise InputError(
                f"the scene is seen at {size[1]} x {size[0]} px, the environment {self.size_px}; "
                f"make it with size_px={size[1]} or resize the camera"
            )


def _at(arguments: dict[str, Any], state: SimulatorState) -> SimulatorEnv:
    env = SimulatorEnv(**arguments)
    env.set_state(state)
    return env
