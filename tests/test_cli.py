"""The command line: bad input is answered in one line with exit code 2, nothing half-written."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worldsim import cli
from worldsim.ends import one_line
from worldsim.errors import InputError

ROOT = Path(__file__).resolve().parents[1]


def run(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.main(line.split())
    return code, capsys.readouterr().err


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORLDSIM_DEBUG", raising=False)
    return tmp_path


BAD = [
    ("demoo", "did you mean demo?"),
    ("simulat push --out x", "did you mean simulate?"),
    ("demo --sead 3", "did you mean --seed"),
    ("demo --seed three", "invalid literal"),
    ("demo --seed -1", "--seed must be 0 or more"),
    ("demo --steps 0", "--steps must be at least 1"),
    ("demo --steps 100000", "--steps must be at most"),
    ("demo --passes 0", "--passes must be at least 1"),
    ("demo --scenario psh", "did you mean push?"),
    ("demo --checkpoint nowhere", "nowhere"),
    ("simulate", "--out"),
    ("simulate posh --out x", "did you mean push?"),
    ("simulate push --out x --episodes 0", "--episodes must be at least 1"),
    ("simulate push --out x --workers 0", "--workers must be at least 1"),
    ("simulate push --out x --episodes 1000000000", "--episodes must be at most"),
    ("simulate push --out x --workers 1000000", "--workers must be at most"),
    ("simulate push --out x --steps 0", "--steps must be at least 1"),
    ("simulate push --out x --seed -3", "--seed must be 0 or more"),
    ("simulate push --out x --split odd", "did you mean ood?"),
    ("simulate nowhere:bowl --out x", "cannot import 'nowhere'"),
    ("simulate push --out x --size-px 8", "--size-px must be at least 16"),
    ("simulate push --out x --vide", "did you mean --video"),
    ("gallery --out x.jpg", "PNG"),
    ("gallery --out x.png --scenarios push posh", "did you mean push?"),
    ("gallery --out x.png --size-px 0", "--size-px must be at least 16"),
    ("gallery --out x.png --size-px 8", "--size-px must be at least 16"),
    ("gallery --out x.png --size-px 5000", "--size-px must be at most 1024"),
    ("gallery --out x.png --seed -1", "--seed must be 0 or more"),
    ("gallery --out x.png --scenario push", "did you mean --scenarios"),
    ("scenarios posh", "did you mean push?"),
    ("scenarios nowhere:push", "cannot import 'nowhere'"),
    ("scenarios push --solve 0", "--solve must be at least 1"),
    ("scenarios push --solve some", "invalid literal"),
    ("scenarios push --solve 3 --workers 0", "--workers must be at least 1"),
    ("scenarios push --solve 3 --workers 1000000", "--workers must be at most"),
    ("rollout --env nowhere:worldsim/Bowl-v0 --out x", "cannot import 'nowhere'"),
    ("simulate push --out x --mesh nowhere.obj", "nowhere.obj: no such file"),
    (f"simulate push --out x --mesh {ROOT}/README.md", "ends in .glb, .obj, .off, .ply, .stl"),
    (f"simulate push --out x --mesh {ROOT}", "ends in .glb"),
    ("simulate push --out x --mesh x.obj --mesh-scale 0", "--mesh-scale must be above 0"),
    ("simulate push --out x --mesh x.obj --mesh-scale nan", "--mesh-scale must be above 0"),
    ("simulate push --out x --mesh x.obj --mesh-scale 11", "at most 10, got 11"),
    ("simulate push --out x --mesh-scale 2", "--mesh-scale needs --mesh"),
    ("simulate push --out x --renderer tinny", "did you mean tiny?"),
    ("simulate push --out x --look nigt", "did you mean night"),
    ("simulate push --out x --renderer tiny --look night", "--look is for the renderer worldsim"),
    ("simulate push --out x --renderer tiny --no-frames", "cannot be drawn from states"),
    ("simulate push --out x --no-frame", "did you mean"),
    ("simulate push --out x --steps 100000 --size-px 1024", "GiB"),
    ("verify nowhere", "nowhere"),
    ("verify nowhere --repair", "nowhere"),
    ("verify . --repair", "dataset.json"),
    ("verify . --repare", "did you mean --repair"),
    ("verify .", "dataset.json"),
    ("train tinny --data x --out y", "did you mean tiny?"),
    ("train tiny --data nowhere --out y", "nowhere"),
    ("train tiny --data . --out y", "dataset.json"),
    ("train tiny --data x --out y --minutes nan", "positive number of --minutes"),
    ("train tiny --data x --out y --minutes -1", "positive number of --minutes"),
    ("train tiny --data x --out y --minutes inf", "positive number of --minutes"),
    ("train tiny --data x --out y --steps 0", "positive number of --minutes"),
    ("train tiny --data x --out y --workers 0", "--workers must be at least 1"),
    ("train tiny --data x --out y --workers 1000000", "--workers must be at most"),
    ("train tiny --data x --out y --pause-after 0", "--pause-after must be at least 1"),
    ("train tiny --data x --out y --seed -1", "--seed must be 0 or more"),
    ("train tiny --data x --out y --precision half", "invalid choice 'half'"),
    ("train tiny --data x --out y --resume --steps 9 --minutes 2", "not both"),
    ("train tiny --data x --data y --out z", "put all its values after one --data"),
    ("train tiny --data x --out y --loaders -1", "--loaders must be 0 or more"),
    ("train tiny --data x --out y --loaders 1000000", "--loaders must be at most"),
    ("train tiny --data x --out y --weights one", "--weights"),
    ("train tiny --data --out y", "--data needs a folder"),
    ("train tiny --out y", "--data needs a folder"),
    ("train --data x --out y", "name a recipe (tiny, mini, small, base, large), or a run"),
    ("train --from nowhere --out y", "nowhere is no training run: run.json is missing"),
    ("train --form nowhere --out y", "did you mean --from"),
    (f"train --from {ROOT}/worldsim/checkpoints/push-64 --out y", "an older version's"),
    ("train tiny --data nowhere . --out y --steps 3", "nowhere"),
    ("info", "Missing from worldsim info"),
    ("info psh-64", "did you mean push-64?"),
    ("info nowhere", "there is no nowhere"),
    ("info .", "dataset.json of a dataset"),
    (f"info {ROOT}/README.md", "README.md is truncated, damaged or no episode"),
    ("info push-64 --jason", "did you mean --json"),
    ("rollout --env worldsim/Posh-v0 --out x", "did you mean worldsim/Push-v0"),
    ("rollout --policy scriptd --out x", "did you mean scripted?"),
    ("rollout --episodes 0 --out x", "--episodes must be at least 1"),
    ("rollout --checkpoint push-64 --out x", "takes no --checkpoint"),
    ("rollout --env worldsim/Push-WM-v0 --checkpoint nowhere --out x", "nowhere"),
    ("evaluate --model nowhere --data .", "dataset.json"),
    ("evaluate --model x --data nowhere", "nowhere"),
    ("evaluate --model x --data . --horizon 0", "--horizon must be at least 1"),
    ("evaluate --model x --data . --checks motoin", "did you mean motion"),
    ("evaluate --model x --data . --start-frames 9", "--start-frames must be at most 8"),
    ("bench simulat", "did you mean simulate?"),
    ("bench simulate --scenario posh", "did you mean push?"),
    ("bench simulate --size-px 8", "--size-px must be at least 16"),
    ("bench --repeats 0", "--repeats must be at least 1"),
    ("bench --checkpoint nowhere", "nowhere"),
    ("", "Expected one of"),
]


@pytest.mark.parametrize(("line", "said"), BAD, ids=[line or "nothing" for line, _ in BAD])
def test_bad_input_is_one_clear_line(
    line: str, said: str, capsys: pytest.CaptureFixture[str], empty_folder: Path
) -> None:
    code, err = run(line, capsys)
    assert code == 2, err
    assert err.startswith("worldsim: ") and err.count("\n") == 1 and err.endswith("\n")
    assert said in err
    assert not list(empty_folder.iterdir()), "nothing is written"


@pytest.mark.parametrize(
    "line",
    [
        "demo --out file",
        "simulate push --out file",
        "rollout --out file",
        "bench --out file",
    ],
)
def test_out_must_not_be_a_file(
    line: str, capsys: pytest.CaptureFixture[str], empty_folder: Path
) -> None:
    (empty_folder / "file").write_text("mine")
    code, err = run(line, capsys)
    assert code == 2 and "--out file is a file" in err
    assert (empty_folder / "file").read_text() == "mine"
    code, err = run(f"{line}/below", capsys)
    assert code == 2 and "cannot write in" in err


def test_a_picture_must_not_be_a_folder(
    capsys: pytest.CaptureFixture[str], empty_folder: Path
) -> None:
    (empty_folder / "mine.png").mkdir()
    code, err = run("gallery --out mine.png", capsys)
    assert code == 2 and "--out mine.png is a folder" in err
    (empty_folder / "file").write_text("mine")
    code, err = run("gallery --out file/below.png", capsys)
    assert code == 2 and "cannot write in" in err


def test_a_mesh_with_a_hole_is_refused_before_a_folder_is_made(
    capsys: pytest.CaptureFixture[str], empty_folder: Path
) -> None:
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
    (empty_folder / "tent.obj").write_text(f"{corners}f 1 2 4\nf 2 3 4\nf 3 1 4\n")
    code, err = run("simulate push --out x --mesh tent.obj", capsys)
    assert code == 2 and err.count("\n") == 1
    assert err.startswith("worldsim: tent.obj: it is not closed: 3 edges")
    assert [path.name for path in empty_folder.iterdir()] == ["tent.obj"]


def test_recordings_are_not_mixed_with_other_files(
    capsys: pytest.CaptureFixture[str], empty_folder: Path
) -> None:
    (empty_folder / "mine").mkdir()
    (empty_folder / "mine" / "letter.txt").write_text("dear")
    code, err = run("simulate push --out mine --episodes 1", capsys)
    assert code == 2 and "letter.txt" in err
    assert [path.name for path in (empty_folder / "mine").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_help_of_every_command_teaches_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--help"]) == 0
    assert f"worldsim {command}" in capsys.readouterr().out
    assert f"Example: worldsim {command}" in (cli.COMMANDS[command].__doc__ or "")


def examples() -> list[str]:
    """Command lines in README.md, in the help and in the docstrings."""
    texts = [(ROOT / "README.md").read_text(), cli.__doc__ or ""]
    texts += [command.__doc__ or "" for command in cli.COMMANDS.values()]
    names = "|".join(cli.COMMANDS)
    pattern = rf"^ *(?:Example: )?(?:\.venv/bin/)?worldsim ((?:{names})\b.*)$"
    found = re.findall(pattern, "\n".join(texts), re.MULTILINE)
    return [line.split("  #")[0].strip() for line in found]


@pytest.mark.parametrize("line", sorted(set(examples())))
def test_commands_shown_to_people_are_commands(line: str) -> None:
    assert cli._parse(line.split()) is not None


def test_examples_were_found() -> None:
    shown = {line.split()[0] for line in examples()}
    assert shown == set(cli.COMMANDS)


@pytest.mark.parametrize(
    ("command", "hint"), [("train", "--resume"), ("simulate", "same command"), ("bench", "again")]
)
def test_ctrl_c_says_how_to_go_on(
    command: str, hint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(arguments: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_parse", stopped)
    code, err = run(command, capsys)
    assert code == 130 and hint in err and "Traceback" not in err


@pytest.mark.parametrize("way", ["--debug", "environment"])
def test_debug_shows_the_traceback(
    way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "verify nowhere"
    if way == "environment":
        monkeypatch.setenv("WORLDSIM_DEBUG", "1")
    else:
        line += " --debug"
    code, err = run(line, capsys)
    assert code == 2 and "Traceback" in err and "worldsim: " in err


def test_a_missing_pybullet_is_said_and_another_missing_module_is_a_bug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(cli, "_parse", lambda arguments: lambda: lacking("pybullet"))
    code, err = run("demo", capsys)
    assert code == 2 and "Python 3.11" in err
    monkeypatch.setattr(cli, "_parse", lambda arguments: lambda: lacking("numpy"))
    with pytest.raises(ModuleNotFoundError):
        cli.main(["demo"])


def test_a_bug_is_not_dressed_as_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(arguments: list[str]) -> None:
        raise ValueError("shapes do not fit")

    monkeypatch.setattr(cli, "_parse", broken)
    with pytest.raises(ValueError, match="shapes"):
        cli.main(["demo"])


def test_what_goes_wrong_in_a_training_process_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(arguments: list[str]) -> None:
        raise RuntimeError("\n-- Process 1 --\nTraceback\nDiverged: the loss is nan at step 3\n")

    monkeypatch.setattr(cli, "_parse", diverged)
    code, err = run("train", capsys)
    assert code == 1 and err.startswith("worldsim: Diverged: the loss is nan at step 3")


def test_several_lines_become_one() -> None:
    assert one_line(InputError("one\n  two")) == "one two"


def test_the_installed_command_answers_quickly() -> None:
    started_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "worldsim.cli", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and all(name in done.stdout for name in cli.COMMANDS)
    assert time.perf_counter() - started_s < 5.0  # a second on a machine with nothing else to do


def test_the_installed_command_fails_with_exit_code_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worldsim.cli", "verify", "nowhere"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("worldsim: ") and done.stderr.count("\n") == 1
