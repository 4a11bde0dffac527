"""How much of this machine's matmul peak a training step reaches, by preset.

The steps are those of `worldsim train`, on clips read from a recording made for it: by one process
a GPU, or two of one thread on CPUs. Rounds go through all presets in turn, each after a
measurement of the peak. Two shares are told: by the clock, and by the time that the process was on
a core, which other jobs on the machine do not stretch.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import reduce
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from worldsim.agents.collect import Collector
from worldsim.bench import measured
from worldsim.data.atomic import write_whole
from worldsim.data.clips import ClipDataset
from worldsim.data.simulate import simulate
from worldsim.recipes import recipe
from worldsim.training import team
from worldsim.training.machine import matmul_flops
from worldsim.training.settings import Recipe
from worldsim.training.worker import Job, Worker

SCHEMA = 1
PRESETS = ("tiny", "small", "base")
EPISODES, STEPS, HELD_OUT = 8, 64, 2
CPU_CLIPS = 2
"""Clips of a step in each process; on a GPU as many as the recipe says."""
ROUND_STEPS = 2


def run(out: Path, size_px: int, repeats: int) -> dict[str, Any]:
    """Record Push, measure, print a table, write `out`/bench-train.json and return what it holds.

    Every number is the median over `repeats` rounds and the mean over processes.
    """
    device, processes = team.joined().device, team.size(None)
    with tempfile.TemporaryDirectory() as folder:
        maker = Collector("push", "id", 0, STEPS, size_px=size_px)
        data = simulate(maker, maker.meta, EPISODES, Path(folder) / "push").path
        jobs = {name: _job(name, data, Path(folder), device, processes) for name in PRESETS}
        found = Path(folder) / "found.json"
        measured = partial(_measure, jobs, repeats, found)
        _ = measured() if processes == 1 else team.start(measured, processes)
        rounds = json.loads(found.read_text())
    result = {
        "schema": SCHEMA,
        "size_px": size_px,
        "processes": processes,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "one_process_two_threads_flops": _with_two_threads() if device.type == "cpu" else None,
        **rounds,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "bench-train.json", f"{json.dumps(result, indent=1)}\n".encode())
    print(table(result))
    print(f"{out}/bench-train.json")
    return result


def _job(preset: str, data: Path, out: Path, device: torch.device, processes: int) -> Job:
    made = recipe(preset)
    clips = made.settings.clips_per_worker if device.type == "cuda" else CPU_CLIPS
    settings = replace(made.settings, clips_per_worker=clips, held_out_episodes=HELD_OUT)
    return Job(
        recipe=Recipe(preset, made.architecture, settings),
        clips=ClipDataset(data, settings.clip_frames, held_out=HELD_OUT, progress=False),
        out=out,
        minutes=None,
        steps=1,
        resume=False,
        workers=processes,
        loaders=0,
        seed=0,
        precision="bfloat16" if device.type == "cuda" else "float32",
        compile=False,
        pause_after=None,
        progress=False,
    )


@dataclass(frozen=True)
class Round:
    """Of one process and a few steps."""

    peak_flops: float
    core_peak_flops: float
    clock_s: float
    core_s: float
    waited_s: float
    memory_bytes: float


def _measure(jobs: dict[str, Job], repeats: int, found: Path) -> bool:
    """The work of one of the processes; process 0 writes what all have found, as JSON."""
    this = team.joined()
    workers = {name: Worker(this.process_index, job) for name, job in jobs.items()}
    flop = {name: _flop(worker) for name, worker in workers.items()}  # it warms up, too
    rows: dict[str, list[Round]] = {name: [] for name in jobs}
    quiet = None if this.is_main_process else True
    for _ in tqdm(range(repeats), desc="training", unit="round", leave=False, disable=quiet):
        for name, worker in workers.items():
            this.wait_for_everyone()
            rows[name].append(_round(worker))
    presets = {name: _summary(workers[name], flop[name], rows[name]) for name in jobs}
    if this.is_main_process:
        found.write_text(json.dumps({"presets": presets}))
    return False


def _flop(worker: Worker) -> tuple[float, float]:
    """FLOP of a step in this process: the passes', the optimiser's."""
    with FlopCounterMode(display=False) as passes:
        worker.learn(0.0)
    worker.share(0.0, False)
    with FlopCounterMode(display=False) as update:
        worker.update(0.0)
    return float(passes.get_total_flops()), float(update.get_total_flops())


def _round(worker: Worker) -> Round:
    peak = matmul_flops(worker.precision, worker.device)
    core_peak = matmul_flops(worker.precision, worker.device, clock=time.process_time)
    team.joined().wait_for_everyone()
    begin_s, begin_core_s, begin_waited_s = (
        time.perf_counter(),
        time.process_time(),
        worker.waited_s,
    )
    for _ in range(ROUND_STEPS):
        loss = worker.learn(0.0)
        worker.share(loss, False)
        worker.clip()
        worker.update(0.0)
    if worker.device.type == "cuda":
        torch.cuda.synchronize(worker.device)
    return Round(
        peak,
        core_peak,
        time.perf_counter() - begin_s,
        time.process_time() - begin_core_s,
        worker.waited_s - begin_waited_s,
        _memory_bytes(worker.device),
    )


def _memory_bytes(device: torch.device) -> int:
    """What this process holds: on the GPU, or of the machine's memory (Linux)."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


