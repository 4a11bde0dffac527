"""The rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path
    for folder in ("worldsim", "envs", "eval")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
LINES_A_FILE = 300
LINES_A_FUNCTION = 50
VAGUE = {"utils", "util", "common", "helpers", "helper", "misc"}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the end."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert not {name: lines for name, lines in lengths.items() if lines > LINES_A_FILE}


def test_no_function_is_too_long() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{function.name}": code_lines(function)
        for path in SOURCES
        for function in functions(path)
        if code_lines(function) > LINES_A_FUNCTION
    }
    assert not long


def test_names_say_what_is_inside() -> None:
    vague = [path for path in SOURCES if VAGUE & {path.stem, *path.relative_to(ROOT).parts}]
    assert not vague


def test_nothing_is_left_to_do() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "X" * 3)
    left = [path for path in SOURCES if any(mark in path.read_text() for mark in marks)]
    assert not left


def test_public_modules_functions_and_classes_are_documented() -> None:
    bare = [str(p.relative_to(ROOT)) for p in SOURCES if p.stat().st_size and not doc(p)]
    assert not bare


def doc(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text()))


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    return subprocess.run([*command, "--no-cache"], cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources and the contracts, with envs and eval as real folders."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__", "*.npz", "*.safetensors")
    shutil.copytree(ROOT / "worldsim", folder / "worldsim", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("eval/suite.py", "import worldsim.models.dit"),
        ("eval/suite.py", "import torch"),
        ("agents/rollout.py", "import worldsim.envs.belief"),
        ("data/store.py", "import worldsim.training.trainer"),
        ("envs/belief.py", "import pybullet"),
        ("errors.py", "import worldsim.episode"),
    ],
)
def test_a_planted_import_against_the_direction_is_found(
    copy: Path, module: str, line: str
) -> None:
    path = copy / "worldsim" / module
    text = path.read_text()
    path.write_text(f"{text}\n{line}\n")
    try:
        done = lint_imports(copy)
    finally:
        path.write_text(text)
    assert done.returncode == 1 and "BROKEN" in done.stdout


def test_the_true_imports_run_one_way(copy: Path) -> None:
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout[-2000:]
