"""How often policies solve the scenarios: in every one the scripted policy and a random one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass

import gymnasium
from tqdm import tqdm

from worldsim.agents.policies import make_policy
from worldsim.agents.rollout import rollout, solved
from worldsim.agents.scripted import SCRIPTED
from worldsim.data import workers as processes
from worldsim.data.workers import Maker
from worldsim.episode import Episode
from worldsim.sim.scenarios import find_scenario

POLICIES = ("scripted", "random")
LEAST_SCRIPTED = 0.8
LEAST_TOO_OFTEN = 0.2
"""A scenario is worth having where the scripted policy reaches the first and random stays below
the second."""
SIZE_PX = 64  # the policies look at positions, not at frames


@dataclass(frozen=True)
class Grade:
    """Shares of a scenario's episodes that ended in success; None where there is no such policy."""

    name: str
    scripted: float | None
    random: float

    @property
    def passed(self) -> bool:
        return (self.scripted or 0.0) >= LEAST_SCRIPTED and self.random < LEAST_TOO_OFTEN


@dataclass(frozen=True)
class Papers:
    """All episodes of an exam, by number: seeds 0 .. `episodes` - 1 of each policy and scenario."""

    tasks: tuple[tuple[str, str], ...]  # scenario, policy
    episodes: int

    def __len__(self) -> int:
        return len(self.tasks) * self.episodes

    def task(self, index: int) -> tuple[str, str]:
        return self.tasks[index // self.episodes]

    def __call__(self, index: int) -> Episode:
        name, policy = self.task(index)
        env = gymnasium.make(find_scenario(name).env_id, disable_env_checker=True, size_px=SIZE_PX)
        try:
            return rollout(env, make_policy(policy), index % self.episodes)
        finally:
            env.close()


def exam(names: Sequence[str], episodes: int, workers: int = 1) -> list[Grade]:
    """The grade of every named scenario, from `episodes` id episodes of at most 100 steps each.

    Raises InputError on an unknown scenario.
    """
    short = {name: find_scenario(name).name for name in names}
    tasks = [
        (name, policy)
        for name in names
        for policy in POLICIES
        if policy != "scripted" or short[name] in SCRIPTED
    ]
    papers = Papers(tuple(tasks), episodes)
    wins = dict.fromkeys(tasks, 0)
    with processes.started(papers, min(workers, len(papers))) as pool:
        futures = {processes.submit(pool, _solved, i): i for i in range(len(papers))}
        done = as_completed(futures)
        for future in tqdm(done, total=len(papers), unit="episode", desc="solve", disable=None):
            task = papers.task(futures[future])
            where = f"{task[0]}, policy {task[1]}, seed {futures[future] % episodes}"
            wins[task] += processes.result(future, where)
    rates = {task: count / episodes for task, count in wins.items()}
    return [
        Grade(short[name], rates.get((name, "scripted")), rates[name, "random"]) for name in names
    ]


def table(grades: Sequence[Grade], episodes: int) -> str:
    """The grades in markdown."""
    lines = [f"| scenario | scripted | random | {episodes} episodes each |", "|---|---|---|---|"]
    for grade in grades:
        scripted = "none" if grade.scripted is None else f"{grade.scripted:.0%}"
        said = "passed" if grade.passed else "**not passed**"
        lines.append(f"| {grade.name} | {scripted} | {grade.random:.0%} | {said} |")
    return "\n".join(lines)


def _solved(make_episode: Maker, index: int) -> bool:
    return solved(make_episode(index))
