"""All frames of a mix of datasets, decoded or drawn once and kept as a model takes them.

FOLDER/colour.npy   uint8 (N, 3, H, W)
FOLDER/depth.npy    int16 (N, H, W), model depth in steps of 1 / 32767
FOLDER/actions.npy  float32 (N, A), what leads into each frame; zeros for an episode's first
FOLDER/cache.json   what they are of; written last
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.data import workers
from worldsim.data.atomic import DiskFull, locked, unwritable, write_whole
from worldsim.data.clips import ClipDataset
from worldsim.data.dataset import Dataset
from worldsim.data.space import in_words
from worldsim.errors import InputError
from worldsim.frames import to_model

DEPTH_STEPS = 32767
META = "cache.json"
_AT_ONCE = 16
_ARRAYS = ("colour", "depth", "actions")

Ranges = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class FrameCache:
    """The arrays, memory-mapped, and where each episode begins."""

    colour: NDArray[np.uint8]
    depth: NDArray[np.int16]
    actions: NDArray[np.float32]
    first: tuple[NDArray[np.int64], ...]  # of every dataset, its episodes' first frames

    def rows(self, clips: ClipDataset, positions: range) -> tuple[NDArray[np.int64], list[int]]:
        """First frames of the clips at these positions, and the numbers of their scenarios."""
        places = [clips.place(position) for position in positions]
        rows = [int(self.first[source][episode]) + start for source, episode, start in places]
        return np.array(rows), [clips.scenario_of(source) for source, _, _ in places]


def frame_cache(
    clips: ClipDataset,
    folder: Path,
    processes: int = 1,
    progress: bool = True,
    ranges_m: Ranges | None = None,
) -> FrameCache:
    """The cache in `folder`, made by so many processes where it is not there or of other data.

    `ranges_m` are (near, far) of the scenarios of `clips`, what clips know of them where None.
    Raises InputError where the disk has no room for it, or an episode is damaged.
    """
    first, frames = _layout(clips)
    if ranges_m is None:
        ranges_m = [known.depth_range_m for known in clips.known()]
    meta = _meta(clips, ranges_m)
    with locked(folder, "filling the cache"):
        path = folder / META
        if not (path.is_file() and path.read_text() == meta):
            path.unlink(missing_ok=True)
            _make(clips, folder, first, frames, processes, progress, ranges_m)
            write_whole(path, meta.encode())
    try:  # copied on a write: torch takes no array that cannot be written
        colour, depth, actions = (
            np.load(folder / f"{name}.npy", mmap_mode="c") for name in _ARRAYS
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} is damaged ({error}); delete it") from error
    return FrameCache(colour, depth, actions, first)


def _layout(clips: ClipDataset) -> tuple[tuple[NDArray[np.int64], ...], int]:
    first, frames = [], 0
    for dataset in clips.datasets:
        ends = np.cumsum([entry.steps + 1 for entry in dataset.entries])
        first.append(frames + np.concatenate([[0], ends[:-1]]))
        frames += int(ends[-1])
    return tuple(first), frames


def _meta(clips: ClipDataset, ranges_m: Ranges) -> str:
    known = dict(zip(clips.scenarios, map(list, ranges_m), strict=True))
    facts = {"data": [data.digest for data in clips.datasets], "depth_range_m": known}
    return json.dumps({**facts, "version": 1}, indent=1)


def _make(
    clips: ClipDataset,
    folder: Path,
    first: tuple[NDArray[np.int64], ...],
    frames: int,
    processes: int,
    progress: bool,
    of_scenarios_m: Ranges,
) -> None:
    height_px, width_px = clips.size_px
    shapes: list[tuple[str, Any, tuple[int, ...]]] = [
        ("colour", np.uint8, (frames, 3, height_px, width_px)),
        ("depth", np.int16, (frames, height_px, width_px)),
        ("actions", np.float32, (frames, clips.action_size)),
    ]
    needed = sum(int(np.prod(shape)) * np.dtype(kind).itemsize for _, kind, shape in shapes)
    _refuse_full(folder, needed)
    for name, kind, shape in shapes:
        (folder / f"{name}.npy").unlink(missing_ok=True)  # a run may still read the old one
        open_memmap(folder / f"{name}.npy", "w+", kind, shape).flush()
    ranges_m = [of_scenarios_m[clips.scenario_of(k)] for k in range(len(clips.datasets))]
    filler = _Filler(folder, [data.path for data in clips.datasets], ranges_m, first)
    tasks = [
        (source, begin, min(begin + _AT_ONCE, len(data)))
        for source, data in enumerate(clips.datasets)
        for begin in range(0, len(data), _AT_ONCE)
    ]
    count = sum(len(data) for data in clips.datasets)
    bar = tqdm(total=count, desc="frames to the cache", unit="episode", disable=not progress)
    with bar, workers.started(filler, max(1, processes)) as pool:
        futures = {workers.submit(pool, _fill, *task): task for task in tasks}
        for future in as_completed(futures):
            source, begin, end = futures[future]
            where = f"episodes {begin} to {end - 1} of {clips.datasets[source].path}"
            workers.result(future, where)
            bar.update(end - begin)


def _refuse_full(folder: Path, needed: int) -> None:
    old = sum(path.stat().st_size for path in folder.glob("*.npy"))
    free = shutil.disk_usage(folder).free + old
    if free < needed:
        raise DiskFull(
            f"{folder}: the frames take {in_words(needed)}, {in_words(free)} are free; "
            "choose another --cache or fewer episodes"
        )


@dataclass(frozen=True)
class _Filler:
    folder: Path
    datasets: list[Path]
    ranges_m: list[tuple[float, float]]
    first: tuple[NDArray[np.int64], ...]


def _fill(filler: _Filler, source: int, begin: int, end: int) -> None:
    dataset, range_m = Dataset(filler.datasets[source]), filler.ranges_m[source]
    colour, depth, actions = (
        np.load(filler.folder / f"{name}.npy", mmap_mode="r+") for name in _ARRAYS
    )
    try:
        for episode in range(begin, end):
            steps = dataset.entries[episode].steps
            frames, depth_m, acted = dataset.window(episode, 0, steps + 1)
            rows = slice(filler.first[source][episode], filler.first[source][episode] + steps + 1)
            values = to_model(frames, depth_m, range_m)
            colour[rows] = np.moveaxis(frames, -1, 1)
            depth[rows] = np.rint(values[:, 3] * DEPTH_STEPS)
            actions[rows.start + 1 : rows.stop, : acted.shape[1]] = acted
    except OSError as error:
        raise unwritable(filler.folder, error) from error
