"""How fast models step, by preset and batch: from an action to a frame and its depth in metres.

Weights are random, which speed does not hang on. Rounds go through all presets and batches in
turn, so that a machine that is busy for a while slows all of them alike. On a CPU every core takes
part: at rest two threads halve a step, beside another job they are slower than one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from worldsim.bench import measured
from worldsim.bench.all import Probe, measure
from worldsim.data.atomic import write_whole
from worldsim.frames import from_model
from worldsim.models.dit import WorldModel
from worldsim.models.stepper import Stepper
from worldsim.recipes import RECIPES

SCHEMA = 1
PRESETS = ("tiny", "small", "base")
BATCHES = (1, 16, 64)
FLAT_STEPS = 1000
_ACTIONS = 2


def run(out: Path, size_px: int, repeats: int) -> dict[str, Any]:
    """Measure, print a table, write `out`/bench-step.json and return what it holds."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    models = {name: _model(name, size_px).to(device) for name in PRESETS}
    probes = [_probe(name, models[name], batch) for name in PRESETS for batch in BATCHES]
    with _all_cores():
        rates = measure(probes, repeats)
        late = {name: _flatness(models[name]) for name in PRESETS}
    result = {
        "schema": SCHEMA,
        "size_px": size_px,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": len(os.sched_getaffinity(0)),
        "torch": torch.__version__,
        "parameters": {name: model.num_parameters() for name, model in models.items()},
        "frames_per_s": {name: measured(found) for name, found in rates.items()},
        "late_over_early_step_time": late,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "bench-step.json", f"{json.dumps(result, indent=1)}\n".encode())
    print(table(result))
    print(f"{out}/bench-step.json")
    return result


@contextmanager
def _all_cores() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _model(preset: str, size_px: int) -> WorldModel:
    shape = asdict(RECIPES[preset]().architecture)
    torch.manual_seed(0)
    model: WorldModel = WorldModel(
        height_px=size_px, width_px=size_px, patch_px=size_px // shape.pop("patches"), **shape
    )
    return model


def _started(model: WorldModel, batch: int) -> tuple[Stepper, torch.Tensor]:
    """A stepper whose window is full, and actions for it."""
    config, stepper = model.config, Stepper(model)
    start = torch.zeros(batch, config.window + 1, 4, config.height_px, config.width_px)
    actions = torch.zeros(batch, config.window, _ACTIONS)
    stepper.start(start.to(model.device), actions.to(model.device))
    return stepper, actions[:, 0].to(model.device)


def _step(stepper: Stepper, actions: torch.Tensor) -> None:
    from_model(stepper.step(actions).cpu().numpy(), (0.1, 3.0))


def _probe(preset: str, model: WorldModel, batch: int) -> Probe:
    stepper, actions = _started(model, batch)
    return Probe(f"{preset}, batch {batch}", lambda: _step(stepper, actions), batch)


def _flatness(model: WorldModel) -> float:
    """Median time of the last tenth of 1,000 steps over that of the first: 1 stays as fast."""
    stepper, actions = _started(model, 1)
    times_s = []
    for _ in tqdm(range(FLAT_STEPS), desc="stepping on", unit="frame", leave=False, disable=None):
        begin = time.perf_counter()
        _step(stepper, actions)
        times_s.append(time.perf_counter() - begin)
    early, *_, late = np.array_split(times_s, min(10, FLAT_STEPS))
    return float(np.median(late) / np.median(early))


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    size_px = result["size_px"]
    lines = [f"a step at {size_px} px, RGB and depth {'frames/s':>12}"]
    for name, row in result["frames_per_s"].items():
        lines.append(f"{name:32}{row['median']:11.0f}")
    for name, ratio in result["late_over_early_step_time"].items():
        lines.append(
            f"{name}: after 1,000 steps a step takes {ratio:.2f} times as long as at first"
        )
    return "\n".join(lines)
