"""What an environment shows of a moment: an image, depth, numbers, a goal."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from worldsim.errors import InputError, unknown
from worldsim.sim.scenarios import SCENARIOS, Moment, Scenario
from worldsim.sim.scene import Scene

from .spaces import BODIES

Observation = Any
Kind = Literal["rgb", "rgbd", "state", "dict", "goal"]
_NUMBERS = 9  # a body's position, velocity and the position's standard error
_GOAL = 6  # position and velocity
FARTHEST = 1000.0
"""Numbers in observations lie in [-FARTHEST, FARTHEST]: spaces without bounds are warned of."""


class Observer:
    """Observations of one kind; the same spaces for simulator and model.

    =======  ===============================================================================
    rgb      the frame, uint8 (H, W, 3)
    rgbd     uint8 (H, W, 4): colour and depth, 0 at the camera's `near_m`, 255 at its `far_m`.
             One image, so that image policies and frame stacks take it as it is; depth in metres
             is `info["depth_m"]`.
    state    float32 (144,): of each of 16 bodies, in scene order, position_m, velocity_m_s and
             position_error_m as in info; 0 where there is no such body. In the simulator they are
             the engine's, without error; in the model they are read off the frames.
    dict     `rgb` and `state` as above, `depth` uint8 (H, W, 1) as in rgbd
    goal     `observation` as state; `achieved_goal` and `desired_goal` float64 (6,): position and
             velocity of the task's subject, and of where it belongs. The environment then has
             `compute_reward(achieved_goal, desired_goal, info)`, see `reward`.
    =======  ===============================================================================

    Raises InputError on an unknown kind, and on `goal` where the task is not to bring a body to
    another.
    """

    def __init__(self, kind: str, scenario: Scenario, size_px: int) -> None:
        if kind not in get_args(Kind):
            raise unknown("observation", str(kind), get_args(Kind))
        if kind == "goal" and not scenario.goal:
            having = ", ".join(name for name, other in SCENARIOS.items() if other.goal)
            raise InputError(
                f"the task of {scenario.name!r} is not to bring a body to a goal, so it has no "
                f'observation="goal"; these have: {having}'
            )
        self.kind = kind
        self.scenario = scenario
        size = (size_px, size_px)
        self.space: spaces.Space[Any]
        state: spaces.Space[Any] = _numbers(BODIES * _NUMBERS, np.float32)
        if kind == "state":
            self.space = state
        elif kind == "dict":
            parts = {"rgb": _image(*size, 3), "depth": _image(*size, 1), "state": state}
            self.space = spaces.Dict(parts)
        elif kind == "goal":
            goal: spaces.Space[Any] = _numbers(_GOAL, np.float64)
            parts = {"observation": state, "achieved_goal": goal, "desired_goal": goal}
            self.space = spaces.Dict(parts)
        else:
            self.space = _image(*size, 3 if kind == "rgb" else 4)

    def __call__(self, frame: NDArray[np.uint8], info: dict[str, Any], scene: Scene) -> Observation:
        """The observation of a frame (H, W, 3) and its info; nothing of it is shared."""
        if self.kind == "rgb":
            return frame.copy()
        if self.kind == "rgbd":
            return np.concatenate([frame, _depth(info, scene)], -1)
        if self.kind == "dict":
            parts = {"rgb": frame.copy(), "depth": _depth(info, scene), "state": _state(info)}
            return parts
        if self.kind == "state":
            return _state(info)
        names = (self.scenario.subject, self.scenario.goal)
        achieved, desired = (_goal(info, scene.index(name)) for name in names)
        return {"observation": _state(info), "achieved_goal": achieved, "desired_goal": desired}

    def reward(
        self, achieved: NDArray[np.floating], desired: NDArray[np.floating], scene: Scene
    ) -> NDArray[np.float64]:
        """The task's reward (...) of goals (..., 6), whatever was wanted when they were reached.

        Sizes are those of the bodies of `scene`.
        """
        if not self.scenario.goal:
            raise InputError(f"the task of {self.scenario.name!r} has no goals to compare")
        achieved, desired = np.asarray(achieved, np.float64), np.asarray(desired, np.float64)
        if achieved.shape != desired.shape or achieved.shape[-1:] != (_GOAL,):
            raise InputError(
                f"goals must both be (..., {_GOAL}), got {achieved.shape} and {desired.shape}"
            )
        subject, goal = scene.index(self.scenario.subject), scene.index(self.scenario.goal)
        start = [
            np.array([getattr(body, name) for body in scene.bodies], np.float64)
            for name in ("position_m", "orientation_xyzw", "velocity_m_s")
        ]
        rewards = np.empty(achieved.shape[:-1])
        for at in np.ndindex(rewards.shape):
            moment = Moment(*(values.copy() for values in start))
            for body, reached in ((subject, achieved[at]), (goal, desired[at])):
                moment.position_m[body], moment.velocity_m_s[body] = reached[:3], reached[3:]
            rewards[at] = self.scenario.task(scene, moment).reward
        return rewards[()]


def _image(*shape: int) -> spaces.Space[Any]:
    return spaces.Box(0, 255, shape, np.uint8)


def _numbers(count: int, kind: type[np.floating]) -> spaces.Space[Any]:
    return spaces.Box(-FARTHEST, FARTHEST, (count,), kind)


def _depth(info: dict[str, Any], scene: Scene) -> NDArray[np.uint8]:
    near_m, far_m = scene.camera.near_m, scene.camera.far_m
    share = (info["depth_m"] - near_m) / (far_m - near_m)
    levels: NDArray[np.uint8] = np.rint(255.0 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
    return levels[..., None]


def _state(info: dict[str, Any]) -> NDArray[np.float32]:
    names = ("position_m", "velocity_m_s", "position_error_m")
    if len(info[names[0]]) > BODIES:
        raise InputError(f"a scene of more than {BODIES} bodies has no state observation")
    numbers = np.concatenate([info[name] for name in names], -1, dtype=np.float32).ravel()
    return numbers.clip(-FARTHEST, FARTHEST)


def _goal(info: dict[str, Any], body: int) -> NDArray[np.float64]:
    numbers = np.concatenate([info["position_m"][body], info["velocity_m_s"][body]])
    return numbers.clip(-FARTHEST, FARTHEST)
