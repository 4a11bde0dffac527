"""The twins in one environment: the model dreams, the simulator shows what is true."""

from __future__ import annotations

from collections import deque
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import gymnasium
import numpy as np
from numpy.typing import NDArray

from worldsim.errors import InputError, unknown
from worldsim.eval.page.video import PAPER, error_image
from worldsim.sim.camera import Camera
from worldsim.sim.scene import Scene, Split

from .alarms import Limits
from .comparison import Comparison
from .dream.state import DreamState
from .simulator_env import SimulatorEnv
from .spaces import check_action, check_options
from .start import MOST_FRAMES
from .states import SimulatorState
from .world_model_env import WorldModelEnv

Info = dict[str, Any]
Frame = NDArray[np.uint8]
Told = tuple[Frame, Info]
Seen = tuple[Frame, NDArray[np.float32], Camera]  # its depth, and from where it is seen
Resync = Literal["never", "every_n", "on_error"]
Side = Literal["dream", "truth"]

SIDES: tuple[Side, ...] = get_args(Side)
GAP_PX = 4


@dataclass(frozen=True)
class TwinState:
    """A moment of a TwinEnv, to come back to: see `TwinEnv.get_state`."""

    simulator: SimulatorState
    dream: DreamState
    comparison: Comparison
    seen: tuple[Seen, ...]
    acted: tuple[NDArray[np.float32], ...]
    steps: int


