"""Episodes become films that OpenCV, and so a browser, reads back."""

from __future__ import annotations

from pathlib import Path

import cv2
import gymnasium
import numpy as np
import pytest

from worldsim.envs.record import RecordWebM
from worldsim.episode import Episode
from worldsim.errors import InputError

Checkpoint = tuple[Path, list[Episode]]


def length(path: Path) -> int:
    film = cv2.VideoCapture(str(path))
    assert film.get(cv2.CAP_PROP_FPS) == 10
    frames = 0
    while film.read()[0]:
        frames += 1
    return frames


@pytest.mark.parametrize("env_id", ["worldsim/Push-v0", "worldsim/Push-WM-v0"])
def test_every_wanted_episode_is_filmed(
    checkpoint: Checkpoint, tmp_path: Path, env_id: str
) -> None:
    given = {"checkpoint": str(checkpoint[0])} if "WM" in env_id else {}
    made = gymnasium.make(env_id, render_mode="rgb_array", max_episode_steps=4, **given)
    env = RecordWebM(made, tmp_path / "films", lambda number: number != 1, prefix="push")
    for seed in range(4):
        env.reset(seed=seed)
        for _ in range(4 if seed < 2 else 2 + seed % 2):
            env.step(np.zeros(2, np.float32))
    env.close()
    env.close()
    films = {path.name: length(path) for path in (tmp_path / "films").iterdir()}
    assert films == {"push-000000.webm": 5, "push-000002.webm": 3, "push-000003.webm": 4}


def test_what_shows_nothing_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for mode in (None, "depth_array"):
        made = gymnasium.make("worldsim/Push-v0", render_mode=mode)
        with pytest.raises(InputError, match="rgb_array"):
            RecordWebM(made, tmp_path)
        made.close()
