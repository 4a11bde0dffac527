"""How fast simulator, model, training and evaluation are on this machine, measured in one run.

Every number is the median over rounds; in each round every probe runs once, so that a machine
that is busy for a while slows all of them and their ratios hold.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from worldsim import checkpoints
from worldsim.agents.collect import Collector
from worldsim.data.atomic import write_whole
from worldsim.episode import Episode
from worldsim.eval.reading.perception import read
from worldsim.frames import to_model
from worldsim.models.dit import WorldModel
from worldsim.models.load import load
from worldsim.models.stepper import Stepper
from worldsim.recipes import recipe
from worldsim.render import Renderer
from worldsim.sim.simulator import Simulator
from worldsim.training.machine import choose_precision
from worldsim.training.objective import Clip, loss, make_task
from worldsim.training.optimiser import Optimiser
from worldsim.training.settings import Recipe

SCHEMA = 1
PASSES = (1, 2, 4)
BATCHES = (1, 16)
CLIPS = 2
STEPS = 32
MATMUL_SIZE = 1024
PROBE_S = 0.5
"""A probe repeats its call until this much time has passed."""
REFERENCE = "simulator"


@dataclass(frozen=True)
class Probe:
    """`call` does `amount` units of work (frames, or FLOP); its rate is measured."""

    name: str
    call: Callable[[], object]
    amount: float
    unit: str = "frames/s"


def run(out: Path, checkpoint: str, repeats: int) -> dict[str, Any]:
    """Measure, print a table, write `out`/bench.json and return what it holds."""
    folder = checkpoints.find(checkpoint)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load(folder).to(device)
    scenario = str(model.config.scenarios[0])
    episode = Collector(scenario, steps=STEPS, size_px=int(model.config.height_px))(0)
    precision = choose_precision("auto", device)
    training, flop_a_frame = _training(model, episode, recipe("tiny"), precision)
    probes = [
        *_simulator(episode),
        *(_stepping(model, episode, p, batch) for batch in BATCHES for p in PASSES),
        training,
        _matmul(device, precision),
        Probe("evaluation", lambda: _read(episode), episode.steps + 1),
    ]
    rates = measure(probes, repeats)
    result = _result(probes, rates, flop_a_frame, device, folder.name, model.num_parameters())
    result["training_precision"] = str(precision).removeprefix("torch.")
    result["late_over_early_step_time"] = flatness(model, episode)
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "bench.json", f"{json.dumps(result, indent=1)}\n".encode())
    print(table(result))
    print(f"{out}/bench.json")
    return result


def measure(probes: list[Probe], repeats: int) -> dict[str, list[float]]:
    """Units a second of every probe, `repeats` rounds, after one round to warm up."""
    for probe in tqdm(probes, desc="warming up", unit="probe", leave=False, disable=None):
        probe.call()
    rates: dict[str, list[float]] = {probe.name: [] for probe in probes}
    for _ in tqdm(range(repeats), desc="measuring", unit="round", leave=False, disable=None):
        for probe in probes:
            rates[probe.name].append(_rate(probe))
    return rates


def _rate(probe: Probe) -> float:
    calls, start_s = 0, time.perf_counter()
    while (passed_s := time.perf_counter() - start_s) < PROBE_S:
        probe.call()
        calls += 1
    return probe.amount * calls / passed_s


def _simulator(episode: Episode) -> list[Probe]:
    simulator = Simulator()

    def step(render: bool) -> None:
        simulator.reset(episode.scene)
        renderer = Renderer(episode.scene)
        for action in episode.actions:
            simulator.step(action)
            state = simulator.state()
            if render:
                renderer.draw(state["position_m"], state["orientation_xyzw"])

    return [
        Probe(REFERENCE, lambda: step(True), episode.steps),
        Probe("simulator without rendering", lambda: step(False), episode.steps),
    ]


def _values(model: WorldModel, episode: Episode) -> torch.Tensor:
    """An episode as the model sees it, (1, T+1, 4, H, W)."""
    range_m = model.domain(episode.scene.scenario).depth_range_m
    values = to_model(episode.frames, episode.depth_m, range_m)
    return torch.from_numpy(values)[None].to(model.device)


def _stepping(model: WorldModel, episode: Episode, passes: int, batch: int) -> Probe:
    stepper = Stepper(model, passes, model.domain(episode.scene.scenario).index)
    chosen = torch.from_numpy(episode.actions[: max(2, STEPS // (batch * passes))])
    actions = chosen.to(model.device)[:, None].expand(-1, batch, -1)
    start = _values(model, episode)[:, :1].expand(batch, -1, -1, -1, -1)
    none = torch.zeros(batch, 0, actions.shape[-1], device=model.device)
    stepper.start(start, none)

    def step() -> None:
        for action in actions:
            drawn = stepper.step(action)
        drawn.cpu()

    plural = "es" if passes > 1 else ""
    name = f"model, {passes} pass{plural}, batch {batch}"
    return Probe(name, step, len(actions) * batch)


def flatness(model: WorldModel, episode: Episode, steps: int = 1000) -> float:
    """Median time of the last tenth of `steps` steps over that of the first: 1 stays as fast."""
    stepper = Stepper(model, scenario=model.domain(episode.scene.scenario).index)
    stepper.start(_values(model, episode)[:, :1])
    actions = torch.from_numpy(episode.actions).to(model.device)
    times_s = []
    for i in tqdm(range(steps), desc="stepping on", unit="frame", leave=False, disable=None):
        begin = time.perf_counter()
        stepper.step(actions[i % len(actions)][None]).cpu()
        times_s.append(time.perf_counter() - begin)
    tenth = max(1, steps // 10)
    return statistics.median(times_s[-tenth:]) / statistics.median(times_s[:tenth])


def _training(
    model: WorldModel, episode: Episode, recipe: Recipe, precision: torch.dtype
) -> tuple[Probe, float]:
    """One training step in this process, and the FLOP it takes a frame."""
    settings, device = recipe.settings, model.device
    student = WorldModel.from_config(model.config).to(device)
    optimiser = Optimiser(student, settings, precision)
    frames = _values(model, episode)[:, : settings.clip_frames].expand(CLIPS, -1, -1, -1, -1)
    actions = torch.from_numpy(episode.actions[: settings.clip_frames - 1])
    numbers = torch.full((CLIPS,), model.domain(episode.scene.scenario).index)
    clip = Clip(frames, actions.expand(CLIPS, -1, -1), numbers).to(device)
    rngs = [torch.Generator(device).manual_seed(index) for index in range(CLIPS)]
    task = make_task(clip, settings, rngs)

    def step() -> None:
        student.zero_grad()
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            error = loss(student, clip, task)
        error.backward()
        optimiser.step(0, 0.0)
        error.item()

    with FlopCounterMode(display=False) as counter:
        loss(student, clip, task).backward()
    frames_a_step = CLIPS * (settings.clip_frames - 1)
    return Probe("training", step, frames_a_step), counter.get_total_flops() / frames_a_step


def _matmul(device: torch.device, precision: torch.dtype) -> Probe:
    a = torch.randn(MATMUL_SIZE, MATMUL_SIZE, device=device, dtype=precision)

    def multiply() -> None:
        (a @ a)[0, 0].item()

    return Probe("matmul", multiply, 2.0 * MATMUL_SIZE**3, "FLOP/s")


def _read(episode: Episode) -> None:
    read(episode.frames, episode.depth_m, episode.scene)


def _result(
    probes: list[Probe],
    rates: dict[str, list[float]],
    flop_a_frame: float,
    device: torch.device,
    checkpoint: str,
    parameters: int,
) -> dict[str, Any]:
    reference = rates[REFERENCE]
    rows = {}
    for probe in probes:
        found = rates[probe.name]
        row = {"median": statistics.median(found), "unit": probe.unit, "rounds": found}
        if probe.unit == "frames/s":
            ratios = [mine / other for mine, other in zip(found, reference, strict=True)]
            row["ratio_to_simulator"] = statistics.median(ratios)
        rows[probe.name] = row
    shares = [
        frames * flop_a_frame / peak
        for frames, peak in zip(rates["training"], rates["matmul"], strict=True)
    ]
    return {
        "schema": SCHEMA,
        "checkpoint": checkpoint,
        "parameters": parameters,
        "training_flop_a_frame": flop_a_frame,
        "training_share_of_matmul_peak": statistics.median(shares),
        "machine": _machine(device),
        "probes": rows,
    }


def _machine(device: torch.device) -> dict[str, Any]:
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name() if cuda else platform.processor() or "cpu",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{'':34}{'frames/s':>10}  x simulator"]
    for name, row in result["probes"].items():
        if row["unit"] == "frames/s":
            lines.append(f"{name:34}{row['median']:10.0f}{row['ratio_to_simulator']:12.2f}")
    peak = result["probes"]["matmul"]["median"]
    share = result["training_share_of_matmul_peak"]
    lines.append(
        f"training uses {share:.0%} of the measured {result['training_precision']} matmul peak, "
        f"{peak / 1e9:.0f} GFLOP/s"
    )
    late = result["late_over_early_step_time"]
    lines.append(f"a model step takes {late:.2f} times as long after 1,000 steps as at first")
    return "\n".join(lines)
