"""Our renderer beside PyBullet's TinyRenderer: the same moments, turn by turn, on one core."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from worldsim.agents.collect import Collector
from worldsim.data import workers as processes
from worldsim.data.atomic import write_whole
from worldsim.episode import Episode
from worldsim.render import Renderer
from worldsim.sim.scenarios import SCENARIOS
from worldsim.sim.scene import Scene
from worldsim.sim.simulator import Simulator

SCHEMA = 1
SIZES_PX = (64, 128)
LARGE_PX = 256  # ours alone
STEPS = 30
MOMENTS = 6
"""Frames of the rollout at which TinyRenderer is timed."""
TINY, TINY_SHADOW, OURS = "tiny", "tiny, shadow pass", "worldsim"
CORES_PX = 128


@dataclass(frozen=True)
class Row:
    """Milliseconds of processor time a frame, by renderer, one number a round."""

    scenario: str
    size_px: int
    times_ms: dict[str, list[float]]

    def median_ms(self, renderer: str) -> float:
        return statistics.median(self.times_ms[renderer])


def run(out: Path, scenario: str | None, repeats: int) -> dict[str, Any]:
    """Measure, print a table, write `out`/bench-render.json and return what it holds.

    RGB, depth and segmentation of a rollout; ours with shadows and anti-aliasing. The mean row is
    the mean time over scenarios; "typical" is the geometric mean of their ratios, in which no
    scenario weighs more than another.
    """
    names = [scenario] if scenario else list(SCENARIOS)
    bar = tqdm(names, "rollouts", leave=False, disable=None)
    episodes = [Collector(name, steps=STEPS, frames=False)(0) for name in bar]
    affinity = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(affinity)})
    try:
        rows = [
            _row(episode, size_px, repeats)
            for size_px in (*SIZES_PX, LARGE_PX)
            for episode in tqdm(episodes, f"{size_px} px", leave=False, disable=None)
        ]
    finally:
        os.sched_setaffinity(0, affinity)
    cores = _scaling(episodes[0], len(affinity))
    result = {
        "schema": SCHEMA,
        "rows": [
            {"scenario": row.scenario, "size_px": row.size_px, "ms": row.times_ms} for row in rows
        ],
        "cores": cores,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "bench-render.json", f"{json.dumps(result, indent=1)}\n".encode())
    print(*table(rows), *_said(cores), sep="\n")
    print(f"{out}/bench-render.json")
    return result


def _row(episode: Episode, size_px: int, repeats: int) -> Row:
    scene = _sized(episode.scene, size_px)
    renderer = Renderer(scene)
    probes: dict[str, Callable[[], int]] = {OURS: partial(_ours, renderer, episode)}
    with Simulator() as simulator:
        if size_px != LARGE_PX:
            probes[TINY] = partial(_tiny, simulator, scene, episode, False)
            probes[TINY_SHADOW] = partial(_tiny, simulator, scene, episode, True)
        times_ms: dict[str, list[float]] = {name: [] for name in probes}
        for number in range(repeats + 1):
            for name, probe in probes.items():
                begin_s = time.process_time()
                _spent_s.clear()
                frames = probe()
                spent_s = sum(_spent_s) or time.process_time() - begin_s
                if number:  # the first round loads and compiles
                    times_ms[name].append(1e3 * spent_s / frames)
    return Row(scene.scenario, size_px, times_ms)


_spent_s: list[float] = []
"""What a probe spent on rendering alone, where it does other things as well."""


def _sized(scene: Scene, size_px: int) -> Scene:
    return replace(scene, camera=scene.camera.resized(size_px, size_px))


def _ours(renderer: Renderer, episode: Episode) -> int:
    assert episode.states is not None
    states = episode.states
    for position_m, orientation_xyzw in zip(
        states.position_m, states.orientation_xyzw, strict=True
    ):
        renderer.draw(position_m, orientation_xyzw)
    return len(states.position_m)


def _tiny(simulator: Simulator, scene: Scene, episode: Episode, shadow: bool) -> int:
    """The rollout again, drawn at some moments."""
    simulator.reset(scene)
    drawn = 0
    for step, action in enumerate(episode.actions):
        simulator.step(action)
        if step % (len(episode.actions) // MOMENTS) == 0:
            begin_s = time.process_time()
            simulator.render(shadow)
            _spent_s.append(time.process_time() - begin_s)
            drawn += 1
    return drawn


def _scaling(episode: Episode, cores: int) -> dict[str, float]:
    """Frames a second of wall time of one process and of one on every core."""
    rates_hz = {}
    for count in sorted({1, cores}):
        with processes.started(partial(_kept, episode), count) as pool:
            for _ in range(2):  # the first time loads and compiles
                begin_s = time.perf_counter()
                futures = [processes.submit(pool, _draw_for_a_second) for _ in range(count)]
                frames = sum(processes.result(future, "a rollout") for future in futures)
                rates_hz[str(count)] = frames / (time.perf_counter() - begin_s)
    return rates_hz


def _kept(episode: Episode, index: int) -> Episode:
    return episode


def _draw_for_a_second(make_episode: processes.Maker) -> int:
    episode = make_episode(0)
    renderer = Renderer(_sized(episode.scene, CORES_PX))
    frames, begin_s = 0, time.perf_counter()
    while time.perf_counter() - begin_s < 1.0:
        frames += _ours(renderer, episode)
    return frames


def table(rows: list[Row]) -> list[str]:
    """The result for people."""
    lines = [f"{'':12}{'px':>5}{'frames/s':>10}{'x tiny':>9}{'x tiny with shadow pass':>25}"]
    for size_px in sorted({row.size_px for row in rows}):
        chosen = [row for row in rows if row.size_px == size_px]
        for row in chosen:
            ours = row.median_ms(OURS)
            ratios = [row.median_ms(n) / ours for n in (TINY, TINY_SHADOW) if n in row.times_ms]
            lines.append(_line(row.scenario, size_px, 1e3 / ours, ratios))
        ours = statistics.mean(row.median_ms(OURS) for row in chosen)
        others = [n for n in (TINY, TINY_SHADOW) if n in chosen[0].times_ms]
        means = [statistics.mean(row.median_ms(n) for row in chosen) / ours for n in others]
        lines.append(_line("mean", size_px, 1e3 / ours, means))
        typical = [
            statistics.geometric_mean(row.median_ms(n) / row.median_ms(OURS) for row in chosen)
            for n in others
        ]
        rate = statistics.geometric_mean(1e3 / row.median_ms(OURS) for row in chosen)
        lines.append(_line("typical", size_px, rate, typical))
    return lines


def _line(name: str, size_px: int, rate_hz: float, ratios: list[float]) -> str:
    shown = "".join(f"{ratio:{width}.1f}" for ratio, width in zip(ratios, (9, 25), strict=False))
    return f"{name:12}{size_px:5}{rate_hz:10.0f}{shown}"


def _said(rates_hz: dict[str, float]) -> list[str]:
    alone = rates_hz["1"]
    return [
        f"{cores} process{'es' if cores != '1' else ''} at {CORES_PX} px: {rate:.0f} frames/s "
        f"({rate / alone:.2f}x)"
        for cores, rate in rates_hz.items()
    ]
