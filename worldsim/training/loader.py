"""Batches of clips, read in this process or ahead of time by others."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from types import TracebackType

import torch
from torch.utils.data import DataLoader, get_worker_info

from worldsim.data.clips import ClipDataset, RecordedClip
from worldsim.errors import InputError

AHEAD = 2


def batches(
    clips: ClipDataset, size: int, first: int = 0, stride: int | None = None, loaders: int = 0
) -> Iterator[RecordedClip]:
    """Endlessly the clips at `size` positions, as tensors: batch n begins at first + n * stride.

    The stride is `size` when not given. With `loaders` such processes read, each two batches
    ahead; what comes is the same for any number of them. They do not hear Ctrl-C and end with the
    iterator or its process. Raises InputError where an episode's file is damaged.
    """
    # Loaders start with the iterator and inherit the mask.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This DataLoader will create")  # more than cores
            read = iter(_loader(clips, _Positions(size, first, stride or size), loaders))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    return _said_in_one_line(read)


def _loader(clips: ClipDataset, positions: _Positions, loaders: int) -> DataLoader[RecordedClip]:
    return DataLoader(
        _Batches(clips),  # type: ignore[arg-type]
        sampler=positions,
        batch_size=None,
        num_workers=loaders,
        prefetch_factor=AHEAD if loaders else None,
        # A fork of a process that computes with threads may hang.
        multiprocessing_context="spawn" if loaders else None,
        generator=torch.Generator(),  # else it draws from the global one
        worker_init_fn=_hush,
    )


def _hush(_: int) -> None:
    """Say nothing of a reader that has gone while a loader was handing over a tensor.

    And end at once: where the queue's thread is still handing over, taking torch apart aborts.
    """
    atexit.register(os._exit, 0)
    told = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        if not isinstance(error, ConnectionError):
            told(kind, error, at)

    sys.excepthook = hook


@dataclass(frozen=True)
class _Batches:
    clips: ClipDataset

    def __getitem__(self, positions: range) -> RecordedClip:
        batch = [torch.from_numpy(array) for array in self.clips.batch(positions)]
        if get_worker_info() is not None:
            # Left to the queue's thread, this copy may be under way when the process ends: abort.
            for tensor in batch:
                tensor.share_memory_()
        return RecordedClip(*batch)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Positions:
    size: int
    first: int
    stride: int

    def __iter__(self) -> Iterator[range]:
        return (range(at, at + self.size) for at in count(self.first, self.stride))


def _said_in_one_line(read: Iterator[RecordedClip]) -> Iterator[RecordedClip]:
    try:
        yield from read
    except InputError as error:  # a loader hands over its whole traceback as the message
        last = str(error).strip().splitlines()[-1]
        raise InputError(last.removeprefix(f"{InputError.__module__}.InputError: ")) from error
