"""What a vector environment is asked for, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from worldsim.envs.spaces import check_options
from worldsim.envs.start import OPTIONS, Start, Starts, start_of
from worldsim.errors import InputError, unknown

Seeds = int | Sequence[int | None] | None


def autoreset(mode: AutoresetMode | str) -> AutoresetMode:
    """The mode of that name. Raises InputError, with the near names, where it is unknown."""
    try:
        return AutoresetMode(mode)
    except ValueError:
        names = [known.value for known in AutoresetMode]
        raise unknown("autoreset_mode", str(mode), names) from None


def row_seeds(seed: Seeds, count: int) -> list[int | None]:
    """A seed for every row: of an integer row i gets the seed plus i."""
    if seed is None:
        return [None] * count
    seeds: list[int | None]
    seeds = [seed + row for row in range(count)] if isinstance(seed, int) else [*seed]
    if len(seeds) != count:
        raise InputError(f"reset needs {count} seeds, got {len(seeds)}")
    if any(one is not None and one < 0 for one in seeds):
        raise InputError("a seed is 0 or more")
    return seeds


def chosen_rows(mask: object, count: int) -> NDArray[np.bool_]:
    """`options["reset_mask"]`, checked; all rows without one."""
    if mask is None:
        return np.ones(count, np.bool_)
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise InputError('options["reset_mask"] must be an array of bool')
    if mask.shape != (count,) or not mask.any():
        raise InputError(f"reset_mask must be ({count},), at least one of them True")
    return mask


def row_starts(options: dict[str, Any], starts: Starts, count: int) -> dict[int, Start]:
    """The starts that reset options ask for, by row: those of `each`, or one for all."""
    options = dict(options)
    each = options.pop("each", None)
    if each is None:
        return dict.fromkeys(range(count), start_of(options, starts)) if options else {}
    if options:
        raise InputError('give either "each" or options for all rows, not both')
    if not isinstance(each, Sequence) or len(each) != count:
        raise InputError(f'"each" must be {count} options, one a dream')
    checked = [check_options(one, OPTIONS) for one in each]
    return {row: start_of(one, starts) for row, one in enumerate(checked) if one}
