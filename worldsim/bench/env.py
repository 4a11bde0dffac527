"""How fast environments step: simulator and model, one alone and many in one batch.

A step is all that a learner waits for: the frame, its depth, poses read or simulated, reward, info.
Rounds go through a size's environments in turn, so that a machine that is busy for a while slows
all of them alike; the largest batches take longest and are measured once, last.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from worldsim.bench.all import PROBE_S, Probe, measure
from worldsim.data.atomic import write_whole
from worldsim.envs.dream.sight import Eyes
from worldsim.models.stepper import Stepper
from worldsim.render import Renderer
from worldsim.sim.scenarios import find_scenario

SCHEMA = 1
CHECKPOINTS = {64: "push-64", 128: "all-128"}
"""By the size of their frames in pixels."""
BATCHES = (1, 16, 64)
LARGEST = 256
COMPARED = 64
"""Steps of a batch of so many are compared with those of one environment alone."""
_TIMED: dict[str, tuple[tuple[type, str], ...]] = {
    "drawing": ((Stepper, "step"), (Renderer, "draw")),
    "reading": ((Eyes, "__call__"),),
}


@dataclass(frozen=True)
class _Kind:
    """Environments of one id; `workers` are processes that read, or that simulate."""

    source: str
    count: int
    size_px: int
    workers: int = 0

    @property
    def name(self) -> str:
        many = "alone" if self.count == 1 else f"{self.count} in a batch"
        by = f", {self.workers} processes" if self.workers else ""
        return f"{self.source}, {self.size_px} px, {many}{by}"

    def make(self) -> gymnasium.Env[Any, Any] | gymnasium.vector.VectorEnv[Any, Any, Any]:
        scenario = find_scenario("push")
        if self.source == "simulator":
            given: dict[str, Any] = {"size_px": self.size_px}
            if self.count == 1:
                return gymnasium.make(scenario.env_id, **given)
            how = "async" if self.workers else "sync"
            return gymnasium.make_vec(scenario.env_id, self.count, how, **given)
        given = {"checkpoint": CHECKPOINTS[self.size_px], "device": _device().type}
        if self.count == 1:
            return gymnasium.make(scenario.model_id, **given)
        return gymnasium.make_vec(scenario.model_id, self.count, workers=self.workers, **given)


def run(out: Path, repeats: int) -> dict[str, Any]:
    """Measure, print a table, write `out`/bench-env.json and return what it holds."""
    rows: dict[str, Any] = {}
    cores = len(os.sched_getaffinity(0))
    for size_px in CHECKPOINTS:
        kinds = [_Kind(s, n, size_px) for s in ("simulator", "model") for n in BATCHES]
        if cores > 1:
            kinds += [_Kind("simulator", cores, size_px, cores)]
            kinds += [_Kind("model", COMPARED, size_px, cores)]
        rows |= _measured(kinds, repeats)
        for source in ("simulator", "model"):
            rows |= _measured([_Kind(source, LARGEST, size_px)], 1)
    for row in rows.values():
        alone = rows[_Kind(row["source"], 1, row["size_px"]).name]
        row["times_alone"] = row["steps_per_s"] / alone["steps_per_s"]
    result = {
        "schema": SCHEMA,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "cores": cores,
        "torch": torch.__version__,
        "environments": rows,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "bench-env.json", f"{json.dumps(result, indent=1)}\n".encode())
    print(table(result))
    print(f"{out}/bench-env.json")
    return result


def _measured(kinds: list[_Kind], repeats: int) -> dict[str, Any]:
    """A row for each of some environments, all open at once."""
    with ExitStack() as stack:
        steps = {}
        for kind in kinds:
            env = kind.make()
            stack.callback(env.close)
            steps[kind.name] = _stepping(env)
        probes = [Probe(kind.name, steps[kind.name], kind.count, "steps/s") for kind in kinds]
        rates = measure(probes, repeats)
        shares = {name: _shares(step) for name, step in steps.items()}
    return {
        kind.name: {
            "source": kind.source,
            "size_px": kind.size_px,
            "count": kind.count,
            "processes": kind.workers,
            "steps_per_s": (median := statistics.median(rates[kind.name])),
            "steps_per_s_each": median / kind.count,
            "rounds": rates[kind.name],
            # What is drawn in other processes is not timed here.
            "shares": None if kind.source == "simulator" and kind.workers else shares[kind.name],
        }
        for kind in kinds
    }


def _stepping(env: Any) -> Callable[[], None]:
    """A step with drawn actions, in an environment that has begun; one that ends begins anew."""
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    alone = isinstance(env, gymnasium.Env)

    def step() -> None:
        actions = rng.uniform(-1.0, 1.0, env.action_space.shape).astype(np.float32)
        _, _, terminated, truncated, _ = env.step(actions)
        if alone and (terminated or truncated):
            env.reset()

    return step


def _shares(step: Callable[[], None]) -> dict[str, float]:
    """Of the time of steps: drawing, reading, and the rest."""
    with _watched() as spent_s:
        start_s = time.perf_counter()
        while (whole_s := time.perf_counter() - start_s) < PROBE_S:
            step()
    shares = {name: part_s / whole_s for name, part_s in spent_s.items()}
    return {**shares, "rest": 1.0 - sum(shares.values())}


@contextmanager
def _watched() -> Iterator[dict[str, float]]:
    """Seconds that go into each part meanwhile."""
    spent_s = dict.fromkeys(_TIMED, 0.0)
    with ExitStack() as stack:
        for part, methods in _TIMED.items():
            for owner, name in methods:
                method = getattr(owner, name)
                setattr(owner, name, _timed(method, part, spent_s))
                stack.callback(setattr, owner, name, method)
        yield spent_s


def _timed(method: Callable[..., Any], part: str, spent_s: dict[str, float]) -> Callable[..., Any]:
    @wraps(method)
    def timed(*args: Any) -> Any:
        start_s = time.perf_counter()
        found = method(*args)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        spent_s[part] += time.perf_counter() - start_s
        return found

    return timed


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{'':46}{'steps/s':>8}{'of each':>9}{'x alone':>9}{'drawing':>9}{'reading':>9}{'rest':>6}"
    ]
    for name, row in result["environments"].items():
        line = f"{name:46}{row['steps_per_s']:8.0f}{row['steps_per_s_each']:9.2f}"
        line += f"{row['times_alone']:9.2f}"
        if row["shares"] is not None:
            drawing, reading, rest = row["shares"].values()
            line += f"{drawing:9.0%}{reading:9.0%}{rest:6.0%}"
        lines.append(line)
    return "\n".join(lines)
