"""Random clips for training: a dataset unpacked once into arrays that processes map and share.

<dataset>/cache/<digest>/frames.npy    uint8 (F, H, W, 3), all episodes one after the other
<dataset>/cache/<digest>/depth.npy     uint16 (F, H, W), quantised between near and far
<dataset>/cache/<digest>/actions.npy   float32 (F, A): row i leads INTO frame i, 0 at a start
<dataset>/cache/<digest>/starts.npy    int64 (E + 1,): first frame of each episode, then F
<dataset>/cache/<digest>/mean.npy      float32 (4, H, W): mean frame in model space
<dataset>/cache/<digest>/clips.json    depth_range_m, format
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.data.atomic import sync_folder, temporary, unwritable, write_whole
from worldsim.data.dataset import Dataset
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.frames import CHANNELS, to_model

FORMAT = 1
_LEVELS = 65535
_MARGIN = 0.005
_MAX_ERROR_M = 1e-4
_CHUNK = 256  # frames


class Clips:
    """Clips drawn uniformly over all windows that lie inside one episode.

    The first use of a dataset unpacks it (once, even when several processes start together);
    afterwards opening takes milliseconds. The cache is keyed by the dataset's digest, so an
    extended dataset gets a new one; `cache/` may be deleted at any time no training uses it.
    Pickling (to a data loader's worker) sends the path only.

    The last `held_out` episodes are never drawn and not in `action_statistics`; depth range and
    mean frame are those of all episodes.
    `depth_range_m`: (near, far), 0.5 % of the span outside what the data holds.

    Raises InputError for what is no dataset, for fewer episodes than are held out, for episodes of
    different sizes, for depth that is not finite, and when the cache is damaged or cannot be
    written.
    """

    def __init__(self, path: Path | str, progress: bool = True, held_out: int = 0) -> None:
        self.dataset = Dataset(path)
        if not 0 <= held_out < len(self.dataset):
            raise InputError(
                f"{path} has {len(self.dataset)} episodes, so {held_out} cannot be held out; "
                "record more"
            )
        self.cache = _cache(self.dataset, progress)
        try:
            facts = json.loads((self.cache / "clips.json").read_text())
            self.depth_range_m: tuple[float, float] = (facts["near_m"], facts["far_m"])
            self._frames = np.load(self.cache / "frames.npy", mmap_mode="r")
            self._depth = np.load(self.cache / "depth.npy", mmap_mode="r")
            self._actions = np.load(self.cache / "actions.npy", mmap_mode="r")
            self._mean: NDArray[np.float32] = np.load(self.cache / "mean.npy")
            starts = np.load(self.cache / "starts.npy")
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{self.cache} is damaged ({error}); delete that folder") from error
        self._held_out = held_out
        self._starts = starts[: len(starts) - held_out]
        self._windows: dict[int, NDArray[np.int64]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Clips, (self.dataset.path, False, self._held_out)

    def __len__(self) -> int:
        """Number of frames in the episodes that clips are drawn from."""
        return int(self._starts[-1])

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of a frame."""
        return self._frames.shape[1], self._frames.shape[2]

    @property
    def action_size(self) -> int:
        return int(self._actions.shape[1])

    def windows(self, frames: int) -> int:
        """How many different clips of `frames` frames there are.

        Raises InputError when every episode is shorter.
        """
        return int(self._ends(frames)[-1])

    def sample(
        self, rng: np.random.Generator, clips: int, frames: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """Draw `clips` clips of `frames` frames: frames, depth in metres and actions.

        Shapes (b, t, H, W, 3), (b, t, H, W), (b, t - 1, A); `actions[:, i]` led from
        `frames[:, i]` to `frames[:, i + 1]`. Depth is within 0.1 mm of the recording's.
        Raises InputError when every episode is shorter than `frames`.
        """
        ends = self._ends(frames)
        drawn = rng.integers(ends[-1], size=clips)
        episodes = np.searchsorted(ends, drawn, side="right")
        first = self._starts[episodes] + drawn - np.concatenate([[0], ends])[episodes]
        height_px, width_px = self.size_px
        seen = np.empty((clips, frames, height_px, width_px, 3), np.uint8)
        depth_m = np.empty((clips, frames, height_px, width_px), np.float32)
        actions = np.empty((clips, frames - 1, self.action_size), np.float32)
        for row, start in enumerate(first):
            seen[row] = self._frames[start : start + frames]
            depth_m[row] = self._depth[start : start + frames]
            actions[row] = self._actions[start + 1 : start + frames]
        near_m, far_m = self.depth_range_m
        depth_m *= (far_m - near_m) / _LEVELS
        depth_m += near_m
        return seen, depth_m, actions

    def action_statistics(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation (at least 1e-3) of every action channel."""
        actions = np.delete(self._actions[: len(self)], self._starts[:-1], axis=0)
        return actions.mean(0).tolist(), np.maximum(actions.std(0), 1e-3).tolist()

    def mean_frame(self) -> NDArray[np.float32]:
        """The mean of all frames in model space, (4, H, W)."""
        return self._mean

    def _ends(self, frames: int) -> NDArray[np.int64]:
        """Cumulated number of windows up to and with each episode, (E,)."""
        if frames < 1:
            raise InputError(f"a clip needs at least 1 frame, got {frames}")
        if frames not in self._windows:
            lengths = np.diff(self._starts)
            if frames > lengths.max():
                raise InputError(
                    f"{self.dataset.path} has episodes of at most {lengths.max()} frames, "
                    f"too short for clips of {frames}; record longer ones"
                )
            self._windows[frames] = np.cumsum(np.maximum(lengths - frames + 1, 0))
        return self._windows[frames]


def _cache(dataset: Dataset, progress: bool) -> Path:
    """The folder with the unpacked arrays, made if it is not there."""
    folder = dataset.path / "cache" / f"{dataset.digest[:12]}-{FORMAT}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(exist_ok=True)
        with _turn(folder.parent / ".lock"):
            if folder.is_dir():
                return folder
            for left in folder.parent.glob(f".{folder.name}.*"):
                shutil.rmtree(left)
            draft = temporary(folder)
            draft.mkdir()
            try:
                _unpack(dataset, draft, progress)
                sync_folder(draft)
                draft.rename(folder)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            sync_folder(folder.parent)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack(dataset: Dataset, folder: Path, progress: bool) -> None:
    total = dataset.frames
    first = dataset[0]
    height_px, width_px = first.frames.shape[1:3]
    frames = _map(folder / "frames.npy", np.uint8, (total, height_px, width_px, 3))
    depth_m = _map(folder / "depth_m.npy", np.float32, (total, height_px, width_px))
    actions = _map(folder / "actions.npy", np.float32, (total, first.actions.shape[1]))
    starts = np.zeros(len(dataset) + 1, np.int64)
    bar = tqdm(dataset, desc="unpack", unit="episode", disable=not progress)
    for index, episode in enumerate(bar):
        _check(dataset, index, episode, first)
        start = starts[index]
        stop = starts[index + 1] = start + len(episode.frames)
        frames[start:stop] = episode.frames
        depth_m[start:stop] = episode.depth_m
        actions[start] = 0.0
        actions[start + 1 : stop] = episode.actions
    _save(folder / "starts.npy", starts)
    _pack_depth(folder, frames, depth_m)
    for array in (frames, actions):
        array.flush()
    (folder / "depth_m.npy").unlink()


def _map(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    array: np.memmap[Any, Any] = open_memmap(path, "w+", dtype, shape)
    # A full disk is an error here; met later, in the mapped pages, it would kill the process.
    with open(path, "r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _save(path: Path, array: NDArray[Any]) -> None:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_whole(path, content.getvalue())


def _check(dataset: Dataset, index: int, episode: Episode, first: Episode) -> None:
    name = f"episode {index} of {dataset.path}"
    if episode.steps != dataset.entries[index].steps:
        raise InputError(f"{name} is not as long as its index says; run worldsim verify")
    for field in ("frames", "actions"):
        mine, other = getattr(episode, field).shape[1:], getattr(first, field).shape[1:]
        if mine != other:
            raise InputError(f"{name} has {field} of {mine}, episode 0 of {other}")
    if not np.isfinite(episode.depth_m).all():
        raise InputError(f"{name} has depth that is not finite; run worldsim verify")


def _pack_depth(folder: Path, frames: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> None:
    """Write depth.npy, mean.npy and clips.json."""
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(frames), _CHUNK)]
    nearest_m = min(float(depth_m[chunk].min()) for chunk in chunks)
    farthest_m = max(float(depth_m[chunk].max()) for chunk in chunks)
    margin_m = max(_MARGIN * (farthest_m - nearest_m), 1e-4)
    near_m, far_m = nearest_m - margin_m, farthest_m + margin_m
    step_m = (far_m - near_m) / _LEVELS
    if step_m > _MAX_ERROR_M:  # half a step and float32's rounding stay below
        raise InputError(
            f"depth from {nearest_m:.2f} to {farthest_m:.2f} m is too wide for 16 bits; "
            "bring the camera's far plane nearer"
        )
    packed = _map(folder / "depth.npy", np.uint16, depth_m.shape)
    total = np.zeros((CHANNELS, *depth_m.shape[1:]))
    for chunk in chunks:
        packed[chunk] = np.rint((depth_m[chunk].astype(np.float64) - near_m) / step_m)
        total += to_model(frames[chunk], depth_m[chunk], (near_m, far_m)).sum(0, np.float64)
    packed.flush()
    _save(folder / "mean.npy", (total / len(frames)).astype(np.float32))
    facts = {"format": FORMAT, "near_m": near_m, "far_m": far_m}
    write_whole(folder / "clips.json", (json.dumps(facts) + "\n").encode())