def _summary(worker: Worker, flop: tuple[float, float], rows: Sequence[Round]) -> dict[str, Any]:
    """All processes call this; the numbers are means over them."""
    work = ROUND_STEPS * sum(flop)
    shares = [[work / row.clock_s / row.peak_flops for row in rows]]
    shares.append([work / row.core_s / row.core_peak_flops for row in rows])
    shares.append([row.waited_s / row.clock_s for row in rows])
    shares.append([ROUND_STEPS / row.clock_s for row in rows])
    shares.append([row.core_peak_flops for row in rows])
    shares.append([row.memory_bytes for row in rows])
    means = reduce(torch.tensor(shares, dtype=torch.float64, device=worker.device), "mean").tolist()
    of_clock, of_core, waiting, rate, peak, memory = means
    return {
        "parameters": worker.model.num_parameters(),
        "clips_a_step": worker.job.workers * worker.size,
        "passes_flop": flop[0],
        "optimiser_flop": flop[1],
        "share_of_peak": measured(of_clock),
        "share_of_peak_on_a_core": measured(of_core),
        "share_waiting_for_clips": statistics.median(waiting),
        "steps_per_s": statistics.median(rate),
        "peak_flops": statistics.median(peak),
        "memory_bytes": {"first_round": memory[0], "last_round": memory[-1]},
    }


def _with_two_threads() -> float:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        return matmul_flops(torch.float32, torch.device("cpu"))
    finally:
        torch.set_num_threads(before)


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"a training step at {result['size_px']} px, {result['processes']} process(es)",
        f"{'':8}{'GFLOP':>8}{'steps/s':>10}{'of peak':>10}{'on a core':>11}{'waiting':>10}"
        f"{'MB, first and last':>20}",
    ]
    for name, row in result["presets"].items():
        memory = row["memory_bytes"]
        lines.append(
            f"{name:8}{(row['passes_flop'] + row['optimiser_flop']) / 1e9:8.0f}"
            f"{row['steps_per_s']:10.2f}{row['share_of_peak']['median']:10.0%}"
            f"{row['share_of_peak_on_a_core']['median']:11.0%}"
            f"{row['share_waiting_for_clips']:10.1%}"
            f"{memory['first_round'] / 1e6:13.0f}{memory['last_round'] / 1e6:7.0f}"
        )
    peak = statistics.median(row["peak_flops"] for row in result["presets"].values())
    lines.append(f"matmul peak: {peak / 1e9:.0f} GFLOP/s a process")
    if result["one_process_two_threads_flops"]:
        both = result["one_process_two_threads_flops"] / 1e9
        lines[-1] += f"; one process with two threads {both:.0f}"
    return "\n".join(lines)
