"""How fast clips from outside are judged on this machine: films, arrays with depth, and dreams."""

from __future__ import annotations

import io
import json
import os
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from worldsim import checkpoints
from worldsim.agents.collect import Collector
from worldsim.bench import measured
from worldsim.data.atomic import write_whole
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.dreams import Dreamer
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.videos.judge import judge_videos

SCHEMA = 1
CLIPS, STEPS, SEED = 32, 63, 7


def run(out: Path, size_px: int, repeats: int) -> dict[str, Any]:
    """Judge clips of Push by all checks; writes `out`/bench-video.json and returns what it holds.

    The clips are the recording itself, as mp4 without depth and as .npz with it, and at the size
    of the model of all scenarios its dreams, blurred as those are. Each number is the median over
    `repeats` rounds of whole evaluations, after one clip to warm up.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        maker = Collector("push", "id", SEED, STEPS, size_px=size_px)
        data = simulate(maker, maker.meta, CLIPS, folder / "push")
        clips = _written(data, folder, size_px)
        judged = [(kind, True) for kind in clips] + [("mp4", False)]
        seconds = {
            f"{kind}{'' if ceiling else ', no ceiling'}": _rounds(
                clips[kind], data.path, folder / "report", ceiling, repeats
            )
            for kind, ceiling in judged
        }
    result = {
        "schema": SCHEMA,
        "size_px": size_px,
        "clips": CLIPS,
        "frames": STEPS + 1,
        "cores": os.cpu_count(),
        "seconds": {kind: measured(rounds) for kind, rounds in seconds.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "bench-video.json", f"{json.dumps(result, indent=1)}\n".encode())
    print(table(result))
    print(f"{out}/bench-video.json")
    return result


def _written(data: Dataset, folder: Path, size_px: int) -> dict[str, Path]:
    """The recording's clips in a folder of each kind."""
    episodes = [data[index] for index in range(len(data))]
    kinds = {kind: folder / kind for kind in ("mp4", "npz with depth")}
    for path in kinds.values():
        path.mkdir()
    for index, episode in enumerate(episodes):
        _film(episode, kinds["mp4"] / f"{index:06d}.mp4")
        _arrays(episode, kinds["npz with depth"] / f"{index:06d}.npz")
    if size_px == checkpoints.size_px("drop"):  # that of the model of all scenarios
        model = checkpoints.default("drop")
        kinds[f"dreams of {model}"] = dreamed = folder / "dreams"
        dreamed.mkdir()
        drawn = Dreamer(checkpoints.find(model)).all(episodes, [one.actions for one in episodes])
        for index, episode in enumerate(drawn):
            _arrays(episode, dreamed / f"{index:06d}.npz")
    return kinds


def _film(episode: Episode, path: Path) -> None:
    height, width = episode.frames.shape[1:3]
    code, rate_hz = cv2.VideoWriter.fourcc(*"mp4v"), episode.scene.frame_rate_hz
    writer = cv2.VideoWriter(str(path), code, float(rate_hz), (width, height))
    if not writer.isOpened():
        raise InputError("this OpenCV can not write mp4; install opencv-python-headless")
    for frame in episode.frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()


def _arrays(episode: Episode, path: Path) -> None:
    np.savez(path, frames=episode.frames, depth_m=episode.depth_m)


def _rounds(clips: Path, data: Path, out: Path, ceiling: bool, repeats: int) -> list[float]:
    """Seconds that judging all clips took, round by round."""
    _judged(clips, data, out, ceiling, 1)
    bar = tqdm(range(repeats), clips.name, unit="round", leave=False, disable=None)
    return [_judged(clips, data, out, ceiling, None) for _ in bar]


def _judged(clips: Path, data: Path, out: Path, ceiling: bool, limit: int | None) -> float:
    begin = time.perf_counter()
    with redirect_stdout(io.StringIO()):
        judge_videos(clips, data, out, limit=limit, ceiling=ceiling)
    return time.perf_counter() - begin


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    what = f"{result['clips']} clips of {result['frames']} frames, {result['size_px']} px"
    lines = [f"{what + ', all checks':40}{'seconds':>14}"]
    lines += [f"{kind:40}{row['median']:14.1f}" for kind, row in result["seconds"].items()]
    return "\n".join(lines)
