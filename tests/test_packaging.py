"""What is installed, and what an import costs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import worldsim

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([0-9A-Za-z.]+)$")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert found
    return found[0].lower().replace("_", "-")


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    matches = [PIN.match(line) for line in lines if line and not line.startswith("#")]
    assert all(matches), "every line of constraints.txt is NAME==VERSION without a local part"
    return {name_of(m[1]): m[2] for m in matches if m}


@pytest.mark.parametrize("name", ["envs", "eval"])
def test_root_folder_is_the_subpackage(name: str) -> None:
    link = ROOT / "worldsim" / name
    assert link.is_symlink() and link.resolve() == ROOT / name


@pytest.mark.parametrize("name", ["envs", "eval"])
def test_git_tracks_the_link_as_a_link(name: str) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--stage", f"worldsim/{name}"], cwd=ROOT, capture_output=True, text=True
    )
    if not listed.stdout.strip():
        pytest.skip("not in a git checkout")
    assert listed.stdout.startswith("120000 ")


def test_import_is_light_and_registers_the_environments() -> None:
    heavy = "{'torch', 'diffusers', 'pybullet', 'cv2', 'scipy', 'accelerate', 'numba'}"
    code = (
        "import sys, gymnasium, worldsim, worldsim.cli\n"
        f"print(sorted({heavy} & set(sys.modules)))\n"
        "print(*sorted(name for name in gymnasium.registry if name.startswith('worldsim/')))"
    )
    names = "Arm Collide Drop Occlude Orbit Push Ramp Swing Throw Topple".split()
    kinds = ("", "-WM", "-Twin")
    twins = sorted(f"worldsim/{name}{kind}-v0" for name in names for kind in kinds)
    assert python(code).splitlines() == ["[]", " ".join(twins)]


def test_all_but_the_simulator_imports_on_a_machine_without_pybullet() -> None:
    modules = [
        "worldsim.cli",
        "worldsim.data.clips",
        "worldsim.data.dataset",
        "worldsim.data.redraw",
        "worldsim.data.simulate",
        "worldsim.envs.world_model_env",
        "worldsim.eval.page.report",
        "worldsim.eval.suite",
        "worldsim.judge",
        "worldsim.models.pipeline",
        "worldsim.recipes",
        "worldsim.sim.scenarios",
        "worldsim.training.trainer",
        "worldsim.trial",
    ]
    python(f"import sys; sys.modules['pybullet'] = None; import {', '.join(modules)}")


def test_version_is_said_once_and_the_same() -> None:
    assert PROJECT["version"] == worldsim.__version__


def test_every_requirement_is_pinned_to_a_tested_version() -> None:
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    missing = {name_of(requirement) for requirement in wanted} - set(pins())
    assert not missing
    assert pins()["torch"] == "2.13.0"


def test_set_up_names_no_registry() -> None:
    for name in ("pyproject.toml", "constraints.txt", "Makefile", ".ci/run"):
        text = (ROOT / name).read_text()
        assert not re.search(r"https?://|index-url|find-links", text), name


@pytest.mark.slow
def test_wheel_holds_the_checkpoint_and_no_generic_top_level(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", tmp_path, ROOT],
        check=True,
    )
    (wheel,) = tmp_path.glob("worldsim-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"worldsim"}
    wanted = [
        "worldsim/py.typed",
        "worldsim/envs/belief.py",
        "worldsim/eval/suite.py",
        "worldsim/checkpoints/push-64/config.json",
        "worldsim/checkpoints/push-64/diffusion_pytorch_model.safetensors",
    ]
    assert not set(wanted) - set(names)
    assert any(re.fullmatch(r"worldsim/checkpoints/push-64/starts/.*\.npz", n) for n in names)
    assert not [name for name in names if "__pycache__" in name]
