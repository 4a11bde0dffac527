"""What worldsim info says of datasets, episodes, checkpoints and runs, whole or not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_checkpoint import write_checkpoint

from worldsim import checkpoints, cli
from worldsim.agents.collect import Collector
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.data.statistics import statistics
from worldsim.errors import InputError
from worldsim.info import facts_of, text
from worldsim.models.load import load


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("info") / "push"
    maker = Collector("push", "ood", 3, 6, size_px=16)
    simulate(maker, maker.meta, 2, folder, progress=False)
    return folder


@pytest.fixture
def data(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "push"))


def said(name: object, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(["info", str(name)]) == 0
    return capsys.readouterr().out


def test_a_dataset(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = facts_of(str(data))
    assert (facts["is"], facts["scenario"], facts["split"], facts["seed"]) == (
        ("dataset", "push", "ood", 3)
    )
    assert (facts["episodes"], facts["frames"], facts["size_px"]) == (2, 14, [16, 16])
    assert facts["steps_an_episode"] == {"least": 6, "mean": 6.0, "most": 6}
    files = (data / "episodes").iterdir()
    assert facts["bytes"] == sum(path.stat().st_size for path in files)
    assert facts["digest"] == Dataset(data).digest
    assert facts["episode_0"] == Dataset(data)[0].scene.describe()
    assert facts["problem"] is None and "depth_m" not in facts
    shown = said(data, capsys)
    for line in ("frame rate", "16 x 16 px", "velocity_x: -0.35 to 0.35 m/s", "not computed yet"):
        assert line in shown


def test_statistics_of_a_dataset_once_they_are_there(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = statistics(Dataset(data), progress=False)
    facts = facts_of(str(data))
    assert facts["depth_m"] == [found.nearest_m, found.farthest_m]
    mean, square = found.action_moments()
    assert [channel["mean"] for channel in facts["actions"]] == pytest.approx(mean.tolist())
    std = (square - mean**2) ** 0.5
    assert [channel["std"] for channel in facts["actions"]] == pytest.approx(std.tolist())
    assert "sent in -1..1 with mean" in said(data, capsys)


def test_states_only_are_shown_without_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import worldsim.render

    maker = Collector("push", "id", 3, 6, size_px=16, frames=False)
    recorded = simulate(maker, maker.meta, 2, tmp_path / "push", progress=False)
    actions = np.concatenate([episode.actions for episode in recorded])

    def refuse(*_: object) -> None:
        raise AssertionError("info draws")

    monkeypatch.setattr(worldsim.render, "draw_states", refuse)
    facts = facts_of(str(tmp_path / "push"))
    assert facts["problem"] is None
    means = [channel["mean"] for channel in facts["actions"]]
    assert means == pytest.approx(actions.mean(0).tolist(), abs=1e-6)
    path = tmp_path / "push/episodes/000000.safetensors"
    facts = facts_of(str(path))
    assert facts["size_px"] == [16, 16] and facts["depth_m"] is None and facts["frames"] == 7
    assert facts["holds"] == ["states", "contacts"]
    assert "depth" not in said(path, capsys)


def test_machines_get_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (data, data / "episodes" / "000000.safetensors", "push-64"):
        assert cli.main(["info", str(name), "--json"]) == 0
        facts = facts_of(str(name))
        assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(facts))


def test_the_command_and_the_look_are_shown(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data / "dataset.json"
    meta = json.loads(path.read_text())
    meta |= {"command": "worldsim simulate push --out data/push", "look": "evening"}
    path.write_text(json.dumps(meta))
    shown = said(data, capsys)
    assert "worldsim simulate push --out data/push" in shown and "evening" in shown


def test_an_unfinished_dataset_says_so(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "episodes.jsonl").unlink()
    facts = facts_of(str(data))
    assert facts["episodes_so_far"] == 2 and facts["scenario"] == "push"
    assert "unfinished" in facts["problem"] and "unfinished" in said(data, capsys)


def test_damage_is_named_beside_what_is_known(data: Path) -> None:
    index = data / "episodes.jsonl"
    whole = index.read_text()
    index.write_text(whole[:-5])
    assert "truncated" in facts_of(str(data))["problem"]
    index.write_text(whole)
    episode = data / "episodes" / "000000.safetensors"
    episode.write_bytes(episode.read_bytes()[:-9])
    facts = facts_of(str(data))
    assert "episode 0" in facts["problem"] and facts["scenario"] == "push"
    with pytest.raises(InputError, match="000000.safetensors is truncated"):
        facts_of(str(episode))
    meta = json.loads((data / "dataset.json").read_text())
    (data / "dataset.json").write_text(json.dumps({**meta, "schema": 99}))
    facts = facts_of(str(data))
    assert "schema 99" in facts["problem"] and facts["schema"] == 99
    (data / "dataset.json").write_text("{")
    with pytest.raises(InputError, match="dataset.json is damaged"):
        facts_of(str(data))


def test_an_episode(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data / "episodes" / "000001.safetensors"
    facts = facts_of(str(path))
    assert (facts["is"], facts["steps"], facts["frames"]) == ("episode", 6, 7)
    assert facts["holds"] == ["segmentation", "states", "contacts"]
    assert facts["scene"] in said(path, capsys)


def test_a_shipped_checkpoint_with_its_run(capsys: pytest.CaptureFixture[str]) -> None:
    facts = facts_of("push-64")
    model = load(checkpoints.find("push-64"))
    assert facts["parameters"] == sum(p.numel() for p in model.parameters())
    [push] = facts["scenarios"]
    assert push["name"] == "push" and push["depth_m"] == list(model.config.depth_range_m[0])
    assert facts["trained_on"] == [
        json.loads((checkpoints.SHIPPED / "push-64/run.json").read_text())["data"]
    ]
    assert facts["last_metrics"]["step"] == 11055 and not facts["resumable"]
    shown = said("push-64", capsys)
    for line in ("4,088,832", "small", "shuffle_ratio", "64 x 64 px", "tiny"):
        assert line in shown


def test_a_checkpoint_that_is_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "random"
    write_checkpoint(folder)
    assert facts_of(str(folder))["start_episodes"] == 2 and "recipe" not in facts_of(str(folder))
    (folder / "run.json").write_text("{}")
    with pytest.raises(InputError, match="run.json is damaged"):
        facts_of(str(folder))
    (folder / "run.json").unlink()
    weights = folder / checkpoints.WEIGHTS
    whole = weights.read_bytes()
    weights.write_bytes(whole[:50])
    with pytest.raises(InputError, match=f"{checkpoints.WEIGHTS} is damaged"):
        facts_of(str(folder))
    weights.write_bytes(whole)
    (folder / "config.json").write_text('{"width": 3}')
    with pytest.raises(InputError, match="config.json is damaged or no worldsim model"):
        facts_of(str(folder))


def test_a_run_without_a_checkpoint_yet(tmp_path: Path) -> None:
    run = {"recipe": {"name": "tiny"}, "data": ["0" * 64, "1" * 64], "weights": [2, 1], "steps": 9}
    (tmp_path / "run.json").write_text(json.dumps(run))
    facts = facts_of(str(tmp_path))
    assert facts["is"] == "training run" and "no checkpoint yet" in facts["problem"]
    shown = text(facts)
    assert "tiny" in shown and "1" * 64 in shown and "2, 1" in shown
