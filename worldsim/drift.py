"""How long dreams last: whether bodies are still there after 64, 256 and 1,000 steps.

`python -m worldsim.drift --model all-128 --data data/push-long`
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim import checkpoints
from worldsim.data.atomic import write_whole
from worldsim.data.dataset import Dataset
from worldsim.dreams import Dreamer
from worldsim.ends import tool
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.checks.position import judged, truth_of
from worldsim.eval.reading.episodes import read_episode
from worldsim.proof.ledger import fingerprint

STEPS = 1000
LOOKED_AT = (64, 128, 256, 384, 512, 640, 768, 896, 1000)
TOLD = (64, 256, 1000)
FRAMES = 8
"""Looked at, up to each of these steps; so many before are read, too, as what was seen last."""


@dataclass(frozen=True)
class Found:
    """Of the bodies that the simulator shows, by step of `LOOKED_AT`: how many, how many found."""

    shown: NDArray[np.int64]
    found: NDArray[np.int64]

    def share(self, step: int | None = None) -> float:
        """After so many steps, or over all that were looked at; NaN where none is shown."""
        rows = [LOOKED_AT.index(step)] if step is not None else list(range(len(LOOKED_AT)))
        shown = int(self.shown[rows].sum())
        return float(self.found[rows].sum()) / shown if shown else float("nan")


def looked(truth: Episode, dreamed: Episode, start: int) -> Found:
    """Look at the moving bodies of a dream of `STEPS` steps after frame `start`."""
    moving = judged(truth.scene)
    shown, found = [], []
    for step in LOOKED_AT:
        span = start + step - 2 * FRAMES + 1, start + step
        true, made = truth.part(*span), dreamed.part(*span)
        floor = read_episode(true, true)
        visible = truth_of(true, floor).visible & floor.found[:, moving]
        there = read_episode(made, true).found[:, moving] & visible
        shown.append(int(visible[FRAMES:].sum()))
        found.append(int(there[FRAMES:].sum()))
    return Found(np.array(shown), np.array(found))


def drift(dreamer: Dreamer, episodes: Sequence[Episode]) -> tuple[Found, NDArray[np.uint8]]:
    """What is found in dreams of episodes of one scenario; and a row of pictures of the first.

    The row has what is seen after each of `TOLD` steps: the simulator's frame, then the dream's.
    """
    start = dreamer.start_frames - 1
    cut = [episode.part(0, start + STEPS) for episode in episodes]
    dreams = dreamer.all(cut, [episode.actions for episode in cut])
    pairs = list(zip(cut, dreams, strict=True))
    bar = tqdm(pairs, "reading", unit="dream", disable=None)
    rows = [looked(truth, dreamed, start) for truth, dreamed in bar]
    frames = [each.frames[start + step] for step in TOLD for each in pairs[0]]
    whole = Found(sum(r.shown for r in rows), sum(r.found for r in rows))  # type: ignore[arg-type]
    return whole, np.concatenate(frames, 1)


def main(
    data: tuple[Path, ...],
    model: str = "all-128",
    out: Path = Path("runs/drift"),
    episodes: int = 4,
    start_frames: int = 4,
    passes: tuple[int, ...] = (),
    pinned: bool = False,
) -> None:
    """Dream on for 1,000 steps and tell how many of the bodies that should be seen are found.

    Writes drift.json and drift.png into `out`: the simulator's frame and the dream's after 64, 256
    and 1,000 steps, a row a recording, of the first of `passes`. What is finished of the same
    model, recordings and code stays in `out`: the same line goes on from there.

    Args:
        data: recordings of long episodes (worldsim simulate push --steps 1004 --no-frames).
        model: name or folder of the checkpoint.
        out: folder for what is found.
        episodes: of each recording.
        start_frames: true frames that the model sees first, 1 to 8.
        passes: of the network a frame, one setting each; the model's own when not given.
        pinned: also with the first frame never forgotten.
    """
    checkpoint = checkpoints.find(model)
    out.mkdir(parents=True, exist_ok=True)
    settings = {
        f"K={count or 'own'}{', pinned' if pin else ''}": Dreamer(
            checkpoint, start_frames, count, pin
        )
        for count in passes or (None,)
        for pin in ([False, True] if pinned else [False])
    }
    results: dict[str, dict[str, Found]] = {}
    pictures = []
    for path in data:
        scenario = str(Dataset(path).meta["scenario"])
        cells = {
            name: _cell(dreamer, path, episodes, out / f"{scenario}, {name}.npz")
            for name, dreamer in settings.items()
        }
        results[scenario] = {name: found for name, (found, _) in cells.items()}
        pictures.append(next(iter(cells.values()))[1])
        print(table(results))
    told = {
        scenario: {
            name: {"shown": each.shown.tolist(), "found": each.found.tolist()}
            for name, each in row.items()
        }
        for scenario, row in results.items()
    }
    facts: dict[str, Any] = {"model": checkpoint.name, "episodes": episodes, "steps": LOOKED_AT}
    write_whole(out / "drift.json", f"{json.dumps(facts | {'found': told}, indent=1)}\n".encode())
    _, image = cv2.imencode(".png", cv2.cvtColor(np.concatenate(pictures), cv2.COLOR_RGB2BGR))
    write_whole(out / "drift.png", image.tobytes())
    print(f"{out}/drift.json, {out}/drift.png")


def _cell(
    dreamer: Dreamer, path: Path, episodes: int, file: Path
) -> tuple[Found, NDArray[np.uint8]]:
    """What `drift` gives of a recording's first episodes, from `file` if that has it."""
    recording = Dataset(path)
    model = checkpoints.digest(dreamer.checkpoint)
    of = f"{model} {recording.digest} {episodes} {dreamer.start_frames} "
    of += fingerprint("models", "dreams.py", "drift.py")
    if file.is_file():
        with np.load(file) as kept:
            if str(kept["of"]) == of:
                return Found(kept["shown"], kept["found"]), kept["picture"]
    taken = [recording[index] for index in range(min(episodes, len(recording)))]
    short = min(episode.steps for episode in taken)
    if short < dreamer.start_frames - 1 + STEPS:
        raise InputError(
            f"{path} has an episode of {short} steps; record longer ones: worldsim simulate "
            f"{recording.meta['scenario']} --steps {STEPS + 4} --no-frames --out ..."
        )
    found, picture = drift(dreamer, taken)
    content = io.BytesIO()
    np.savez(content, of=of, shown=found.shown, found=found.found, picture=picture)
    write_whole(file, content.getvalue())
    return found, picture


def table(results: Mapping[str, Mapping[str, Found]]) -> str:
    """Shares of bodies found, as Markdown: a row a scenario and setting."""
    lines = [f"| | {' | '.join(f'{step:,} steps' for step in TOLD)} | all steps |"]
    lines.append(f"|---{'|---' * (len(TOLD) + 1)}|")
    for scenario, row in results.items():
        for name, found in row.items():
            cells = [f"{found.share(step):.0%}" for step in (*TOLD, None)]
            lines.append(f"| {scenario}, {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(tool(main))
