"""The world model as a Gymnasium environment: the simulator's twin, dreamed."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from worldsim.eval.reading.reading import Reading
from worldsim.sim.scene import Scene

from .alarms import Limits, check_names
from .dream.dreams import Dream, Dreams, Info
from .dream.state import DreamState, check_state
from .observe import Observation, Observer
from .spaces import (
    RENDER_MODES,
    action_space,
    check_action,
    check_options,
    check_render_mode,
    check_usable,
)
from .start import OPTIONS, Start, start_of
from .vector.world_model import WorldModelVectorEnv


class WorldModelEnv(gymnasium.Env[Observation, NDArray[np.float32]]):
    """A scenario as a trained world model draws it; needs no pybullet.

    Observation, action, reward, end and info have the spaces, keys, shapes and dtypes documented at
    `SimulatorEnv`. The model draws RGB and depth; everything else is read off these frames by
    `worldsim.eval.reading.perception`, and the reward is the same task function on those positions:

    - `position_m` is what was found in the frame. A body not found keeps its last known position
      and its `body_found` is False. Static bodies and the goal stay where the scene has them.
    - `position_error_m` is the standard error of that reading, 1 m where a body was not found.
    - `velocity_m_s` is the change of position since the last frame; `orientation_xyzw` is the
      scene's, `angular_velocity_rad_s` and contacts are zero, for they are not read.

    Start
        A start episode that ships with the checkpoint, drawn from `np_random`, or `options`:

        - `{"episode": Episode or path, "start_frames": k}`: its first k frames (1 to 8, default 4);
        - `{"simulator_seed": s, "split": "id", "start_frames": k}`: what SimulatorEnv shows after a
          reset with that seed, and k - 1 (default 0) frames on without an action; needs pybullet;
        - `{"frames": uint8 (k, H, W, 3), "depth_m": (k, H, W), "actions": (k - 1, A)}`, with
          `"scene"` where it is known. Where not, the checkpoint's first start scene tells camera,
          sizes and colours, and the bodies' and the goal's positions are read off the frames. With
          a scene depth may be left out: bodies are read off the colours alone and drawn anew, see
          `worldsim.envs.dream.depth`; where one is not found the start is refused.

        The observation is the last of the start frames. Wrong shapes, NaN, missing depth and
        unknown options raise InputError and change nothing.
    Randomness
        All from `np_random`. With one pass the model draws no noise after reset.

    `passes` is the number of denoising passes a frame, None the model's own; `checkpoint` the name
    or folder of a model, or None for the one that ships with worldsim and plays the scenario.
    Frames have the model's size; `size_px` says which one is expected. The network runs on
    `device`, as torch calls it.

    Alarms
        With `alarms=True` info has, of every name of `worldsim.envs.alarms.NAMES`, "alarm_values"
        and whether it fires, "alarms"; a mapping gives other limits than the measured ones. The
        model then takes one pass more a frame. An alarm named in `truncate_on` truncates.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": 10}

    def __init__(
        self,
        checkpoint: str | None = None,
        passes: int | None = None,
        render_mode: str | None = None,
        size_px: int | None = None,
        end_on_success: bool = True,
        scenario: str | None = None,
        observation: str = "rgb",
        device: str = "cpu",
        alarms: bool | Limits = False,
        truncate_on: tuple[str, ...] = (),
    ) -> None:
        self.truncate_on = check_names(truncate_on)
        self.render_mode = check_render_mode(render_mode)
        watched = alarms or bool(truncate_on)
        self._dreams = Dreams(1, checkpoint, scenario, passes, size_px, device, alarms=watched)
        self.size_px = self._dreams.size_px
        self.depth_range_m = self._dreams.domain.depth_range_m
        self.end_on_success = end_on_success
        self.source = self._dreams.source
        self.metadata = {**self.metadata, "render_fps": self.scene.frame_rate_hz}
        self._observer = Observer(observation, self._dreams.scenario, self.size_px)
        self.observation_space = self._observer.space
        if observation == "goal":  # else Stable-Baselines3 would expect a goal
            self.compute_reward = self._reward_of_goals
        self.action_space = action_space(self._dreams.domain.action_size)
        self._closed = False

    @property
    def scene(self) -> Scene:
        """That of the dream; before the first reset that of the checkpoint's first start."""
        dream = self._dreams.rows[0]
        return self._dreams.template if dream is None else dream.scene

    @property
    def reading(self) -> Reading:
        """What was read off the last frame."""
        return self._check_begun("reading").reading

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Begin a dream from start frames; see the class."""
        check_usable(self._closed)
        options = check_options(options, OPTIONS)
        start = start_of(options, self._dreams.starts) if options else None
        super().reset(seed=seed)
        if start is None:
            start = self._dreams.starts.draw(self.np_random)
        self._begin(start)
        observation, _, _, info = self._seen()
        return observation, info

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, float, bool, bool, Info]:
        """Dream one frame on."""
        self._check_begun("step")
        values = check_action(self.scene.action_spec, action)
        self._dreams.step({0: values})
        observation, reward, ended, info = self._seen()
        truncated = any(info["alarms"][name] for name in self.truncate_on)
        return observation, reward, ended and self.end_on_success, truncated, info

    def render(self) -> NDArray[Any] | None:
        """The current frame, or its depth in metres, as `render_mode` says; None without one."""
        dream = self._check_begun("render")
        if self.render_mode == "depth_array":
            return dream.depth_m.copy()
        return dream.frame.copy() if self.render_mode == "rgb_array" else None

    def get_state(self) -> DreamState:
        """This moment, exactly, to branch the dream from: history, beliefs, generators."""
        self._check_begun("get_state")
        generator = dict(self.np_random.bit_generator.state)
        return DreamState(self.source, *self._dreams.take(0), generator)

    def set_state(self, state: DreamState) -> tuple[Observation, Info]:
        """Go back to a moment of a WorldModelEnv of this checkpoint; returns what reset would.

        A TimeLimit wrapper keeps its own count of steps.
        """
        check_usable(self._closed)
        check_state(state, self.source)
        self._dreams.put(0, state.dream, state.memory)
        self.np_random.bit_generator.state = state.generator
        observation, _, _, info = self._seen()
        return observation, info

    def branch(self, n: int) -> WorldModelVectorEnv:
        """`n` dreams that go on from this moment in one batch, each with noise of its own.

        They end and begin anew only where asked: none is truncated, `info["success"]` ends none.
        This environment stays where it is.
        """
        return WorldModelVectorEnv.branched(self._dreams, self.get_state(), n, self._observer)

    def close(self) -> None:
        """Nothing can be done with it after this. May be called twice."""
        self._closed = True

    def _reward_of_goals(
        self,
        achieved_goal: NDArray[np.floating],
        desired_goal: NDArray[np.floating],
        info: object = None,
    ) -> NDArray[np.float64]:
        return self._observer.reward(achieved_goal, desired_goal, self.scene)

    def _begin(self, start: Start) -> None:
        self._dreams.begin({0: start}, {0: int(self.np_random.integers(2**63))})

    def _seen(self) -> tuple[Observation, float, bool, Info]:
        dream, outcome = self._dreams[0], self._dreams.outcome(0)
        info = dream.info(outcome)
        observation = self._observer(dream.frame, info, dream.scene)
        return observation, outcome.reward, outcome.success or outcome.failed, info

    def _check_begun(self, call: str) -> Dream:
        check_usable(self._closed, self._dreams.rows[0] is not None, call)
        return self._dreams[0]
