"""What `worldsim evaluate` does beside judging a model: clips from outside, and its own floors.

What a command needs is imported when it runs, so that `worldsim --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from worldsim import arguments
from worldsim.errors import InputError, unknown

MODES = ("A", "B")
EPISODES = 4


def video(
    out: Path,
    clips: Path | None,
    against: Path | None,
    checks: Sequence[str] = (),
    scenarios: Sequence[str] = (),
    limit: int | None = None,
    start_frames: int = 1,
    rate_hz: float | None = None,
    workers: int = 2,
) -> None:
    """worldsim evaluate --video: see worldsim.videos.judge.judge_videos."""
    if clips is None or against is None:
        missing = "--video (the clip)" if clips is None else "--against (what it should show)"
        raise InputError(f"a clip is judged by an episode: {missing} is missing")
    from worldsim.eval.checks.registry import chosen
    from worldsim.videos.judge import judge_videos

    arguments.positive(start_frames=start_frames, workers=workers)
    if limit is not None:
        arguments.positive(limit=limit)
    if rate_hz is not None and not 0.0 < rate_hz <= 1000.0:
        raise InputError(f"--video-rate-hz must be above 0 and at most 1000, got {rate_hz}")
    names = chosen(checks or None)
    folder = arguments.folder(out)
    judge_videos(clips, against, folder, names, scenarios, limit, start_frames, rate_hz, workers)


def floors(
    out: Path,
    model: str | None = None,
    scenarios: Sequence[str] = (),
    sizes: Sequence[int] = (64, 128),
    modes: Sequence[str] = MODES,
    episodes: int | None = None,
    steps: int = 32,
    seed: int = 0,
    workers: int = 2,
) -> None:
    """worldsim evaluate --floors: see worldsim.floors.run.measure_floors."""
    from worldsim.floors.plan import Plan
    from worldsim.floors.run import measure_floors
    from worldsim.sim.scenarios import SCENARIOS, find_scenario

    episodes = EPISODES if episodes is None else episodes
    arguments.positive(episodes=episodes, workers=workers)
    arguments.at_least(2, steps=steps)
    arguments.not_negative(seed=seed)
    for size_px in sizes:
        arguments.size_px(size_px)
    for mode in modes:
        if mode not in MODES:
            raise unknown("mode", mode, MODES)
    names = tuple(find_scenario(name).name for name in scenarios) or tuple(SCENARIOS)
    plan = Plan(names, tuple(sizes), tuple(modes), episodes, steps, seed, model)
    measure_floors(plan, arguments.folder(out), workers)
