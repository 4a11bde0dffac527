"""judge_videos(): anybody's clips of our scenes, judged by the episodes that they are to show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from worldsim.data.atomic import write_whole
from worldsim.data.workers import Each, each
from worldsim.errors import InputError
from worldsim.eval.page.report import write_report
from worldsim.eval.reading.episodes import Remembered
from worldsim.eval.score import Report
from worldsim.eval.suite import evaluate
from worldsim.explain.clips import explained, lines
from worldsim.readings import Kept
from worldsim.videos.pairs import Pair, pairs_of
from worldsim.videos.prepare import Bad, Prepared, Preparer

SCHEMA = 1
CLIPS_FILE = "clips.json"
SHOWN_NAMES = 3


def judge_videos(
    video: Path,
    against: Path,
    out: Path,
    checks: Sequence[str] | None = None,
    scenarios: Sequence[str] = (),
    limit: int | None = None,
    start_frames: int = 1,
    rate_hz: float | None = None,
    ceiling: bool = True,
    workers: int = 2,
    explain: bool = False,
) -> dict[str, Report]:
    """Judge a clip or a folder of clips by recorded episodes (see `pairs_of`); prints what it did.

    Writes `out`/clips.json (what was done to every clip, and why some could not be judged) and
    report.json and report.html, in a folder for each recording where there are several. The first
    `start_frames` frames are not scored. `rate_hz` is the clips' frame rate where their files tell
    another or none; `ceiling` runs the simulator again where it can, `explain` searches the physics
    closest to every clip. The same clips give the same bytes.

    Returns the reports by recording. Raises InputError where no clip can be judged.
    """
    pairs = pairs_of(video, against, scenarios, limit)
    preparer = Preparer(start_frames, rate_hz, ceiling)
    with each(min(workers, len(pairs))) as spread:
        bar = tqdm(spread(preparer, pairs), total=len(pairs), unit="clip", disable=None)
        made = list(bar)
        good = [one for one in made if isinstance(one, Prepared)]
        bad = [one for one in made if isinstance(one, Bad)]
        if not good:
            raise InputError(bad[0].reason)
        _say(good, bad)
        groups: dict[str, list[Prepared]] = {}
        for one in good:
            groups.setdefault(_group(one), []).append(one)
        reports = {}
        for name, clips in groups.items():
            folder = out if len(groups) == 1 else out / name
            reports[name] = _reported(clips, folder, checks, start_frames, explain, spread)
    write_whole(out / CLIPS_FILE, _json(good, bad).encode())
    print(f"{out}/{CLIPS_FILE}: what was done to every clip")
    return reports


def _reported(
    clips: Sequence[Prepared],
    out: Path,
    checks: Sequence[str] | None,
    start_frames: int,
    explain: bool,
    spread: Each,
) -> Report:
    """The seam to `evaluate`: clips that were made ready become a report and its files."""
    generated, references = [one.clip for one in clips], [one.reference for one in clips]
    reader = Remembered({key: read for one in clips for key, read in one.readings.items()})
    report = evaluate(
        generated,
        references,
        start_frames=start_frames,
        checks=checks,
        rerun=Kept(runs={key: runs for one in clips for key, runs in one.runs.items()}),
        reader=reader,
        each=spread,
    )
    if explain:
        report = explained(report, generated, references, reader)
    write_report(report, out, generated, references, spread)
    print(report.table())
    for line in lines(report):
        print(line)
    print(f"{out}/report.json, {out}/report.html")
    return report


def _group(one: Prepared) -> str:
    """Clips of one recording and rate make one report."""
    return f"{one.pair.data.name}-{one.reference.scene.frame_rate_hz}hz"


def _say(good: Sequence[Prepared], bad: Sequence[Bad]) -> None:
    """What was done to the clips, said once where it is the same."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for one in good:
        alike.setdefault(one.notes, []).append(one.pair.clip.name)
    for notes, names in alike.items():
        more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
        print(f"{', '.join(names[:SHOWN_NAMES])}{more}:", *notes, sep="\n  ")
    for other in bad:
        print(f"not judged: {other.reason}")
    if bad:
        print(f"{len(good)} of {len(good) + len(bad)} clips are judged")


def _json(good: Sequence[Prepared], bad: Sequence[Bad]) -> str:
    clips = [_entry(one.pair, one.notes, "") for one in good]
    clips += [_entry(one.pair, (), one.reason) for one in bad]
    clips.sort(key=lambda clip: str(clip["clip"]))
    values = {"schema": SCHEMA, "kind": "worldsim clips", "clips": clips}
    return json.dumps(values, indent=1) + "\n"


def _entry(pair: Pair, notes: tuple[str, ...], reason: str) -> dict[str, Any]:
    return {
        "clip": str(pair.clip),
        "reference": pair.reference,
        "judged": not reason,
        "notes": list(notes),
        "reason": reason,
    }
