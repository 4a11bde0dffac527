"""Processes that make episodes: spawned, single-threaded, deaf to Ctrl-C, gone with the parent."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any, Protocol, TypeVar

from worldsim.episode import Episode
from worldsim.errors import InputError

Maker = Callable[[int], Episode]
Item = TypeVar("Item")
Made = TypeVar("Made")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_AHEAD = 2  # items a worker that wait in its queue
_make_episode: Any


class Each(Protocol):
    """Calls a task, a function that can be pickled, for each item; results in the items' order."""

    def __call__(
        self, task: Callable[[Item], Made], items: Iterable[Item], /
    ) -> Iterator[Made]: ...


@dataclass(frozen=True)
class _Failed:
    """What is left of an exception in a worker: its text, which always survives the way back."""

    reason: str
    kind: type[InputError] | None
    trace: str


@contextmanager
def started(make_episode: object, workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes hold `make_episode`. Leaving waits for what runs, drops the rest.

    It may be anything that a task takes first, see `submit`.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (make_episode,))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def each(workers: int) -> Iterator[Each]:
    """An `Each` over so many processes, which it starts once; over this one where they are 1."""
    if workers == 1:
        yield map
        return
    with started(None, workers) as pool:

        def spread(task: Callable[[Item], Made], items: Iterable[Item], /) -> Iterator[Made]:
            waiting: deque[Future[Any]] = deque()
            taken = 0
            for item in items:
                waiting.append(submit(pool, _called, task, item))
                if len(waiting) == _AHEAD * workers:
                    taken += 1
                    yield result(waiting.popleft(), f"clip {taken}")
            while waiting:
                taken += 1
                yield result(waiting.popleft(), f"clip {taken}")

        yield spread


def submit(pool: ProcessPoolExecutor, task: Callable[..., Any], *args: Any) -> Future[Any]:
    """Have a worker call `task(make_episode, *args)`; see `result`."""
    # Workers start here and inherit the mask: Ctrl-C reaches the parent only.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(_attempt, task, *args)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def result(future: Future[Any], where: str) -> Any:
    """What the task returned; `where` names the episode in errors.

    Raises InputError where the task raised one, RuntimeError for any other exception or when the
    worker was killed.
    """
    try:
        value = future.result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"a worker died at or near {where}, out of memory perhaps; "
            "run it again with fewer workers to go on"
        ) from error
    if not isinstance(value, _Failed):
        return value
    message = f"{where} failed: {value.reason}"
    if value.kind is not None:
        raise value.kind(message)
    raise RuntimeError(message) from RuntimeError(f"in the worker:\n{value.trace}")


def _start(make_episode: object) -> None:
    global _make_episode
    _make_episode = make_episode
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A worker whose parent was killed with -9 would wait for work for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _called(_: object, task: Callable[[Item], Made], item: Item) -> Made:
    return task(item)


def _attempt(task: Callable[..., Any], *args: Any) -> Any:
    try:
        return task(_make_episode, *args)
    except Exception as error:
        kind = type(error) if isinstance(error, InputError) else None
        reason = f"{type(error).__name__}: {error}" if kind is None else str(error)
        return _Failed(reason, kind, traceback.format_exc())
