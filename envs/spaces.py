"""Spaces of the twin environments and the checks of what enters them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from worldsim.actions import ActionSpec
from worldsim.errors import InputError, unknown

Frames = spaces.Space[NDArray[np.uint8]]
Actions = spaces.Space[NDArray[np.float32]]
RENDER_MODES = ["rgb_array", "depth_array"]


def frame_spaces(size_px: int, action_size: int) -> tuple[Frames, Actions]:
    """Observation space (size_px, size_px, 3) uint8 and action space (action_size,) float32."""
    frames = spaces.Box(0, 255, (size_px, size_px, 3), np.uint8)
    actions = spaces.Box(-1.0, 1.0, (action_size,), np.float32)
    return frames, actions


def check_render_mode(render_mode: str | None) -> str | None:
    """Return it. Raises InputError, with the near names, where it is unknown."""
    if render_mode is not None and render_mode not in RENDER_MODES:
        raise unknown("render mode", render_mode, RENDER_MODES)
    return render_mode


def check_action(spec: ActionSpec, action: ArrayLike) -> NDArray[np.float32]:
    """One action as float32 (A,) in [-1, 1]; raises InputError on any other."""
    try:
        values = spec.check(action)
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error
    if values.shape != (spec.size,):
        raise InputError(f"step takes one action of shape ({spec.size},), got {values.shape}")
    return np.clip(values, -1.0, 1.0)


def check_options(options: dict[str, Any] | None, names: Sequence[str]) -> dict[str, Any]:
    """The options of a reset; raises InputError, with the near names, on an unknown key."""
    given: object = {} if options is None else options
    if not isinstance(given, Mapping):
        raise InputError(f"reset options must be a dict, got {type(given).__name__}")
    for key in given:
        if key not in names:
            raise unknown("reset option", str(key), names)
    return dict(given)
