"""The world model as a Gymnasium environment: the simulator's twin, dreamed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray

from worldsim import checkpoints
from worldsim.errors import InputError
from worldsim.eval.reading.perception import read
from worldsim.frames import from_model, to_model
from worldsim.models.load import load
from worldsim.models.stepper import Snapshot, Stepper
from worldsim.sim.contacts import CAPACITY
from worldsim.sim.scenarios import Moment, Outcome, find_scenario
from worldsim.sim.scene import Scene

from .alarms import Alarms, Limits, check_names, limits_of
from .belief import Belief
from .spaces import RENDER_MODES, check_action, check_options, check_render_mode, frame_spaces
from .start import OPTIONS, Start, load_starts, start_of

Info = dict[str, Any]


@dataclass(frozen=True)
class DreamState:
    """A moment of a WorldModelEnv, to come back to: see `WorldModelEnv.get_state`."""

    source: str
    scene: Scene
    dream: Snapshot
    belief: Belief
    frame: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    segmentation: NDArray[np.uint8]
    steps: int
    generator: dict[str, Any]
    torch_generator: torch.Tensor
    alarms: Alarms | None = None


class WorldModelEnv(gymnasium.Env[NDArray[np.uint8], NDArray[np.float32]]):
    """A scenario as a trained world model draws it; needs no pybullet.

    Observation, action, reward, end and info have the spaces, keys, shapes and dtypes documented at
    `SimulatorEnv`. The model draws RGB and depth; everything else is read off these frames by
    `worldsim.eval.reading.perception`, and the reward is the same task function on those positions:

    - `position_m` is what was found in the frame. A body not found keeps its last known position
      and its `body_found` is False. Static bodies and the goal stay where the scene has them.
    - `velocity_m_s` is the change of position since the last frame; `orientation_xyzw` is the
      scene's, `angular_velocity_rad_s` and contacts are zero, for they are not read.

    Start
        A start episode that ships with the checkpoint, drawn from `np_random`, or `options`:

        - `{"episode": Episode or path, "start_frames": k}`: its first k frames (1 to 8, default 4);
        - `{"frames": uint8 (k, H, W, 3), "depth_m": (k, H, W), "actions": (k - 1, A)}`, with
          `"scene"` where it is known. Where not, the checkpoint's first start scene tells camera,
          sizes and colours, and the bodies' and the goal's positions are read off the frames.

        The observation is the last of the start frames. Wrong shapes, NaN, missing depth and
        unknown options raise InputError and change nothing.
    Randomness
        All from `np_random`. With `passes=1` the model draws no noise after reset.

    `passes` is the number of denoising passes a frame; `checkpoint` the name or folder of a model,
    or None for the one that ships with worldsim and plays the scenario. Frames have the model's
    size; `size_px` says which one is expected.

    Alarms
        With `alarms=True` info has, of every name of `worldsim.envs.alarms.NAMES`, "alarm_values"
        and whether it fires, "alarms"; a mapping gives other limits than the measured ones. The
        model then takes one pass more a frame. An alarm named in `truncate_on` truncates.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": 10}

    def __init__(
        self,
        checkpoint: str | None = None,
        passes: int = 1,
        render_mode: str | None = None,
        size_px: int | None = None,
        end_on_success: bool = True,
        scenario: str | None = None,
        alarms: bool | Limits = False,
        truncate_on: tuple[str, ...] = (),
    ) -> None:
        self.truncate_on = check_names(truncate_on)
        self.render_mode = check_render_mode(render_mode)
        if not isinstance(passes, int) or passes < 1:
            raise InputError(f"passes must be a whole number, 1 or more, got {passes!r}")
        folder = checkpoints.find(checkpoint or checkpoints.default(scenario or "push"))
        model = load(folder)
        self._scenario = find_scenario(scenario or str(model.config.scenarios[0]))
        if self._scenario.name not in model.config.scenarios:
            known = ", ".join(repr(name) for name in model.config.scenarios)
            raise InputError(
                f"checkpoint {folder.name!r} is a model of {known}, not of {self._scenario.name!r}"
            )
        domain = model.domain(self._scenario.name)
        height_px, width_px = int(model.config.height_px), int(model.config.width_px)
        if size_px not in (None, height_px):
            raise InputError(
                f"checkpoint {folder.name!r} draws {width_px} x {height_px} px, not {size_px}; "
                f"make the environment with size_px={width_px}"
            )
        self.depth_range_m = domain.depth_range_m
        self.size_px = height_px
        self.end_on_success = end_on_success
        self.source = f"model:{folder.name}"
        self._starts = load_starts(folder, domain.scenario)
        self.scene = self._starts.template
        self.observation_space, self.action_space = frame_spaces(height_px, domain.action_size)
        self._limits: dict[str, float] | None = None
        if alarms is not False or truncate_on:
            own = alarms if isinstance(alarms, Mapping) else {}
            check_names(own)
            self._limits = {**limits_of(self._scenario.name, folder.name), **own}
        self._stepper = Stepper(model, passes, domain.index, self._limits is not None)
        self._torch_generator = torch.Generator()
        self._alarms: Alarms | None = None
        self._steps = -1

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], Info]:
        """Begin a dream from start frames; see the class."""
        options = check_options(options, OPTIONS)
        start = start_of(options, self._starts) if options else None
        super().reset(seed=seed)
        if start is None:
            start = self._starts.draw(self.np_random)
        self._torch_generator.manual_seed(int(self.np_random.integers(2**63)))
        self._begin(start)
        return self._frame.copy(), self._info(self._outcome())

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], float, bool, bool, Info]:
        """Dream one frame on."""
        if self._steps < 0:
            raise gymnasium.error.ResetNeeded("call reset before step")
        values = check_action(self.scene.action_spec, action)
        taken = torch.from_numpy(self._learned(values, self.scene))[None]
        drawn = self._stepper.step(taken, self._torch_generator)[0].numpy()
        if not np.isfinite(drawn).all():
            raise InputError(f"{self.source} drew a NaN; its weights or start frames are damaged")
        self._frame, self._depth_m = from_model(drawn, self.depth_range_m)
        self._look()
        self._watch(values)
        self._steps += 1
        outcome = self._outcome()
        terminated = (outcome.success or outcome.failed) and self.end_on_success
        info = self._info(outcome)
        truncated = any(info["alarms"][name] for name in self.truncate_on)
        return self._frame.copy(), outcome.reward, terminated, truncated, info

    def render(self) -> NDArray[Any] | None:
        """The current frame, or its depth in metres, as `render_mode` says; None without one."""
        if self._steps < 0:
            raise gymnasium.error.ResetNeeded("call reset before render")
        if self.render_mode == "depth_array":
            return self._depth_m.copy()
        return self._frame.copy() if self.render_mode == "rgb_array" else None

    def get_state(self) -> DreamState:
        """This moment, exactly, to branch the dream from: history, beliefs, generators."""
        if self._steps < 0:
            raise gymnasium.error.ResetNeeded("call reset before get_state")
        return DreamState(
            self.source,
            self.scene,
            self._stepper.snapshot(),
            self._belief.copy(),
            self._frame.copy(),
            self._depth_m.copy(),
            self._segmentation.copy(),
            self._steps,
            dict(self.np_random.bit_generator.state),
            self._torch_generator.get_state(),
            None if self._alarms is None else self._alarms.copy(),
        )

    def set_state(self, state: DreamState) -> tuple[NDArray[np.uint8], Info]:
        """Go back to a moment of a WorldModelEnv of this checkpoint; returns what reset would.

        A TimeLimit wrapper keeps its own count of steps.
        """
        if not isinstance(state, DreamState):
            raise InputError(f"set_state needs what get_state gave, got {type(state).__name__}")
        if state.source != self.source:
            raise InputError(f"a state of {state.source} cannot go on in {self.source}")
        self._stepper.restore(state.dream)
        self.scene, self._belief, self._steps = state.scene, state.belief.copy(), state.steps
        self._frame, self._depth_m = state.frame.copy(), state.depth_m.copy()
        self._segmentation = state.segmentation.copy()
        self.np_random.bit_generator.state = state.generator
        self._torch_generator.set_state(state.torch_generator)
        if self._limits is not None:
            if state.alarms is None:
                raise InputError("this state has no alarms; take it of an environment with alarms")
            self._alarms = state.alarms.copy()
        return self._frame.copy(), self._info(self._outcome())

    def _begin(self, start: Start) -> None:
        values = to_model(start.frames, start.depth_m, self.depth_range_m)
        self._stepper.start(
            torch.from_numpy(values)[None],
            torch.from_numpy(self._learned(start.actions, start.scene))[None],
        )
        self.scene = start.scene
        self._belief = Belief.of(start.scene)
        self._alarms = None if self._limits is None else Alarms(start.scene, self._limits)
        acted = [None, *start.actions]
        for frame, depth_m, action in zip(start.frames, start.depth_m, acted, strict=True):
            self._frame, self._depth_m = frame, depth_m
            self._look()
            self._watch(action)
        self._steps = 0

    def _learned(self, actions: NDArray[np.float32], scene: Scene) -> NDArray[np.float32]:
        """A scene's actions in the scales that the model learned; an ood scene has larger ones."""
        return scene.action_spec.convert(actions, self._starts.template.action_spec)

    def _look(self) -> None:
        memory = self._belief.memory
        reading = read(self._frame[None], self._depth_m[None], self.scene, memory=memory)
        self.reading, self._segmentation = reading, reading.segmentation[0]
        self._belief.update(reading.position_m[0], reading.found[0])

    def _watch(self, action: NDArray[np.float32] | None) -> None:
        """The alarms after the frame just read, into which the action led."""
        if self._alarms is not None:
            near_m, far_m = self.depth_range_m
            doubt_m = 0.5 * (far_m - near_m) * float(self._stepper.doubt[0])
            self._alarms.add(self.reading, action, doubt_m)

    def _outcome(self) -> Outcome:
        belief = self._belief
        moment = Moment(belief.position_m, self._orientation_xyzw(), belief.velocity_m_s)
        return self._scenario.task(self.scene, moment)

    def _orientation_xyzw(self) -> NDArray[np.float64]:
        """The scene's own: orientations are not read off frames."""
        return np.array([body.orientation_xyzw for body in self.scene.bodies])

    def _info(self, outcome: Outcome) -> Info:
        bodies = len(self.scene.bodies)
        told = {} if self._alarms is None else self._alarms.told()
        return {
            "depth_m": self._depth_m.copy(),
            "segmentation": self._segmentation.copy(),
            "position_m": self._belief.position_m.copy(),
            "orientation_xyzw": self._orientation_xyzw(),
            "velocity_m_s": self._belief.velocity_m_s.copy(),
            "angular_velocity_rad_s": np.zeros((bodies, 3)),
            "contact_count": np.array(0, np.int32),
            "contact_bodies": np.full((CAPACITY, 2), -1, np.int32),
            "contact_point_m": np.zeros((CAPACITY, 3)),
            "contact_normal": np.zeros((CAPACITY, 3)),
            "contact_impulse_n_s": np.zeros(CAPACITY),
            "body_found": self._belief.found.copy(),
            "distance_m": outcome.distance_m,
            "success": outcome.success,
            "failed": outcome.failed,
            "steps": self._steps,
            **told,
        }