class TwinEnv(gymnasium.Env[Frame, NDArray[np.float32]]):
    """A SimulatorEnv and a WorldModelEnv under the same actions from the same start.

    Reset makes the simulator's scene of the seed (that of its own environment's seed) and lets it
    run for `start_frames` - 1 steps without an action; these frames are the dream's start. Then
    every step goes to both. Observation, reward, end and info are those of the dream, or with
    `observe="truth"` the simulator's.

    Info
        That of the side observed (see SimulatorEnv, WorldModelEnv); "truth" and "dream": the whole
        infos of both; and "twin", of N bodies in scene order:

        ===================  ============  ========================================================
        judged               bool (N,)     it moves, is not the camera and is truly to be seen
        lost                 bool (N,)     judged, and not found in the dream
        error_m              float (N,)    distance of the body read off the dream's frame to its
                                           true place; the scene's diagonal where it is lost, 0
                                           where it is not judged
        turn_read            bool (N,)     its shape shows how it is turned, and it was found
        error_deg            float (N,)    angle to its true turn, less what its shape does not
                                           show; 0 where no turn is read
        contact_agreement    float         pairs that touch in both over those that do in either:
                                           the simulator's contacts, and bodies read to touch
        valid_horizon_steps  int           steps of this dream until a body was off by half its
                                           diameter for two frames in a row; so far, if none was
        valid                bool          none was
        resynced             bool          this step went on from true frames
        dream_steps          int           steps of this dream
        rewards              dict          of "truth" and "dream"
        ===================  ============  ========================================================

    Resync
        "never"; "every_n": after `resync_steps` steps; "on_error": after a step with a body off by
        more than `resync_diameters`. The next step then starts the dream anew from the last
        `start_frames` true frames.
    Render
        truth | dream | difference, RGB (H, 3 W + 8, 3).

    `start_frames` is 1 to 8; `split` that of the scenes; the other arguments are WorldModelEnv's:
    its alarms are then told beside the true errors.
    Needs pybullet.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(
        self,
        scenario: str = "push",
        checkpoint: str | None = None,
        passes: int | None = None,
        render_mode: str | None = None,
        split: Split = "id",
        observe: Side = "dream",
        resync: Resync = "never",
        resync_steps: int = 16,
        resync_diameters: float = 0.5,
        start_frames: int = 1,
        end_on_success: bool = True,
        alarms: bool | Limits = False,
        truncate_on: tuple[str, ...] = (),
    ) -> None:
        for what, given, known in (
            ("render mode", render_mode or "rgb_array", self.metadata["render_modes"]),
            ("side to observe", observe, SIDES),
            ("way to resync", resync, get_args(Resync)),
        ):
            if given not in known:
                raise unknown(what, str(given), known)
        if resync_steps < 1 or not resync_diameters > 0.0:
            raise InputError("resync_steps must be 1 or more and resync_diameters above 0")
        if not 1 <= start_frames <= MOST_FRAMES:
            raise InputError(f"start_frames must lie in 1..{MOST_FRAMES}, got {start_frames}")
        self.render_mode = render_mode
        self.observe, self.resync, self.end_on_success = observe, resync, end_on_success
        self.resync_steps, self.resync_diameters = resync_steps, resync_diameters
        self.dream = WorldModelEnv(
            checkpoint,
            passes,
            end_on_success=False,
            scenario=scenario,
            alarms=alarms,
            truncate_on=truncate_on,
        )
        learned = self.dream.scene
        self.simulator = SimulatorEnv(
            self.dream.scene.scenario,
            split,
            size_px=self.dream.size_px,
            end_on_success=False,
            frame_rate_hz=learned.frame_rate_hz,
            look=learned.look,
        )
        self.metadata = {**self.metadata, "render_fps": learned.frame_rate_hz}
        self.observation_space = self.dream.observation_space
        self.action_space = self.dream.action_space
        self._seen: deque[Seen] = deque(maxlen=start_frames)
        self._acted: deque[NDArray[np.float32]] = deque(maxlen=start_frames - 1)
        self._steps = -1

    @property
    def scene(self) -> Scene:
        """The scene that both run."""
        return self.simulator.scene

    @property
    def source(self) -> str:
        """Whose frames are observed."""
        return self.dream.source if self.observe == "dream" else self.simulator.source

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Told:
        """Start the scene of a seed, or of `options["scene"]`, in both."""
        options = check_options(options, ("scene",))
        super().reset(seed=seed)
        self._steps = -1
        frame, truth = self.simulator.reset(seed=seed, options=options)
        self._seen.clear()
        self._acted.clear()
        self._remember(frame, truth)
        still = np.zeros(self.scene.action_spec.size, np.float32)
        for _ in range(self._acted.maxlen or 0):
            frame, _, _, _, truth = self.simulator.step(still)
            self._acted.append(still)
            self._remember(frame, truth)
        self._comparison = Comparison(self.scene)
        dreamed = self._start_dream(seed)
        self._steps = 0
        twin = self._comparison.measure(truth, self.dream.reading)
        twin |= {**self._comparison.horizon(), "resynced": False}
        return self._told((frame, truth), dreamed, {**twin, "rewards": dict.fromkeys(SIDES, 0.0)})

    def step(self, action: NDArray[np.float32]) -> tuple[Frame, float, bool, bool, Info]:
        """One frame on in both."""
        if self._steps < 0:
            raise gymnasium.error.ResetNeeded("call reset before step")
        values = check_action(self.scene.action_spec, action)
        resynced = self._due()
        if resynced:
            self._start_dream(None)
            self._comparison.restart()
        frame, true_reward, _, _, truth = self.simulator.step(values)
        drawn, reward, _, truncated, dreamed = self.dream.step(values)
        self._acted.append(values)
        self._remember(frame, truth)
        self._steps += 1
        rewards = {"dream": reward, "truth": true_reward}
        twin = self._comparison.step(truth, self.dream.reading)
        twin |= {"resynced": resynced, "rewards": rewards}
        observation, info = self._told((frame, truth), (drawn, dreamed), twin)
        terminated = (info["success"] or info["failed"]) and self.end_on_success
        return observation, rewards[self.observe], terminated, truncated, info

    def render(self) -> NDArray[Any] | None:
        """The last frames side by side; None without a render mode."""
        if self._steps < 0:
            raise gymnasium.error.ResetNeeded("call reset before render")
        if self.render_mode is None:
            return None
        true, dreamed = self._shown
        bar = np.broadcast_to(np.array(PAPER, np.uint8), (len(true), GAP_PX, 3))
        return np.hstack([true, bar, dreamed, bar, error_image(dreamed, true)])

    def get_state(self) -> TwinState:
        """This moment of both, exactly, to branch from."""
        return TwinState(
            self.simulator.get_state(),
            self.dream.get_state(),
            copy(self._comparison),
            tuple(self._seen),
            tuple(self._acted),
            self._steps,
        )

    def set_state(self, state: TwinState) -> None:
        """Go back to a moment of a TwinEnv of this checkpoint and scenario."""
        if not isinstance(state, TwinState):
            raise InputError(f"set_state needs what get_state gave, got {type(state).__name__}")
        frame, _ = self.simulator.set_state(state.simulator)
        drawn, _ = self.dream.set_state(state.dream)
        self._comparison, self._shown = copy(state.comparison), (frame, drawn)
        self._steps = state.steps
        self._seen = deque(state.seen, self._seen.maxlen)
        self._acted = deque(state.acted, self._acted.maxlen)

    def close(self) -> None:
        self.simulator.close()
        self.dream.close()

    def _due(self) -> bool:
        """Whether the next step is to go on from true frames."""
        if self.resync == "every_n":
            return self._comparison.steps >= self.resync_steps
        wrong = self.resync == "on_error" and self._comparison.steps > 0
        return wrong and bool(self._comparison.off(self.resync_diameters).any())

    def _start_dream(self, seed: int | None) -> Told:
        frames, depths, cameras = zip(*self._seen, strict=True)
        acted = np.reshape(self._acted, (-1, self.scene.action_spec.size))
        options = {
            "frames": np.stack(frames),
            "depth_m": np.stack(depths),
            "actions": acted,
            "scene": _seen_from(self.scene, cameras[0]),
        }
        return self.dream.reset(seed=seed, options=options)

    def _remember(self, frame: Frame, truth: Info) -> None:
        self._seen.append((frame.copy(), truth["depth_m"].copy(), self.simulator.camera))

    def _told(self, true: Told, dreamed: Told, twin: Info) -> Told:
        """Observation and info of the side observed, with both sides' words."""
        self._shown = (true[0].copy(), dreamed[0].copy())
        observation, info = dreamed if self.observe == "dream" else true
        twin["dream_steps"] = self._comparison.steps
        sides = {"dream": dreamed[1], "truth": true[1]}
        return observation, {**info, **sides, "steps": self._steps, "twin": twin}


def _seen_from(scene: Scene, camera: Camera) -> Scene:
    """The scene as it is where the camera, which may move, is there."""
    if camera == scene.camera:
        return scene
    at_m, turn_xyzw = camera.position_m, camera.orientation_xyzw
    bodies = [
        replace(body, position_m=at_m, orientation_xyzw=turn_xyzw)
        if body.role == "camera"
        else body
        for body in scene.bodies
    ]
    return replace(scene, camera=camera, bodies=tuple(bodies))
