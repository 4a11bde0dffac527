"""One training process: draws clips and shares gradients with the others."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from accelerate.utils import broadcast, reduce
from diffusers.training_utils import EMAModel

from worldsim.data.clips import ClipDataset
from worldsim.models.dit import WorldModel
from worldsim.training import objective
from worldsim.training.begin import begun
from worldsim.training.feed import feed
from worldsim.training.machine import Precision, choose_precision
from worldsim.training.objective import Clip
from worldsim.training.optimiser import Optimiser
from worldsim.training.settings import Recipe
from worldsim.training.shards import cut, gathered, shard, whole
from worldsim.training.state import load_state
from worldsim.training.team import joined


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
    cache: Path | None = None
    shard: bool = False
    begin: Path | None = None


class Shared(NamedTuple):
    """What all processes know after a step: the mean loss, process 0's clock, what comes next."""

    loss: float
    elapsed_s: float
    stop: bool
    save: bool


class Worker:
    """The state of a run in one process."""

    def __init__(self, rank: int, job: Job) -> None:
        self.rank, self.job, self.settings = rank, job, job.recipe.settings
        self.device = joined().device
        self.step, self.elapsed_s, self.stop = 0, 0.0, False
        self.position = 0  # of the next step's first clip: clips drawn so far by all processes
        self.passes = 0  # over one batch, in units of a forward pass
        self.waited_s = 0.0  # for clips
        state = load_state(job.out) if job.resume else None
        self.precision = getattr(torch, state["precision"]) if state else self._agree(job.precision)
        self.model = self._made(state).train()
        self.average = EMAModel(
            self.model.parameters(), decay=self.settings.ema_decay, foreach=True
        )
        self.optimiser = Optimiser(self.model, self.settings, self.precision)
        if state:
            self.restore(state)
        first, stride = self.position + rank * self.size, job.workers * self.size
        clips, loaders = job.clips, job.loaders
        domains = [self.model.domain(scenario) for scenario in clips.scenarios]
        self.feed = feed(clips, domains, self.size, first, stride, self.device, loaders, job.cache)
        self.network = self.model
        if job.compile:
            self.network = cast(WorldModel, torch.compile(self.model, dynamic=False))

    @property
    def size(self) -> int:
        """Clips of a step in this process."""
        return self.settings.clips_per_worker

    def _made(self, state: dict[str, Any] | None) -> WorldModel:
        """The model, the same in all processes, sharded where the job says so."""
        torch.manual_seed(self.job.seed)
        recipe, clips, begin = self.job.recipe, self.job.clips, self.job.begin
        model = build(recipe, clips) if begin is None else begun(begin, recipe, clips)
        if state:
            model.load_state_dict(state["model"])
        model.to(self.device)
        broadcast(list(model.state_dict().values()))
        if self.job.shard and self.job.workers > 1:
            shard(model, self.job.workers)
        return model

    def _agree(self, wanted: Precision) -> torch.dtype:
        """The precision that process 0 chooses."""
        fast = choose_precision(wanted, self.device) == torch.bfloat16
        chosen = torch.tensor([float(fast)], device=self.device)
        return torch.bfloat16 if broadcast(chosen).item() else torch.float32

    def restore(self, state: dict[str, Any]) -> None:
        """Take up all but the model's weights from a whole state."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.load_state_dict(state["average"])
        self.average.to(self.device)
        pairs = zip(self.average.shadow_params, self.model.parameters(), strict=True)
        self.average.shadow_params = [cut(kept, parameter) for kept, parameter in pairs]
        self.step, self.position = state["step"], state["clips"]
        self.elapsed_s = state["elapsed_s"]

    def draw(self) -> tuple[Clip, list[torch.Generator]]:
        """The next clips and the noise of each.

        Seed and position decide, so that runs resume and do not hang on who draws a clip.
        """
        begin = time.perf_counter()
        clip = next(self.feed)
        self.waited_s += time.perf_counter() - begin
        first = self.position + self.rank * self.size
        rngs = (np.random.default_rng([self.job.seed, first + i, 1]) for i in range(self.size))
        seeds = [int(rng.integers(2**62)) for rng in rngs]
        return clip, [torch.Generator(self.device).manual_seed(seed) for seed in seeds]

    def coin(self) -> np.random.Generator:
        """What this step decides for all workers alike."""
        return np.random.default_rng([self.job.seed, self.step, 0])

    def learn(self, progress: float) -> float:
        """Gradients of one batch; returns its loss."""
        clip, rngs = self.draw()
        coin = self.coin()
        full = coin.random() < self.settings.full_chance
        task = objective.make_task(clip, self.settings, rngs, full)
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

    def share(self, loss: float, save: bool) -> Shared:
        """Average the gradients over the processes, if FSDP has not, and share the facts."""
        mine = [loss, self.elapsed_s if self.rank == 0 else 0.0, float(self.stop), float(save)]
        facts = torch.tensor(mine, device=self.device)
        if self.job.workers > 1:
            sharded = self.job.shard
            found = [p.grad for p in self.model.parameters() if p.grad is not None and not sharded]
            flat = reduce(torch.cat([*(g.flatten() for g in found), facts]), "mean")
            *parts, facts = flat.split([*(g.numel() for g in found), len(facts)])
            for gradient, part in zip(found, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
        loss, elapsed_s, stop, saving = facts.tolist()
        return Shared(loss, elapsed_s * self.job.workers, stop > 0, saving > 0)

    def clip(self) -> float:
        """Clip the gradients; their norm before."""
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        return float(gathered(norm))

    def update(self, progress: float) -> None:
        self.optimiser.step(self.step, progress)
        self.model.zero_grad(set_to_none=True)
        if self.rank == 0 or self.job.shard:
            self.average.step(self.model.parameters())
        self.step += 1
        self.position += self.job.workers * self.size

    def progress(self, elapsed_s: float) -> float:
        if self.job.steps is not None:
            return self.step / self.job.steps
        assert self.job.minutes is not None
        return min(1.0, elapsed_s / (60.0 * self.job.minutes))

    def state(self) -> dict[str, Any]:
        """Everything that a run needs to go on, whole; where it is sharded all must call this."""
        state: dict[str, Any] = whole(
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "average": self.average.state_dict(),
                "step": self.step,
                "clips": self.position,
                "elapsed_s": self.elapsed_s,
                "precision": str(self.precision).removeprefix("torch."),
            }
        )
        return state


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
