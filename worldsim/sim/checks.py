"""Checks of the numbers in a scene, where they enter it: PyBullet takes any and says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite
from typing import Any

from worldsim.errors import InputError


def check_numbers(
    what: str, values: Sequence[float], count: int, low: float = -inf, high: float = inf
) -> None:
    """Raises InputError unless there are `count` finite numbers from `low` to `high`."""
    try:
        fits = len(values) == count and all(isfinite(v) and low <= v <= high for v in values)
    except TypeError:
        fits = False
    if not fits:
        numbers = "a finite number" if count == 1 else f"{count} finite numbers"
        bounds = f" from {low:g} to {high:g}" if high < inf else f" of {low:g} or more"
        raise InputError(f"{what} must be {numbers}{bounds if low > -inf else ''}, got {values}")


def check_above_zero(what: str, values: Sequence[float], count: int) -> None:
    """Raises InputError unless there are `count` finite numbers above 0."""
    check_numbers(what, values, count)
    if min(values) <= 0.0:
        raise InputError(f"{what} must be above 0, got {values}")


def as_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """A value's fields from JSON, which has lists where they are tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
