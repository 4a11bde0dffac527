"""Every scenario in every split as a picture: first, middle and last frame of an episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

import cv2
import gymnasium
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.agents.policies import make_policy
from worldsim.agents.rollout import rollout, solved
from worldsim.agents.scripted import SCRIPTED
from worldsim.episode import BodyStates, Episode
from worldsim.eval.page.video import Image, enlarged, write, write_image
from worldsim.render import draw_states
from worldsim.sim.look import LOOKS
from worldsim.sim.scenarios import SCENARIOS, Scenario, find_scenario
from worldsim.sim.scene import Scene, Split

PAPER, INK, FAINT = (246, 246, 244), (32, 34, 38), (120, 122, 126)
SOLVED, UNSOLVED, EXPLORED = (30, 150, 70), (205, 50, 40), (150, 152, 156)
GAP_PX = 3  # between the frames of a cell
SPACE_PX = 18  # between cells
MARGIN_PX = 110  # for the names of the scenarios
HEAD_PX, CAPTION_PX = 34, 24
SHOWN = ("topple", "arm", "throw", "swing", "orbit")
LEAST_PX = 96  # smaller frames are enlarged by whole pixels


@dataclass(frozen=True)
class Cell:
    """An episode in three frames (3, H, W, 3), how long it was and how it ended."""

    frames: NDArray[np.uint8]
    steps: int
    scripted: bool
    solved: bool

    @property
    def caption(self) -> str:
        steps = f"{self.steps} step{'' if self.steps == 1 else 's'}"
        if not self.scripted:
            return f"explored for {steps}"
        return f"solved in {steps}" if self.solved else f"not solved in {steps}"

    @property
    def color(self) -> tuple[int, int, int]:
        return (SOLVED if self.solved else UNSOLVED) if self.scripted else EXPLORED


def gallery(out: Path, names: Sequence[str] = (), size_px: int = 128, seed: int = 0) -> Path:
    """Write the picture of the named scenarios, or of all, as PNG.

    Every episode is the scripted policy's with that seed, ended by success, failure or after 100
    steps; a scenario without such a policy is explored. Raises InputError on an unknown scenario
    or a size below 16 px, before anything is written.
    """
    scenarios = [find_scenario(name) for name in names or SCENARIOS]
    splits: tuple[Split, ...] = get_args(Split)
    jobs = [(scenario, split) for scenario in scenarios for split in scenario.splits]
    cells = {
        (scenario.name, split): film(scenario, split, size_px, seed)
        for scenario, split in tqdm(jobs, desc="gallery", unit="episode", disable=None)
    }
    rows = [[cells.get((scenario.name, split)) for split in splits] for scenario in scenarios]
    return write_image(out, sheet([scenario.name for scenario in scenarios], splits, rows))


def looks(out: Path, names: Sequence[str] = (), size_px: int = 192, seed: int = 0) -> Path:
    """Write a picture of the named scenarios, or of five, in every look of our renderer, as PNG.

    One moment each of the scripted policy's episode in `gallery`, drawn from its states. Raises
    InputError as `gallery` does.
    """
    scenarios = [find_scenario(name) for name in names or SHOWN]
    moments = [_moment(scenario, size_px, seed) for scenario in scenarios]
    shown = {name: look for name, look in LOOKS.items() if look.renderer == "worldsim"}
    down = size_px + GAP_PX
    size = (len(shown) * down, MARGIN_PX + len(moments) * (size_px + GAP_PX), 3)
    canvas: Image = np.broadcast_to(np.array(PAPER, np.uint8), size).copy()
    for row, (name, look) in enumerate(shown.items()):
        write(canvas, name, (14, row * down + size_px // 2), 0.6, INK)
        for column, (scene, states) in enumerate(moments):
            frame = draw_states(scene.with_look(look), states)[0][0]
            x, y = MARGIN_PX + column * (size_px + GAP_PX), row * down
            canvas[y : y + size_px, x : x + size_px] = frame
    return write_image(out, canvas)


def _moment(scenario: Scenario, size_px: int, seed: int) -> tuple[Scene, BodyStates]:
    """The scene and the states of one frame in the middle of an episode."""
    episode = _episode(scenario, "id", size_px, seed)
    assert episode.states is not None
    middle = slice(episode.steps // 2, episode.steps // 2 + 1)
    rows = (getattr(episode.states, field.name)[middle] for field in fields(episode.states))
    return episode.scene, BodyStates(*rows)


def film(scenario: Scenario, split: Split, size_px: int = 128, seed: int = 0) -> Cell:
    """An episode of a scenario, in three frames."""
    episode = _episode(scenario, split, size_px, seed)
    frames = episode.frames[[0, episode.steps // 2, episode.steps]]
    return Cell(frames, episode.steps, scenario.name in SCRIPTED, solved(episode))


def _episode(scenario: Scenario, split: Split, size_px: int, seed: int) -> Episode:
    env = gymnasium.make(scenario.env_id, disable_env_checker=True, size_px=size_px, split=split)
    try:
        policy = "scripted" if scenario.name in SCRIPTED else "explore"
        return rollout(env, make_policy(policy), seed)
    finally:
        env.close()


def sheet(
    names: Sequence[str], splits: Sequence[str], rows: Sequence[Sequence[Cell | None]]
) -> Image:
    """A row for each name, a column for each split, every cell with its caption below.

    Where a scenario lacks a split, nothing stands.
    """
    size_px = next(cell.frames.shape[1] for row in rows for cell in row if cell)
    scale = -(-LEAST_PX // min(LEAST_PX, size_px))
    height = width = scale * size_px
    across, down = 3 * width + 2 * GAP_PX + SPACE_PX, height + CAPTION_PX + SPACE_PX
    size = (HEAD_PX + len(rows) * down, MARGIN_PX + len(splits) * across, 3)
    canvas: Image = np.broadcast_to(np.array(PAPER, np.uint8), size).copy()
    for column, split in enumerate(splits):
        write(canvas, split, (MARGIN_PX + column * across, HEAD_PX - 10), 0.6, INK)
    for row, (name, cells) in enumerate(zip(names, rows, strict=True)):
        top = HEAD_PX + row * down
        write(canvas, name, (14, top + height // 2), 0.6, INK)
        for column, cell in enumerate(cells):
            if cell is None:
                continue
            left = MARGIN_PX + column * across
            for number, frame in enumerate(cell.frames):
                x = left + number * (width + GAP_PX)
                canvas[top : top + height, x : x + width] = enlarged(frame, scale)
            at = (left + 6, top + height + CAPTION_PX // 2)
            cv2.circle(canvas, at, 5, cell.color, -1, cv2.LINE_AA)
            write(canvas, cell.caption, (left + 18, at[1] + 5), 0.45, FAINT)
    return canvas
