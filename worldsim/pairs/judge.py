"""judge_actions(): a model's answers to actions, beside the simulator's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from worldsim.data import workers as processes
from worldsim.data.atomic import write_whole
from worldsim.data.dataset import Dataset
from worldsim.dreams import Dreamer
from worldsim.envs.start import MOST_FRAMES
from worldsim.errors import InputError
from worldsim.eval.actions.spread import LEAST_DRAWS
from worldsim.eval.page.values import plain
from worldsim.judge import refuse_training_data
from worldsim.models.load import load
from worldsim.pairs.examine import Found, examine
from worldsim.pairs.plan import ONSET, Plan
from worldsim.pairs.table import markdown, notes, scores
from worldsim.sim.bullet import load_bullet
from worldsim.sim.scenarios import find_scenario

SCHEMA = 1
FILE, TABLE = "actions.json", "actions.md"


def judge_actions(plan: Plan, out: Path, workers: int = 2) -> list[Found]:
    """Examine every start of a plan; prints the tables.

    Writes `out`/actions.json, the same bytes for the same plan and machine with any number of
    workers, and `out`/actions.md. Raises InputError where model and recording do not fit, or
    pybullet is not installed.
    """
    if plan.start_frames > MOST_FRAMES:
        raise InputError(f"--start-frames must be at most {MOST_FRAMES}")
    if plan.horizon <= ONSET + 1:
        raise InputError(f"--horizon must be above {ONSET + 1}: actions part after {ONSET} steps")
    if plan.draws < LEAST_DRAWS:
        raise InputError(f"--draws must be at least {LEAST_DRAWS}, got {plan.draws}")
    load_bullet()
    scenario = _check_fit(plan)
    plan = replace(plan, passes=plan.passes or load(plan.model).domain(scenario).passes)
    out.mkdir(parents=True, exist_ok=True)
    bar = tqdm(_found(plan, workers), total=plan.starts, desc="actions", unit="start", disable=None)
    found = list(bar)
    scored, said = scores(found), notes(found)
    values = {
        "schema": SCHEMA,
        "kind": "worldsim actions",
        "plan": plan.settings(),
        "notes": said,
        "scores": plain(scored),
        "starts": plain(found),
    }
    table = "\n".join([markdown(scored), "", *said])
    write_whole(out / FILE, f"{json.dumps(values, indent=1, allow_nan=False)}\n".encode())
    write_whole(out / TABLE, f"{table}\n".encode())
    print(table)
    print(f"{out / FILE}, {out / TABLE}")
    return found


def _check_fit(plan: Plan) -> str:
    """The scenario. Raises InputError where the model cannot begin with the recording's frames."""
    dataset = Dataset(plan.data)
    refuse_training_data(plan.model, dataset)
    find_scenario(str(dataset.meta["scenario"]))  # "module:name" registers it
    first = dataset[plan.episodes()[0]].part(0, plan.steps)
    Dreamer(plan.model, plan.start_frames, plan.passes).start(first)
    return first.scene.scenario


def _found(plan: Plan, workers: int) -> Iterator[Found]:
    # In a process even where there is one only: a network's last bits hang on its threads.
    with processes.started(plan, min(workers, plan.starts)) as pool:
        running = [processes.submit(pool, examine, number) for number in range(plan.starts)]
        for number, future in enumerate(running):
            yield processes.result(future, f"start {number + 1}")
