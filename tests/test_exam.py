"""The exam of the scenarios: rates that are counted, and an exit code that tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from worldsim import cli, exam
from worldsim.agents.policies import make_policy
from worldsim.agents.scripted import SCRIPTED
from worldsim.exam import Grade, Papers


def test_papers_hold_every_episode_once() -> None:
    papers = Papers((("push", "scripted"), ("push", "random")), 3)
    assert len(papers) == 6
    assert [papers.task(i)[1] for i in range(6)] == ["scripted"] * 3 + ["random"] * 3
    assert papers(1).scene == papers(4).scene != papers(0).scene
    assert len(papers(4).actions) > 0 and papers(4).steps <= 100


def test_any_number_of_processes_counts_the_same() -> None:
    assert exam.exam(["push"], 3, 1) == exam.exam(["push"], 3, 2) == [Grade("push", 1.0, 0.0)]


@pytest.mark.parametrize(
    ("scripted", "random", "passed"),
    [(0.8, 0.19, True), (0.79, 0.0, False), (1.0, 0.2, False), (None, 0.0, False)],
)
def test_what_passes(scripted: float | None, random: float, passed: bool) -> None:
    grade = Grade("x", scripted, random)
    assert grade.passed == passed
    said = exam.table([grade], 10)
    assert ("**not passed**" in said) == (not passed) and f"| {random:.0%} |" in said


def test_the_command_prints_a_table_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main("scenarios push --solve 2 --workers 1".split()) == 0
    assert "| push | 100% | 0% | passed |" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_scenario_without_a_policy_does_not_pass(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(SCRIPTED, "push")
    assert cli.main("scenarios push --solve 1 --workers 1".split()) == 1
    said = capsys.readouterr()
    assert "| push | none | 0% | **not passed** |" in said.out
    assert said.err.splitlines()[-1].startswith("worldsim: push: scripted below 80%")


def test_policies_of_the_exam_are_policies() -> None:
    for policy in exam.POLICIES:
        make_policy(policy)


def test_a_name_given_twice_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main("scenarios push push --solve 1 --workers 1".split()) == 0
    assert capsys.readouterr().out.count("| push | 100% | 0% | passed |") == 1
