"""Object permanence: the share of visible bodies that are not found, and frames that show all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .position import Errors

Bool = NDArray[np.bool_]


def lost_from(errors: Errors, body: int, frames_in_a_row: int = 2) -> int | None:
    """First frame from which a visible body is missing for some visible frames in a row."""
    seen = np.flatnonzero(errors.visible[:, body])
    lost = errors.lost[seen, body]
    for k in np.flatnonzero(lost):
        if lost[k : k + frames_in_a_row].all():
            return int(seen[k])
    return None


def all_found(errors: Errors) -> Bool:
    """Frames in which every body visible in the truth was found, shape (T+1,)."""
    found: Bool = ~errors.lost.any(1)
    return found
