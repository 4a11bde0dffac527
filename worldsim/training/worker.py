"""One training process: draws clips, shares gradients with the others, keeps the run's files."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from torch import distributed

from worldsim.data.clips import ClipDataset
from worldsim.models.dit import WorldModel
from worldsim.training import objective
from worldsim.training.clerk import Clerk
from worldsim.training.feed import feed
from worldsim.training.machine import Precision, choose_precision
from worldsim.training.objective import Clip
from worldsim.training.optimiser import Optimiser
from worldsim.training.settings import Recipe
from worldsim.training.state import load_state, save_model, save_state


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know; see worldsim.training.trainer.train."""

    recipe: Recipe
    clips: ClipDataset
    out: Path
    minutes: float | None
    steps: int | None
    resume: bool
    workers: int
    loaders: int
    seed: int
    precision: Precision
    compile: bool
    pause_after: int | None
    progress: bool
    meeting: str
    cache: Path | None = None


class Worker:
    """The state of a run in one process; rank 0 also writes the files."""

    def __init__(self, rank: int, job: Job) -> None:
        self.rank, self.job, self.settings = rank, job, job.recipe.settings
        self.device = torch.device(f"cuda:{rank}" if torch.cuda.is_available() else "cpu")
        self.clips = job.clips
        self.step, self.elapsed_s, self.stop = 0, 0.0, False
        self.passes = 0  # over one batch, in units of a forward pass
        torch.manual_seed(job.seed)
        self.model = build(job.recipe, self.clips).to(self.device).train()
        self.average = EMAModel(
            self.model.parameters(), decay=self.settings.ema_decay, foreach=True
        )
        state = load_state(job.out) if job.resume else None
        self.precision = getattr(torch, state["precision"]) if state else self._agree(job.precision)
        self.optimiser = Optimiser(self.model, self.settings, self.precision)
        if state:
            self.restore(state)
        size = self.settings.clips_per_worker
        first, stride = (self.step * job.workers + rank) * size, job.workers * size
        self.feed = feed(self.clips, size, first, stride, self.device, job.loaders, job.cache)
        self.network = self.model
        if job.compile:
            self.network = cast(WorldModel, torch.compile(self.model, dynamic=False))

    def _agree(self, wanted: Precision) -> torch.dtype:
        """The precision that rank 0 chooses."""
        chosen = torch.tensor([float(choose_precision(wanted, self.device) == torch.bfloat16)])
        if self.job.workers > 1:
            distributed.broadcast(chosen, 0)
        return torch.bfloat16 if chosen.item() else torch.float32

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.load_state_dict(state["average"])
        self.average.to(self.device)
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]

    def draw(self) -> tuple[Clip, torch.Generator]:
        """The next clips and this step's noise: seed, step and rank decide, so runs resume."""
        clip = next(self.feed)
        rng = np.random.default_rng([self.job.seed, self.step, 1 + self.rank])
        noise = torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))
        return clip, noise

    def coin(self) -> np.random.Generator:
        """What this step decides for all workers alike."""
        return np.random.default_rng([self.job.seed, self.step, 0])

    def learn(self, progress: float) -> float:
        """Gradients of one batch; returns its loss."""
        clip, noise = self.draw()
        coin = self.coin()
        full = coin.random() < self.settings.full_chance
        task = objective.make_task(clip, self.settings, noise, full)
        dreams = coin.random() < self.settings.history_chance
        passes = int(coin.integers(1, self.settings.history_passes + 1))
        with torch.autocast(
            self.device.type, self.precision, enabled=self.precision != torch.float32
        ):
            self.passes += 3  # forward 1, backward 2
            if dreams and not full and progress >= self.settings.history_from_progress:
                self.passes += passes
                previous = objective.own_history(self.network, clip, passes)
                task = replace(task, previous=previous)
            loss = objective.loss(self.network, clip, task)
        loss.backward()
        return loss.item()

    def share(self, loss: float) -> tuple[float, float, bool]:
        """Average the gradients over workers; the mean loss, rank 0's clock, whether to stop."""
        facts = torch.tensor([loss, self.elapsed_s if self.rank == 0 else 0.0, float(self.stop)])
        facts = facts.to(self.device)
        if self.job.workers > 1:
            gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
            flat = torch.cat([*(g.flatten() for g in gradients), facts])
            distributed.all_reduce(flat)
            parts = flat[: -len(facts)].div_(self.job.workers).split([g.numel() for g in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
            facts = flat[-len(facts) :]
        return float(facts[0]) / self.job.workers, float(facts[1]), bool(facts[2] > 0)

    def clip(self) -> float:
        """Clip the gradients; their norm before."""
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        return float(norm)

    def update(self, progress: float) -> None:
        self.optimiser.step(self.step, progress)
        self.model.zero_grad(set_to_none=True)
        if self.rank == 0:
            self.average.step(self.model.parameters())
        self.step += 1

    def progress(self, elapsed_s: float) -> float:
        if self.job.steps is not None:
            return self.step / self.job.steps
        assert self.job.minutes is not None
        return min(1.0, elapsed_s / (60.0 * self.job.minutes))

    def save(self) -> None:
        save_state(
            self.job.out,
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "average": self.average.state_dict(),
                "step": self.step,
                "elapsed_s": self.elapsed_s,
                "precision": str(self.precision).removeprefix("torch."),
            },
        )
        with self.averaged():
            save_model(self.job.out, self.model, half=True)

    @contextmanager
    def averaged(self) -> Iterator[WorldModel]:
        """Within it the model has its moving average's weights."""
        self.average.store(self.model.parameters())
        self.average.copy_to(self.model.parameters())
        try:
            yield self.model
        finally:
            self.average.restore(self.model.parameters())


def build(recipe: Recipe, clips: ClipDataset) -> WorldModel:
    """An untrained model that fits the clips: size, and of each scenario what there is to know."""
    known = clips.known()
    height_px, width_px = clips.size_px
    shape = asdict(recipe.architecture)
    model = WorldModel(
        height_px=height_px,
        width_px=width_px,
        patch_px=height_px // shape.pop("patches"),
        scenarios=tuple(each.scenario for each in known),
        frame_rate_hz=tuple(each.frame_rate_hz for each in known),
        depth_range_m=tuple(each.depth_range_m for each in known),
        action_mean=tuple(each.action_mean for each in known),
        action_std=tuple(each.action_std for each in known),
        **shape,
    )
    images = np.stack([each.mean_frame for each in known])
    model.mean_image.copy_(torch.from_numpy(images))
    return cast(WorldModel, model)


def work(rank: int, job: Job) -> bool:
    """Train in this process until the budget is spent; True when Ctrl-C ended it."""
    if job.workers > 1:
        torch.set_num_threads(1)
        distributed.init_process_group(
            "gloo", init_method=job.meeting, rank=rank, world_size=job.workers
        )
    worker = Worker(rank, job)
    before = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        worker.stop = True

    signal.signal(signal.SIGINT, stop)
    try:
        return _loop(worker)
    finally:
        signal.signal(signal.SIGINT, before)
        if job.workers > 1:
            distributed.destroy_process_group()


class Diverged(RuntimeError):
    """The loss is no longer a number."""


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
            loss, agreed_s, stopped = worker.share(loss)
            if not (np.isfinite(loss) and np.isfinite(worker.clip())):
                return _diverged(worker, clerk, loss)
            worker.update(progress)
            if clerk is not None:
                clerk.after_step(loss)
        if clerk is not None:
            clerk.save()
        return stopped
    finally:
        if clerk is not None:
            clerk.diary.close(job.out)


def _diverged(worker: Worker, clerk: Clerk | None, loss: float) -> bool:
    """All workers come here at the same step; rank 0 says so."""
    if clerk is None:
        return False
    wrong = f"the loss is {loss}" if not np.isfinite(loss) else "the gradient is not finite"
    kept = f"{worker.job.out} (step {clerk.saved_step})" if clerk.saved_step else "none yet"
    raise Diverged(f"{wrong} at step {worker.step}; last good checkpoint: {kept}")
