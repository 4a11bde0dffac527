"""The scenario of docs/scenarios.md, from a module outside the package: every command takes it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import reload
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from registry import registry_kept
from tiny_checkpoint import write_checkpoint

import worldsim
from worldsim import cli
from worldsim.agents.policies import make_policy
from worldsim.agents.rollout import rollout, solved
from worldsim.agents.scripted import SCRIPTED
from worldsim.data.dataset import Dataset
from worldsim.errors import InputError
from worldsim.sim.scenarios import SCENARIOS, find_scenario
from worldsim.sim.scene import Scene

ROOT = Path(__file__).resolve().parents[1]
SHOWN = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "scenarios.md").read_text(), re.DOTALL)[
    1
]  # type: ignore[index]
MOST_LINES = 60


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in that holds putt.py; nothing of it is known yet."""
    (tmp_path / "putt.py").write_text(SHOWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with registry_kept():
        yield tmp_path
    sys.modules.pop("putt", None)


@pytest.fixture
def putt(folder: Path) -> ModuleType:
    import putt  # type: ignore[import-not-found]

    return putt  # type: ignore[no-any-return]


def test_the_example_is_short() -> None:
    assert len(SHOWN.splitlines()) <= MOST_LINES
    assert max(map(len, SHOWN.splitlines())) <= 100


def test_importing_it_registers_it(putt: ModuleType) -> None:
    assert find_scenario("putt") is putt.PUTT
    env = gymnasium.make("worldsim/Putt-v0")
    check_env(env.unwrapped, skip_render_check=True)
    env.close()
    scene = putt.PUTT.make_scene(0)
    assert Scene.from_json(scene.to_json()) == scene
    assert "a pink disc marks the pad" in scene.describe()


def test_a_name_with_its_module_imports_it(folder: Path) -> None:
    with pytest.raises(InputError, match="putt"):
        find_scenario("putt")
    assert find_scenario("putt:putt").name == "putt"
    with pytest.raises(InputError, match="did you mean putt"):
        find_scenario("putt:pott")
    with pytest.raises(InputError, match="cannot import 'nowhere'"):
        find_scenario("nowhere:putt")
    with pytest.raises(InputError, match="not the name of a module"):
        find_scenario(".putt:putt")


def test_registering_twice_is_fine_and_a_taken_name_is_not(putt: ModuleType) -> None:
    worldsim.register_scenario(putt.PUTT)
    with pytest.raises(InputError, match="already"):
        worldsim.register_scenario(
            type(putt.PUTT)("push", putt.build, putt.task, putt.TABLE, "ball")
        )
    assert SCENARIOS["push"].build is not putt.build
    with pytest.raises(InputError, match="already"):
        worldsim.register_scenario(replace(SCENARIOS["push"]))


def test_a_module_loaded_again_replaces_its_own(putt: ModuleType) -> None:
    first, policy = putt.PUTT, SCRIPTED["putt"]
    reload(putt)
    assert find_scenario("putt") is putt.PUTT is not first
    assert SCRIPTED["putt"] is putt.Putter is not policy
    worldsim.register_scenario(putt.PUTT)
    assert SCRIPTED["putt"] is putt.Putter
    worldsim.register_scenario(first)
    assert "putt" not in SCRIPTED


@pytest.mark.parametrize(
    ("scenario", "scripted", "said"),
    [("putt", None, "takes a Scenario, got str"), (SCENARIOS["push"], 3, "class or function")],
)
def test_other_types_are_refused(scenario: Any, scripted: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        worldsim.register_scenario(scenario, scripted)


def test_what_makes_no_scene_is_not_registered(putt: ModuleType) -> None:
    with pytest.raises(InputError, match="unknown body 'bal'; did you mean ball"):
        worldsim.register_scenario(replace(putt.PUTT, name="wrong", subject="bal"))
    assert "wrong" not in SCENARIOS and "worldsim/Wrong-v0" not in gymnasium.registry


def test_two_names_with_one_id_do_not_go_together(putt: ModuleType) -> None:
    worldsim.register_scenario(replace(putt.PUTT, name="putt1"))
    with pytest.raises(InputError, match="'putt1' already"):
        worldsim.register_scenario(replace(putt.PUTT, name="putt_1"))


@pytest.mark.parametrize(("source", "said"), [("x =", "SyntaxError"), ("1 / 0", "ZeroDivision")])
def test_a_broken_module_is_said_in_one_line(folder: Path, source: str, said: str) -> None:
    (folder / "broken_putt.py").write_text(source)
    with pytest.raises(InputError, match=f"cannot import 'broken_putt': {said}"):
        find_scenario("broken_putt:putt")


def test_its_policy_solves_it_and_a_random_one_does_not(putt: ModuleType) -> None:
    env = gymnasium.make("worldsim/Putt-v0")
    rates = {
        policy: np.mean([solved(rollout(env, make_policy(policy), seed)) for seed in range(8)])
        for policy in ("scripted", "random")
    }
    env.close()
    assert rates["scripted"] >= 0.8 and rates["random"] < 0.2


def test_its_bodies_are_seen(putt: ModuleType) -> None:
    for split in ("id", "combo", "ood"):
        env = gymnasium.make("worldsim/Putt-v0", split=split)
        for seed in range(10):
            _, info = env.reset(seed=seed)
            counts = np.bincount(info["segmentation"].ravel(), minlength=4)
            assert counts[2:].min() >= 12
        env.close()


def test_processes_of_its_own_find_it(folder: Path) -> None:
    """As the installed command does it, which does not look into the folder by itself."""
    for name, workers in (("one", 1), ("two", 2)):
        line = f"simulate putt:putt --out {name} --episodes 3 --steps 5 --workers {workers}"
        program = "import sys; from worldsim.cli import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, *line.split()], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    one, two = Dataset(folder / "one"), Dataset(folder / "two")
    assert one.digest == two.digest and not two.verify()
    assert two.meta["scenario"] == "putt:putt" and two[0].scene.scenario == "putt"


def test_every_command_takes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line, written in (
        ("scenarios putt:putt", None),
        ("scenarios putt:putt --solve 3 --workers 2", None),
        ("gallery --scenarios putt:putt --size-px 32 --out putt.png", "putt.png"),
        ("rollout --env putt:worldsim/Putt-v0 --episodes 1 --out runs", "runs/summary.json"),
        ("simulate putt:putt --episodes 2 --steps 4 --out data --video", "data/episodes.webm"),
    ):
        assert cli.main(line.split()) == 0, capsys.readouterr().err
        assert written is None or (folder / written).is_file()
    said = capsys.readouterr().out
    assert "The ball belongs on the pad" in said and "| putt | 100% |" in said


def test_a_recording_names_the_module_to_import(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever evaluates on it later has not imported it yet."""
    with registry_kept():
        assert cli.main("simulate putt:putt --episodes 1 --steps 4 --out data".split()) == 0
    sys.modules.pop("putt")
    write_checkpoint(folder / "model")
    line = "evaluate --model model --data data --out eval --episodes 1 --horizon 2"
    assert cli.main(line.split()) == 2
    assert "unknown scenario of this model 'putt'" in capsys.readouterr().err
