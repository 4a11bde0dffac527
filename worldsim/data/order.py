"""In what order clips are drawn: a function of seed and position alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from worldsim.errors import InputError

_PARTS = 1 << 40


class Shares:
    """Deals positions 0, 1, 2, ... to sources so that every beginning has the right shares.

    Each split sends a share p of what reaches it to the next source, namely the positions i at
    which floor(i p) grows; the rest goes on to the split after it. The sequence is fixed: no
    randomness is needed where what a source gives is shuffled.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        self._splits = []  # integers: floats would lose exactness at large positions
        for k, weight in enumerate(weights):
            rest = sum(weights[k:])
            self._splits.append(round(_PARTS * weight / rest) if rest else 0)
        self._last = max(k for k, weight in enumerate(weights) if weight)

    def deal(self, position: int) -> tuple[int, int]:
        """The source that gets `position`, and how many positions before it that source got."""
        rest = position
        for k in range(self._last):
            before = rest * self._splits[k] // _PARTS
            if (rest + 1) * self._splits[k] // _PARTS > before:
                return k, before
            rest -= before
        return self._last, rest


def check_weights(weights: Sequence[float], count: int) -> tuple[float, ...]:
    """The weights of `count` datasets. Raises InputError where they do not fit."""
    said = " ".join(f"{weight:g}" for weight in weights)
    if len(weights) != count:
        raise InputError(f"{count} datasets need {count} weights, got {len(weights)} ({said})")
    if not all(isfinite(weight) and weight >= 0 for weight in weights):
        raise InputError(f"weights must be finite and 0 or more, got {said}")
    if not 0 < sum(weights) < float("inf"):
        raise InputError(f"one weight at least must be above 0, and their sum finite, got {said}")
    return tuple(float(weight) for weight in weights)
