"""The processes of a run: who they are, what they agree on, and how they end together."""

from __future__ import annotations

import atexit
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from threading import RLock

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, parse_flag_from_env
from torch import distributed
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.multiprocessing.spawn import ProcessException, spawn
from tqdm import tqdm

from worldsim.errors import InputError

_HERE = "127.0.0.1"


class Diverged(RuntimeError):
    """The loss is no longer a number."""


class Parted(RuntimeError):
    """Another process of the run is gone."""


def joined() -> PartialState:
    """This process among those of the run, or alone: index, number, device.

    Where accelerate launch, torchrun or mpirun started it, the environment says so, and the first
    call waits for all others: by NCCL on GPUs, by gloo on CPUs.
    """
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    return PartialState(cpu=cpu)


def size(workers: int | None) -> int:
    """The processes of the run: those a launcher started, else `workers`, else all GPUs or two.

    Raises InputError where that does not fit launcher or machine.
    """
    team = joined()
    if team.num_processes > 1:
        atexit.register(team.destroy_process_group)
        if workers not in (None, team.num_processes):
            raise InputError(
                f"--workers {workers}, but {team.num_processes} processes were launched; "
                "leave --workers out"
            )
        return int(team.num_processes)
    gpus = torch.cuda.device_count() if team.device.type == "cuda" else 0
    if workers is None:
        return gpus or 2
    if workers < 1:
        raise InputError(f"--workers must be at least 1, got {workers}")
    if gpus and workers > gpus:
        raise InputError(f"--workers {workers} needs as many GPUs; there are {gpus}")
    return workers


def by_main(call: Callable[[], None]) -> None:
    """Process 0 makes the call; its InputError is everyone's."""
    said: list[str | None] = [None]
    if joined().is_main_process:
        try:
            call()
        except InputError as error:
            said = [str(error)]
    with together():
        broadcast_object_list(said)
    if said[0] is not None:
        raise InputError(said[0])


@contextmanager
def together() -> Iterator[None]:
    """Within it the end of another process is a Parted, whose message is one line."""
    try:
        yield
    except RuntimeError as error:
        # gloo raises a bare RuntimeError.
        if isinstance(error, distributed.DistError) or "gloo" in str(error).lower():
            raise Parted(
                "another training process is gone; --resume goes on from the last checkpoint"
            ) from error
        raise


def start(work: Callable[[], bool], workers: int) -> bool:
    """Let so many new processes of this machine make the call; True when Ctrl-C ended them.

    They are told who they are as accelerate launch tells it. Raises the InputError or RuntimeError
    that ended one of them; the others are ended too.
    """
    # The system chooses the port; they meet here as they would at a launcher's agent.
    store = TCPStore(_HERE, 0, is_master=True, wait_for_workers=False)
    environment = {
        "MASTER_ADDR": _HERE,
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "WORLD_SIZE": str(workers),
        "LOCAL_WORLD_SIZE": str(workers),
        "OMP_NUM_THREADS": "1",
    }
    # The last line says who died; who was ended then does not matter.
    logging.getLogger(spawn.__module__).setLevel(logging.ERROR)
    answers: SimpleQueue[bool | Exception] = get_context("spawn").SimpleQueue()
    processes = spawn(_answer, (work, environment, answers), nprocs=workers, join=False)
    interrupted = False
    while True:
        try:
            if processes.join():
                break
        except KeyboardInterrupt:
            interrupted = True
            for pid in processes.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
        except ProcessException as failure:
            if interrupted:
                break
            answer = None if answers.empty() else answers.get()
            if isinstance(answer, Exception):
                raise answer from None
            raise RuntimeError(
                f"a training process died: {failure}; --resume goes on from the last checkpoint"
            ) from failure
    return interrupted or (not answers.empty() and answers.get() is True)


def _answer(
    rank: int,
    work: Callable[[], bool],
    environment: dict[str, str],
    answers: SimpleQueue[bool | Exception],
) -> None:
    """A process's end or error, told to the one that waits for it."""
    os.environ.update(environment, RANK=str(rank), LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    tqdm.set_lock(RLock())  # its own is a semaphore, which a process that is killed leaves behind
    try:
        stopped = work()
    except (InputError, Diverged, Parted) as error:
        answers.put(error)
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
    if rank == 0:
        answers.put(stopped)
