"""How fast recording is: physics, rendering and writing, on one core and on two."""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from worldsim.agents.collect import Collector
from worldsim.data import workers as processes
from worldsim.data.atomic import write_whole
from worldsim.data.dataset import EPISODES_FOLDER, episode_file
from worldsim.data.simulate import write_episode
from worldsim.data.store import encode
from worldsim.sim.look import LOOKS, Look
from worldsim.sim.scenarios import SCENARIOS

SCHEMA = 1
EPISODES = 4
"""Recorded for a rate; half of them by each of two workers."""


def run(
    out: Path, scenario: str | None, size_px: int, repeats: int, look: Look = LOOKS["studio"]
) -> dict[str, Any]:
    """Measure, print a table, write `out`/bench-simulate.json and return what it holds.

    Rates are frames a second of wall time, medians of `repeats` rounds, in processes that have
    recorded one episode before. The shares are those of one core: physics with the policy (an
    episode that is not drawn), rendering (what drawing it adds), writing (encoding and the disk).
    "of CPU" are frames a second of processor time, which hold on a busy machine, too.
    """
    names = [scenario] if scenario else list(SCENARIOS)
    makers = [Collector(name, size_px=size_px, look=look) for name in names]
    rows = {}
    with tempfile.TemporaryDirectory(dir=_made(out)) as folder:
        (Path(folder) / EPISODES_FOLDER).mkdir()
        for maker in tqdm(makers, desc="recording", unit="scenario", leave=False, disable=None):
            rows[maker.scenario] = _row(maker, Path(folder), repeats)
    result = {
        "schema": SCHEMA,
        "size_px": size_px,
        "renderer": makers[0].look.renderer,
        "machine": {"cpu": platform.processor(), "numpy": np.__version__},
        "scenarios": rows,
        "mean": _mean(list(rows.values())),
    }
    write_whole(out / "bench-simulate.json", f"{json.dumps(result, indent=1)}\n".encode())
    print(table(result))
    print(f"{out}/bench-simulate.json")
    return result


def _made(out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    return out


def _row(maker: Collector, folder: Path, repeats: int) -> dict[str, float]:
    rates = {workers: _rates_hz(maker, folder, workers, repeats) for workers in (1, 2)}
    one, two = (statistics.median(rates[workers]) for workers in (1, 2))
    return {"frames_per_s": one, "frames_per_s_two": two, **_times(maker, folder, repeats)}


def _rates_hz(maker: Collector, folder: Path, workers: int, repeats: int) -> list[float]:
    """Frames a second of `workers` processes that record, one number a round."""
    rates_hz = []
    with processes.started(maker, workers) as pool:
        for number in range(repeats + 1):
            start_s = time.perf_counter()
            futures = [processes.submit(pool, _record, folder, index) for index in range(EPISODES)]
            frames = [processes.result(f, maker.scenario) for f in as_completed(futures)]
            if number:  # the first round loads and compiles
                rates_hz.append(sum(frames) / (time.perf_counter() - start_s))
    return rates_hz


def _record(make_episode: processes.Maker, folder: Path, index: int) -> int:
    _, frames = write_episode(folder, index, make_episode, images=True)
    return frames


def _times(maker: Collector, folder: Path, repeats: int) -> dict[str, float]:
    """Milliseconds a frame of every part, on one core, and bytes a frame."""
    undrawn = Collector(maker.scenario, size_px=maker.size_px, frames=False)
    times_s: dict[str, list[float]] = {"physics": [], "drawn": [], "writing": [], "cpu": []}
    for number in range(repeats + 1):
        start_s = time.perf_counter()
        bare = undrawn(number)
        physics_s, cpu_s = time.perf_counter(), time.process_time()
        episode = maker(number)
        drawn_s = time.perf_counter()
        content = encode(episode)
        write_whole(folder / episode_file(number), content)
        written_s, worked_s = time.perf_counter(), time.process_time() - cpu_s
        if number:
            times_s["physics"].append((physics_s - start_s) / len(bare.frames))
            times_s["drawn"].append((drawn_s - physics_s) / len(bare.frames))
            times_s["writing"].append((written_s - drawn_s) / len(bare.frames))
            times_s["cpu"].append(worked_s / len(bare.frames))
    median = {name: 1e3 * statistics.median(found) for name, found in times_s.items()}
    return {
        "physics_ms": median["physics"],
        "rendering_ms": max(median["drawn"] - median["physics"], 0.0),
        "writing_ms": median["writing"],
        "cpu_ms": median["cpu"],
        "bytes_a_frame": len(content) / len(episode.frames),
        "bytes_a_frame_states": len(encode(bare, images=False)) / len(bare.frames),
    }


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of all scenarios, as if each had as many frames: rates are means of times."""
    mean = {key: statistics.mean(row[key] for row in rows) for key in rows[0]}
    rates = ("frames_per_s", "frames_per_s_two")
    return mean | {key: statistics.harmonic_mean(row[key] for row in rows) for key in rates}


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{'':10}{'frames/s':>10}{'two':>7}{'ratio':>7}{'of CPU':>8}"
        f"{'physics':>9}{'render':>8}{'write':>7}{'B/frame':>9}{'states':>8}"
    ]
    for name, row in {**result["scenarios"], "mean": result["mean"]}.items():
        parts = [row[f"{part}_ms"] for part in ("physics", "rendering", "writing")]
        shares = [part / sum(parts) for part in parts]
        lines.append(
            f"{name:10}{row['frames_per_s']:10.0f}{row['frames_per_s_two']:7.0f}"
            f"{row['frames_per_s_two'] / row['frames_per_s']:7.2f}{1e3 / row['cpu_ms']:8.0f}"
            f"{shares[0]:9.0%}{shares[1]:8.0%}{shares[2]:7.0%}"
            f"{row['bytes_a_frame']:9.0f}{row['bytes_a_frame_states']:8.0f}"
        )
    return "\n".join(lines)
