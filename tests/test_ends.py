"""A program ends with a code and one line, never with a traceback, unless that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import worldsim
from worldsim.ends import BAD_INPUT, FAILED, STOPPED, tool
from worldsim.errors import InputError


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLDSIM_DEBUG", raising=False)
    monkeypatch.setattr(sys, "argv", ["tool", "--count", "3"])


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (InputError("no such\n  thing"), BAD_INPUT, "worldsim: no such thing\n"),
        (FileNotFoundError(2, "No such file", "a.json"), BAD_INPUT, "a.json: No such file\n"),
        (RuntimeError("Traceback\nlost"), FAILED, "lost (WORLDSIM_DEBUG=1 shows where)\n"),
        (KeyboardInterrupt(), STOPPED, "worldsim: stopped; do go on\n"),
    ],
)
def test_what_ends_it_is_one_line(
    raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(count: int) -> None:
        assert count == 3
        raise raised

    assert tool(main, "do go on") == code
    err = capsys.readouterr().err
    assert err.endswith(said) and "Traceback" not in err and err.strip().count("\n") == 0


def test_a_mistyped_option_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tool", "--cuont", "3"])

    def main(count: int = 1) -> None:
        raise AssertionError(count)

    assert tool(main) == BAD_INPUT
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "--cuont" in err and err.endswith("(--help tells more)\n")


def test_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(count: int) -> None:
        raise InputError(f"not {count}")

    monkeypatch.setenv("WORLDSIM_DEBUG", "1")
    assert tool(main) == BAD_INPUT
    assert "Traceback" in capsys.readouterr().err


def test_done_is_nought(capsys: pytest.CaptureFixture[str]) -> None:
    def main(count: int) -> None:
        print(count)

    assert tool(main) == 0
    assert capsys.readouterr().out == "3\n"


def test_an_error_of_the_code_is_not_hidden() -> None:
    def main(count: int) -> None:
        raise KeyError(count)

    with pytest.raises(KeyError):
        tool(main)


def test_every_program_ends_so() -> None:
    package = Path(worldsim.__file__).parent
    folders = [package, package / "eval", package / "envs"]  # the last two are links
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(paths) > 200
    assert [path for path in paths if "tyro.cli(" in path.read_text()] == [package / "ends.py"]
