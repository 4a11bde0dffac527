"""explained(): a report whose clips say which physics explains them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tqdm import tqdm

from worldsim.episode import Episode
from worldsim.eval.case import Case
from worldsim.eval.reading.episodes import Reader
from worldsim.eval.score import Report
from worldsim.explain.search import explain
from worldsim.sim.simulator import Simulator


def explained(
    report: Report, generated: Sequence[Episode], references: Sequence[Episode], reader: Reader
) -> Report:
    """The report with an explanation in every clip: the search takes seconds a clip.

    `generated` and `references` are those the report was made of. Raises InputError where pybullet
    is not installed.
    """
    pairs = list(zip(report.clips, generated, references, strict=True))
    clips = []
    with Simulator(seen=False) as simulator:
        for clip, made, reference in tqdm(pairs, desc="explaining", unit="clip", disable=None):
            case = Case.of(reference, report.start_frames, None, reader)
            lead = reference.actions[: case.start]
            found = explain(case.evidence(made), simulator, lead)
            clips.append(replace(clip, explanation=found))
    return replace(report, clips=tuple(clips))


def lines(report: Report) -> Iterable[str]:
    """A line for each explained clip: `episode 3: consistent, but gravity x0.5 +- 0.02 (R 1)`."""
    clips = [clip for clip in report.clips if clip.explanation is not None]
    return [f"episode {clip.episode + 1}: {clip.explanation}" for clip in clips]
