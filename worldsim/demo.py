"""Simulator and model side by side from the same start under the same actions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gymnasium
from tqdm import tqdm

from worldsim import ceiling, checkpoints
from worldsim.agents.policies import make_policy
from worldsim.agents.rollout import replay, rollout
from worldsim.envs.start import load_starts
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.page.report import write_report
from worldsim.eval.score import Report
from worldsim.eval.suite import evaluate
from worldsim.sim.scenarios import find_scenario
from worldsim.sim.scene import Scene

POLICY = "explore"
MOST_STEPS = 1000
HORIZONS = (1, 8, 16, 32, 64)


class Watched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment that shows each step on a progress line and times them."""

    def __init__(self, env: gymnasium.Env[Any, Any], label: str, steps: int) -> None:
        super().__init__(env)
        self.bar = tqdm(total=steps, desc=f"{label:<18}", unit="frame", disable=None)
        self.frames, self.seconds = 0, 0.0

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        begin = time.perf_counter()
        result = self.env.step(action)
        self.seconds += time.perf_counter() - begin
        self.frames += 1
        self.bar.update()
        return result

    def close(self) -> None:
        self.bar.close()
        super().close()

    @property
    def frames_per_s(self) -> float:
        return self.frames / max(self.seconds, 1e-9)


def run(
    scenario: str,
    seed: int,
    steps: int,
    out: Path,
    checkpoint: str | None,
    passes: int | None = None,
) -> Report:
    """Step both for `steps` frames, evaluate, write `out` and print the table.

    `checkpoint` is the shipped one that plays the scenario where None. Raises InputError on an
    unknown scenario or checkpoint, before anything is written.
    """
    find_scenario(scenario)
    if steps > MOST_STEPS:
        raise InputError(f"--steps must be at most {MOST_STEPS}, got {steps}")
    folder = checkpoints.find(checkpoint or checkpoints.default(scenario))
    seen = load_starts(folder, scenario).template  # what the model was trained on
    truth, simulator_rate = _simulated(scenario, seed, steps, seen)
    other, _ = _simulated(scenario, seed + 1, steps, seen, label="other actions")
    drawn, model_rate = _dreamed(truth, truth, folder, passes, "model")
    shuffled, _ = _dreamed(truth, other, folder, passes, "shuffled actions")
    horizons = tuple(step for step in HORIZONS if step <= steps)
    with ceiling.reruns() as rerun:
        report = evaluate(
            [drawn], [truth], start_frames=1, shuffled=[shuffled], horizons=horizons, rerun=rerun
        )
    files = write_report(report, out, [drawn], [truth])
    print(f"\nPosition error in metres, {scenario}, seed {seed}:\n\n{report.table()}\n")
    print(f"simulator {simulator_rate:.0f} frames/s, model and reading {model_rate:.0f} frames/s")
    print(*files, sep="\n")
    return report


def _simulated(
    scenario: str, seed: int, steps: int, seen: Scene, label: str = "simulator"
) -> tuple[Episode, float]:
    env = gymnasium.make(
        find_scenario(scenario).env_id,
        max_episode_steps=steps,
        disable_env_checker=True,
        end_on_success=False,
        look=seen.look,
        size_px=seen.camera.height_px,
    )
    watched = Watched(env, label, steps)
    try:
        return rollout(watched, make_policy(POLICY), seed), watched.frames_per_s
    finally:
        watched.close()


def _dreamed(
    truth: Episode, acted: Episode, checkpoint: Path, passes: int | None, label: str
) -> tuple[Episode, float]:
    """The truth's start as the model dreams it on, under the actions of `acted`."""
    scene = truth.scene
    env = gymnasium.make(
        find_scenario(scene.scenario).model_id,
        max_episode_steps=truth.steps,
        disable_env_checker=True,
        checkpoint=str(checkpoint),
        passes=passes,
        size_px=scene.camera.height_px,
        end_on_success=False,
    )
    watched = Watched(env, label, truth.steps)
    try:
        drawn = replay(watched, acted.actions, options={"episode": truth, "start_frames": 1})
        return drawn, watched.frames_per_s
    finally:
        watched.close()
