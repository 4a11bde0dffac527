"""The training loop of one process; process 0 keeps the run's files."""

from __future__ import annotations

import signal
import time

import numpy as np

from worldsim.training.clerk import Clerk
from worldsim.training.team import Diverged, joined, together
from worldsim.training.worker import Job, Worker


def work(job: Job) -> bool:
    """Train in this process, one of `job.workers`, until the budget is spent.

    True when Ctrl-C ended it. Raises Diverged (in process 0), and Parted where another process
    ends before its time.
    """
    with together():
        return _trained(Worker(joined().process_index, job))


def _trained(worker: Worker) -> bool:
    before = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        worker.stop = True

    signal.signal(signal.SIGINT, stop)
    try:
        return _loop(worker)
    finally:
        signal.signal(signal.SIGINT, before)


def _loop(worker: Worker) -> bool:
    job = worker.job
    clerk = Clerk(worker) if worker.rank == 0 else None
    last_step = job.pause_after if job.pause_after is not None else np.inf
    agreed_s, stopped, begin = worker.elapsed_s, False, time.monotonic() - worker.elapsed_s
    try:
        while worker.progress(agreed_s) < 1.0 and not stopped and worker.step < last_step:
            progress = worker.progress(agreed_s)
            loss = worker.learn(progress)
            worker.elapsed_s = time.monotonic() - begin
            due = clerk is not None and clerk.due
            loss, agreed_s, stopped, saving = worker.share(loss, due)
            if not (np.isfinite(loss) and np.isfinite(worker.clip())):
                return _diverged(worker, clerk, loss)
            worker.update(progress)
            if clerk is not None:
                clerk.after_step(loss)
            if saving:
                _save(worker, clerk)
        _save(worker, clerk)
        return stopped
    finally:
        if clerk is not None:
            clerk.diary.close(job.out)


def _save(worker: Worker, clerk: Clerk | None) -> None:
    state = worker.state()
    if clerk is not None:
        clerk.save(state)


def _diverged(worker: Worker, clerk: Clerk | None, loss: float) -> bool:
    """All workers come here at the same step; rank 0 says so."""
    if clerk is None:
        return False
    wrong = f"the loss is {loss}" if not np.isfinite(loss) else "the gradient is not finite"
    kept = f"{worker.job.out} (step {clerk.saved_step})" if clerk.saved_step else "none yet"
    raise Diverged(f"{wrong} at step {worker.step}; last good checkpoint: {kept}")
