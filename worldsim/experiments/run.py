"""The command: every variant with every seed, and the table.

`python -m worldsim.experiments --data data/push --out runs/experiments`
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

from tqdm import tqdm

from worldsim import checkpoints, recipes
from worldsim.data import workers as processes
from worldsim.errors import unknown

from .trial import HORIZONS, PASSES, Trial
from .variants import Variant, variants


def _run(trial: Trial, variant: Variant, seed: int) -> dict[str, Any]:
    return trial(variant, seed)


def main(
    data: Path,
    out: Path = Path("runs/experiments"),
    minutes: float = 5.0,
    seeds: tuple[int, ...] = (0, 1),
    held_out: int = 40,
    workers: int = 2,
    only: tuple[str, ...] = (),
    recipe: str = "tiny",
    begin: str | None = None,
) -> None:
    """Train every variant of a recipe for so many minutes with every seed, and print a table.

    Each has one thread of one process. What is finished stays in `out`: the same line goes on.
    Those that can be loaded are checkpoints in folders beside their JSON.

    Args:
        data: a recording of one scenario, episodes of 48 steps at least.
        out: folder for a JSON a trial.
        minutes: of training, each.
        seeds: of weights, clips and noise.
        held_out: episodes at the recording's end that are not trained on, but measured.
        workers: trials at a time; no more than there are cores.
        only: variants to train, beside the reference; all when not given.
        recipe: the reference, tiny, mini, small, base or large.
        begin: name or folder of a checkpoint of that recipe, to train on from its weights.
    """
    out.mkdir(parents=True, exist_ok=True)
    first = None if begin is None else checkpoints.find(begin)
    trial = Trial(data, held_out, minutes, out, first)
    reference, *others = variants(recipes.recipe(recipe))
    names = [variant.name for variant in others]
    for name in only:
        if name not in names:
            raise unknown("variant", name, names)
    chosen = [reference, *(variant for variant in others if not only or variant.name in only)]
    wanted = [(variant, seed) for seed in seeds for variant in chosen]
    with processes.started(trial, workers) as pool:
        futures = [processes.submit(pool, _run, *each) for each in wanted]
        for _ in tqdm(as_completed(futures), "training", len(futures), unit="trial", disable=None):
            pass
        rows = [
            processes.result(future, f"{variant.name}, seed {seed}")
            for future, (variant, seed) in zip(futures, wanted, strict=True)
        ]
    print(table(rows))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Means over seeds, and how far seeds lie apart, as Markdown."""
    columns = ["steps", "one_step_ratio", "shuffle_ratio"]
    columns += [f"psnr_db_{step}_k{passes}" for passes in PASSES for step in HORIZONS]
    heads = ["steps", "one-step", "shuffle"]
    heads += [f"K={passes}, {step}" for passes in PASSES for step in HORIZONS]
    lines = [f"| | {' | '.join(heads)} |", f"|---{'|---' * len(heads)}|"]
    for name in dict.fromkeys(row["variant"] for row in rows):
        cells = []
        for column in columns:
            values = [row[column] for row in rows if row["variant"] == name]
            digits = 0 if column == "steps" else 2 if "ratio" in column else 1
            cell = f"{statistics.mean(values):.{digits}f}"
            apart = (max(values) - min(values)) / 2
            cells.append(cell if digits == 0 else f"{cell} ± {apart:.{digits}f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
