"""Spaces of the twin environments and the checks of what enters them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import error, spaces
from numpy.typing import ArrayLike, NDArray

from worldsim.actions import ActionSpec
from worldsim.errors import InputError, unknown

RENDER_MODES = ["rgb_array", "depth_array"]
UNTURNED = (0.0, 0.0, 0.0, 1.0)
BODIES = 16
"""Rows of an info's arrays that go by body: scenes of one scenario have more or fewer bodies, but
side by side environments need arrays of one shape."""


def action_space(channels: int) -> spaces.Space[NDArray[np.float32]]:
    """float32 (channels,) in [-1, 1]."""
    box: spaces.Space[NDArray[np.float32]] = spaces.Box(-1.0, 1.0, (channels,), np.float32)
    return box


def check_render_mode(render_mode: str | None) -> str | None:
    """Return it. Raises InputError, with the near names, where it is unknown."""
    if render_mode is not None and render_mode not in RENDER_MODES:
        raise unknown("render mode", render_mode, RENDER_MODES)
    return render_mode


def check_usable(closed: bool, begun: bool = True, call: str = "") -> None:
    """Raises ClosedEnvironmentError or ResetNeeded where a call comes too late or too early."""
    if closed:
        raise error.ClosedEnvironmentError("this environment is closed; make another")
    if not begun:
        raise error.ResetNeeded(f"call reset before {call}")


def check_action(spec: ActionSpec, action: ArrayLike) -> NDArray[np.float32]:
    """One action as float32 (A,) in [-1, 1]; raises InputError on any other."""
    try:
        values = spec.check(action)
    except (ValueError, TypeError) as wrong:
        raise InputError(str(wrong)) from wrong
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


def by_body(values: NDArray[Any], rest: Any = 0) -> NDArray[Any]:
    """Values of N bodies (N, ...) with rows of `rest` up to `BODIES`, as a copy."""
    rows = max(BODIES, len(values))
    padded = np.empty((rows, *values.shape[1:]), values.dtype)
    padded[: len(values)], padded[len(values) :] = values, rest
    return padded
