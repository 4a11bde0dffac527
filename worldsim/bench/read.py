"""How fast clips are read for training on this machine: alone on one core, and by loaders."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from worldsim.agents.collect import Collector
from worldsim.bench import measured
from worldsim.data.atomic import write_whole
from worldsim.data.clips import ClipDataset
from worldsim.data.simulate import simulate
from worldsim.training.loader import batches

SCHEMA = 1
EPISODES, STEPS = 24, 64
CLIP_FRAMES, BATCH = 16, 4
ROUND_BATCHES = 48
LOADERS = (1, 2)


def run(out: Path, size_px: int, repeats: int) -> dict[str, Any]:
    """Record Push, measure, print a table, write `out`/bench-read.json and return what it holds.

    Every number is the median over `repeats` rounds, after one to warm up. A round on one core is
    pinned to it; loaders have all cores, and are started before the clock.
    """
    with tempfile.TemporaryDirectory() as folder:
        maker = Collector("push", "id", 0, STEPS, size_px=size_px)
        dataset = simulate(maker, maker.meta, EPISODES, Path(folder) / "push")
        clips = ClipDataset(dataset.path, CLIP_FRAMES, progress=False)
        rounds = {"clips, one core": _alone(clips), "their windows": _windows(clips)}
        found = {name: [timed() for _ in _bar(repeats, name)] for name, timed in rounds.items()}
        for loaders in LOADERS:
            plural = "s" if loaders > 1 else ""
            found[f"clips, {loaders} loader{plural}"] = _loaded(clips, loaders, repeats)
        size_bytes = sum(entry.bytes for entry in dataset.entries)
    alone, windows = (statistics.median(found[name]) for name in rounds)
    result = {
        "schema": SCHEMA,
        "size_px": size_px,
        "clip_frames": CLIP_FRAMES,
        "cores": os.cpu_count(),
        "bytes_a_frame": size_bytes / dataset.frames,
        "stacking_share": max(0.0, 1.0 - alone / windows),
        "frames_per_s": {name: measured(rates) for name, rates in found.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "bench-read.json", f"{json.dumps(result, indent=1)}\n".encode())
    print(table(result))
    print(f"{out}/bench-read.json")
    return result


def _bar(repeats: int, name: str) -> Iterator[int]:
    return iter(tqdm(range(repeats), desc=name, unit="round", leave=False, disable=None))


def _alone(clips: ClipDataset) -> Callable[[], float]:
    """Frames a second of whole batches read in this process."""
    at = iter(range(0, 1 << 60, BATCH))
    return lambda: _rate(lambda: clips.batch(range(first := next(at), first + BATCH)))


def _windows(clips: ClipDataset) -> Callable[[], float]:
    """The same without stacking: reading and decoding alone."""
    at = iter(range(1 << 60))
    return lambda: _rate(lambda: [clips[next(at)] for _ in range(BATCH)])


def _rate(read: Callable[[], object]) -> float:
    """Frames a second on one core over a round, after some to warm up."""
    with _on_one_core():
        for _ in range(4):
            read()
        begin = time.perf_counter()
        for _ in range(ROUND_BATCHES):
            read()
        return ROUND_BATCHES * BATCH * CLIP_FRAMES / (time.perf_counter() - begin)


def _loaded(clips: ClipDataset, loaders: int, repeats: int) -> list[float]:
    """Frames a second that arrive from loaders, one round after another."""
    rates = []
    arriving = batches(clips, BATCH, loaders=loaders)
    for _ in islice(arriving, ROUND_BATCHES):  # what they read ahead is gone then
        pass
    for _ in _bar(repeats, f"{loaders} loaders"):
        begin = time.perf_counter()
        for batch in islice(arriving, ROUND_BATCHES):
            np.asarray(batch.frames).sum()  # as far as this process's memory
        rates.append(ROUND_BATCHES * BATCH * CLIP_FRAMES / (time.perf_counter() - begin))
    return rates


@contextmanager
def _on_one_core() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    size_px, frames = result["size_px"], result["clip_frames"]
    lines = [f"clips of {frames} frames, {size_px} px, RGB and depth {'frames/s':>14}"]
    for name, row in result["frames_per_s"].items():
        lines.append(f"{name:40}{row['median']:15.0f}")
    lines.append(
        f"{result['bytes_a_frame']:.0f} bytes a frame; stacking takes "
        f"{result['stacking_share']:.0%} of the time on one core"
    )
    return "\n".join(lines)
