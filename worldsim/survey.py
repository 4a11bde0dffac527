"""survey(): a model judged on many recordings, each with its report, and one table of them all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from worldsim import checkpoints
from worldsim.data.atomic import write_whole
from worldsim.data.dataset import Dataset
from worldsim.errors import InputError
from worldsim.eval.page.table import horizon_text, percent
from worldsim.eval.score import Report, Row, Score
from worldsim.judge import Plan, judge
from worldsim.proof.ledger import fingerprint

TABLE, SETTINGS = "survey.md", "settings.json"
HORIZONS = (1, 8, 16, 32, 64)
TRIVIAL = ("frozen frame", "constant velocity", "nearest training clip", "shuffled actions")
SPLITS = ("id", "combo", "ood")
SIGNS = {"held": "+", "broken": "x", "undecided": "?", "not measured": "."}
BY = 16
"""The model has to be ahead of every trivial row after so many steps."""
SHUFFLED_AT = 8


def survey(
    plan: Plan,
    recordings: Sequence[Path],
    out: Path,
    train_data: Sequence[Path] = (),
    workers: int = 2,
    explain: bool = False,
) -> list[Report]:
    """Judge on every recording; writes `out`/SCENARIO-SPLIT/report.html and `out`/survey.md.

    What `out` holds of the same model, recording, settings and code is not judged again. Of
    `train_data` each recording takes that of its scenario. Prints the table. Raises InputError
    where two recordings are of one scenario and split.
    """
    names = [_name(path) for path in recordings]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two recordings are {twice[0]}; give one of each scenario and split")
    training = {str(Dataset(path).meta["scenario"]): path for path in train_data}
    reports = {}
    for name, path in zip(names, recordings, strict=True):
        seen = training.get(name.rpartition("-")[0])
        stamp = _stamp(plan, path, seen, explain)
        folder = out / name
        found = _kept(folder, stamp)
        if found is None:
            print(f"\n{name}: {path}")
            found = judge(plan, path, folder, seen, workers, explain)
            write_whole(folder / SETTINGS, f"{json.dumps(stamp, indent=1)}\n".encode())
        reports[name] = found
        write_whole(out / TABLE, f"{table(reports)}\n".encode())
    print(table(reports))
    print(f"{out / TABLE}, and of each a report.html beside it")
    return list(reports.values())


def _name(path: Path) -> str:
    meta = Dataset(path).meta
    return f"{str(meta['scenario']).replace(':', '_')}-{meta['split']}"


def _stamp(plan: Plan, path: Path, seen: Path | None, explain: bool) -> dict[str, Any]:
    """All that a report hangs on."""
    return {
        **asdict(plan),
        "checks": None if plan.checks is None else list(plan.checks),
        "checkpoint": checkpoints.digest(checkpoints.find(plan.model)),
        "recording": Dataset(path).digest,
        "training": None if seen is None else Dataset(seen).digest,
        "explain": explain,
        "code": fingerprint("models", "dreams.py", "judge.py"),
    }


def _kept(folder: Path, stamp: dict[str, Any]) -> Report | None:
    """The report that a folder holds of the same, None where it holds none."""
    settings = folder / SETTINGS
    if not settings.is_file() or json.loads(settings.read_text()) != stamp:
        return None
    return Report.load(folder / "report.json")


def table(reports: dict[str, Report]) -> str:
    """The reports in markdown, a line each; bold: the model leads, clear of zero."""
    last = max(report.steps for report in reports.values())
    steps = [step for step in HORIZONS if step <= last]
    heads = ["scenario", "split", *(f"{step}" for step in steps), "valid", "of ceiling", "found"]
    heads += [
        "shuffle",
        f"lead at {BY}",
        "least over",
        f"lead of moved at {BY}",
        "moved: least over",
    ]
    heads += ["held", "broken", "undecided"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for name, report in reports.items():
        scenario, _, split = name.rpartition("-")
        lines.append(f"| {' | '.join([scenario, split, *_cells(report, steps)])} |")
    return "\n".join(
        [
            *lines,
            "",
            "Position error in mm, mean of a clip's bodies, median over clips, at these steps; "
            "valid: median steps until any body is off by half its diameter; found: frames with "
            f"every body; shuffle: error at {SHUFFLED_AT} steps under other actions over that "
            f"under the true ones; lead at {BY} steps over the trivial row that comes nearest, in "
            "mm, with its 95 % interval, and that of the bodies that are then more than a "
            "centimetre from where they started; laws and checks by verdict.",
            "",
            views(reports, [step for step in steps if step in (1, 8, BY)]),
            "",
            laws(reports),
        ]
    )


def views(reports: Mapping[str, Report], steps: Sequence[int]) -> str:
    """Position errors across the view and along it in markdown, a line a report."""
    heads = [f"{way}, {step}" for way in ("across", "along") for step in steps]
    lines = [f"| scenario | split | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
    for name, report in reports.items():
        bodies = report.rows["model"].bodies.values()
        ways = ([body.lateral for body in bodies], [body.along_view for body in bodies])
        found = [[by_step[step].value for by_step in way] for way in ways for step in steps]
        medians = [float(np.median([v for v in values if v == v] or [np.nan])) for values in found]
        cells = ["-" if median != median else f"{1e3 * median:.1f}" for median in medians]
        scenario, _, split = name.rpartition("-")
        lines.append(f"| {scenario} | {split} | {' | '.join(cells)} |")
    told = (
        "Errors across the view and along it in mm, median over bodies of that over clips; a lost "
        "body counts with the scene's diagonal in both."
    )
    return "\n".join([*lines, "", told])


def laws(reports: Mapping[str, Report]) -> str:
    """Verdicts in markdown, a line a law and check, a column a scenario, by split."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name, report in reports.items():
        scenario, _, split = name.rpartition("-")
        for ruling in report.rulings["model"]:
            by_scenario = found.setdefault(ruling.law, {})
            by_scenario.setdefault(scenario, {})[split] = SIGNS[ruling.verdict]
    scenarios = list(dict.fromkeys(name.rpartition("-")[0] for name in reports))
    splits = [split for split in SPLITS if any(name.endswith(f"-{split}") for name in reports)]
    lines = [f"| law | {' | '.join(scenarios)} |", f"|---{'|---' * len(scenarios)}|"]
    for law, by_scenario in found.items():
        cells = [
            " ".join(by_scenario.get(scenario, {}).get(split, "-") for split in splits)
            for scenario in scenarios
        ]
        lines.append(f"| {law} | {' | '.join(cells)} |")
    signs = ", ".join(f"{sign} {verdict}" for verdict, sign in SIGNS.items())
    return "\n".join(
        [*lines, "", f"In the splits {', '.join(splits)}: {signs}; - no such recording."]
    )


