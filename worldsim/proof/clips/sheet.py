"""Contact sheets: of every kind a true clip above the same with the fault in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.eval.page.video import write_image

Image = NDArray[np.uint8]
COLUMNS = 8
_LABEL_PX = 18


def sheet(pairs: Sequence[tuple[str, Episode, Episode, int]], path: Path) -> None:
    """Write (title, truth, faulty, onset) of each pair as two rows of frames, onset frame first."""
    write_image(path, np.vstack([_rows(*pair) for pair in pairs]))


def _rows(title: str, truth: Episode, faulty: Episode, onset: int) -> Image:
    frames = np.unique(np.linspace(onset, truth.steps, COLUMNS).astype(int))
    frames = np.concatenate([frames, np.repeat(frames[-1:], COLUMNS - len(frames))])
    height, width = truth.frames.shape[1:3]
    label = np.full((_LABEL_PX, COLUMNS * width, 3), 255, np.uint8)
    text = f"{title}   frames {', '.join(str(t) for t in frames)}; true above, faulty below"
    cv2.putText(label, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    rows = [np.hstack(list(clip.frames[frames])) for clip in (truth, faulty)]
    line = np.full((2, COLUMNS * width, 3), 255, np.uint8)
    whole: Image = np.vstack([label, rows[0], line, rows[1]])
    return whole
