"""Clips as the model takes them, on the device that trains: read as they come, or from a cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch

from worldsim.data.cache import DEPTH_STEPS, frame_cache
from worldsim.data.clips import ClipDataset, RecordedClip
from worldsim.frames import to_model
from worldsim.models.domain import Domain
from worldsim.training.loader import batches
from worldsim.training.objective import Clip

_PIECE = 1024
_SPARE_SHARE = 0.6  # of a GPU's free memory; the rest is for training


def feed(
    clips: ClipDataset,
    domains: Sequence[Domain],
    size: int,
    first: int,
    stride: int,
    device: torch.device,
    loaders: int = 0,
    cache: Path | None = None,
) -> Iterator[Clip]:
    """Endlessly the clips at `size` positions: batch n begins at first + n * stride.

    `domains` are what the model knows of the scenarios of `clips`, in their order.
    With a `cache` folder all frames are drawn or decoded once, by `loaders` processes, and kept
    there; a GPU takes them into its own memory where it has room. Raises InputError on damaged
    episodes and a full disk.
    """
    if cache is not None:
        yield from _kept(clips, domains, size, first, stride, device, max(1, loaders), cache)
        return
    for recorded in batches(clips, size, first, stride, loaders):
        yield recorded_clip(recorded, domains).to(device)


def recorded_clip(recorded: RecordedClip, domains: Sequence[Domain]) -> Clip:
    """A batch in model values; `domains` by its numbers of scenarios."""
    frames, depth_m = np.asarray(recorded.frames), np.asarray(recorded.depth_m)
    of = [domains[number] for number in torch.as_tensor(recorded.scenario).tolist()]
    rows = zip(frames, depth_m, of, strict=True)
    values = np.stack([to_model(rgb, depth, domain.depth_range_m) for rgb, depth, domain in rows])
    scenario = torch.tensor([domain.index for domain in of])
    return Clip(torch.from_numpy(values), torch.as_tensor(recorded.actions), scenario)


def _kept(
    clips: ClipDataset,
    domains: Sequence[Domain],
    size: int,
    first: int,
    stride: int,
    device: torch.device,
    processes: int,
    folder: Path,
) -> Iterator[Clip]:
    ranges_m = [domain.depth_range_m for domain in domains]
    cache = frame_cache(clips, folder, processes, ranges_m=ranges_m)
    home = _home(cache.colour.nbytes + cache.depth.nbytes, device)
    colour, depth = (_moved(array, home) for array in (cache.colour, cache.depth))
    span = torch.arange(clips.frames)
    for begin in count(first, stride):
        rows, scenarios = cache.rows(clips, range(begin, begin + size))
        wanted = torch.from_numpy(rows)[:, None] + span
        actions = torch.from_numpy(cache.actions[wanted[:, 1:].numpy()])
        wanted = wanted.to(home)
        rgb, metric = colour[wanted].to(device), depth[wanted].to(device)
        values = torch.cat([rgb.float() / 127.5 - 1.0, metric[:, :, None].float() / DEPTH_STEPS], 2)
        numbers = [domains[scenario].index for scenario in scenarios]
        yield Clip(values, actions.to(device), torch.tensor(numbers, device=device))


def _home(needed: int, device: torch.device) -> torch.device:
    if device.type != "cuda":
        return torch.device("cpu")
    free, _ = torch.cuda.mem_get_info(device)
    return device if needed < _SPARE_SHARE * free else torch.device("cpu")


def _moved(array: np.ndarray, home: torch.device) -> torch.Tensor:
    """A memory-mapped array as a tensor: as it is, or piece by piece on a GPU."""
    if home.type == "cpu":
        return torch.from_numpy(array)
    kind = torch.from_numpy(array[:1].copy()).dtype
    moved = torch.empty(array.shape, dtype=kind, device=home)
    for begin in range(0, len(array), _PIECE):
        moved[begin : begin + _PIECE] = torch.from_numpy(array[begin : begin + _PIECE].copy())
    return moved