def _cells(report: Report, steps: Sequence[int]) -> list[str]:
    model = report.rows["model"]
    errors = [_mm(model.overall.get(step)) for step in steps]
    valid = "-" if model.valid_horizon is None else horizon_text(model.valid_horizon)
    share = model.checks.get("horizon", {}).get("share of the ceiling")
    ceiling = "-" if share is None else percent(share)
    found = "-" if model.all_found is None else percent(model.all_found)
    lead = _least({name: row.lead for name, row in report.rows.items()})
    moved = _least({name: row.moved_lead for name, row in report.rows.items()})
    verdicts = [ruling.verdict for ruling in report.rulings["model"]]
    counts = [str(verdicts.count(v)) for v in ("held", "broken", "undecided")]
    return [*errors, valid, ceiling, found, _shuffle(report), *lead, *moved, *counts]


def _least(leads: Mapping[str, Mapping[int, Score]]) -> tuple[str, str]:
    name, lead = least_lead(leads)
    text = _clear(lead)
    return text, name if text != "-" else "-"


def least_lead(leads: Mapping[str, Mapping[int, Score]]) -> tuple[str, Score | None]:
    """The trivial row that comes nearest to the model after `BY` steps, and the model's lead.

    Of leads by row and steps, those that were measured.
    """
    found = {name: leads[name][BY] for name in TRIVIAL if BY in leads.get(name, {})}
    found = {name: lead for name, lead in found.items() if lead.n}
    if not found:
        return "-", None
    name = min(found, key=lambda name: _low(found[name]))
    return name, found[name]


def _low(score: Score) -> float:
    return score.value if score.interval is None else score.interval[0]


def _clear(score: Score | None) -> str:
    if score is None or score.interval is None:
        return "-"
    low, high = score.interval
    text = f"{1e3 * score.value:.0f} [{1e3 * low:.0f}, {1e3 * high:.0f}]"
    return f"**{text}**" if low > 0.0 else text


def _shuffle(report: Report) -> str:
    def error_m(row: Row | None) -> float:
        score = None if row is None else row.overall.get(SHUFFLED_AT)
        return float("nan") if score is None or score.mean is None else score.mean

    ratio = error_m(report.rows.get("shuffled actions")) / max(error_m(report.rows["model"]), 1e-9)
    return f"{ratio:.1f}" if ratio == ratio else "-"


def _mm(score: Score | None) -> str:
    return "-" if score is None or score.value != score.value else f"{1e3 * score.value:.1f}"
