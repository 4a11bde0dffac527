"""Object permanence: the share of visible bodies that are not found, and frames that show all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .horizon import first_run
from .position import Errors

Bool = NDArray[np.bool_]


def lost_from(errors: Errors, body: int) -> int | None:
    """First frame from which a visible body is missing for two visible frames in a row."""
    seen = np.flatnonzero(errors.visible[:, body])
    return first_run(seen, errors.lost[seen, body])


def all_found(errors: Errors) -> Bool:
    """Frames in which every body visible in the truth was found, shape (T+1,)."""
    found: Bool = np.logical_not(np.any(errors.lost, axis=1))
    return found
