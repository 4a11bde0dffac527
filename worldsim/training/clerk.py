"""Rank 0's bookkeeping: metrics, progress, probes and checkpoints."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from worldsim.training.log import Diary
from worldsim.training.machine import flops_per_frame, matmul_flops
from worldsim.training.probe import Probe
from worldsim.training.state import averaged, save_model, save_state

if TYPE_CHECKING:
    from worldsim.training.worker import Worker

NOTE_EVERY_STEPS = 20
SAVE_EVERY_S = 180.0


class Clerk:
    """Notes every few steps, probes and saves every few minutes and at the end."""

    def __init__(self, worker: Worker) -> None:
        self.worker, job = worker, worker.job
        self.saved_step = worker.step if job.resume else 0
        self.saved_at = time.monotonic()
        self.losses: list[float] = []
        total, unit = (job.steps, "step") if job.steps is not None else (job.minutes, "min")
        assert total is not None
        self.diary = Diary(job.out, worker.step, total, unit, job.progress)
        self.probe = Probe(job.clips.held_out_episodes(least_each=2), worker.model)
        self.probed: dict[str, float] = {}
        self.peak_flops = job.workers * matmul_flops(worker.precision, worker.device)
        config = worker.model.config
        tokens = config.registers + (config.height_px * config.width_px) // config.patch_px**2
        settings = worker.settings
        self.step_frames = job.workers * settings.clips_per_worker * (settings.clip_frames - 1)
        self.pass_flops = self.step_frames * flops_per_frame(worker.model, tokens)
        self.noted_at, self.noted_s, self.noted_passes = worker.step, worker.elapsed_s, 0
        self.noted_waited_s = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() - self.saved_at > SAVE_EVERY_S

    def after_step(self, loss: float) -> None:
        self.losses.append(loss)
        if self.worker.step - self.noted_at >= NOTE_EVERY_STEPS:
            self.note()

    def note(self) -> None:
        worker, job = self.worker, self.worker.job
        steps = worker.step - self.noted_at
        seconds = max(worker.elapsed_s - self.noted_s, 1e-9)
        rate = steps * self.step_frames / seconds
        flops = (worker.passes - self.noted_passes) * self.pass_flops
        share = flops / seconds / self.peak_flops
        entry = {
            **self._where(),
            "loss": float(np.mean(self.losses)),
            "frames_per_s": round(rate, 1),
            "share_of_matmul_peak": round(share, 4),
            "share_waiting_for_clips": round((worker.waited_s - self.noted_waited_s) / seconds, 4),
        }
        self.diary.note(entry)
        done = worker.step if job.steps is not None else worker.elapsed_s / 60
        text = f"step {worker.step} loss {entry['loss']:.5f}"
        text += f" {rate:.0f} frames/s {share:.0%} of peak"
        if self.probed:
            text += f" | one-step {self.probed['one_step_ratio']:.2f}"
            text += f" shuffle {self.probed['shuffle_ratio']:.1f}"
        self.diary.show(done, text)
        self.noted_at, self.noted_s = worker.step, worker.elapsed_s
        self.noted_passes, self.losses = worker.passes, []
        self.noted_waited_s = worker.waited_s

    def save(self, state: dict[str, Any]) -> None:
        """Probe and write a whole state."""
        worker, out = self.worker, self.worker.job.out
        if self.losses:
            self.note()
        model = averaged(state, worker.model)
        self.probed = self.probe.measure(model)
        self.diary.note({**self._where(), **self.probed})
        save_model(out, model.half())
        save_state(out, state)
        self.saved_step, self.saved_at = worker.step, time.monotonic()

    def _where(self) -> dict[str, Any]:
        worker = self.worker
        return {
            "step": worker.step,
            "clips": worker.position,
            "workers": worker.job.workers,
            "elapsed_s": round(worker.elapsed_s, 2),
        }
