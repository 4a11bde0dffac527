"""Training on from a checkpoint: its weights, and what it knows of its scenarios, stay."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_training import SMALL

from worldsim import checkpoints, cli
from worldsim.agents.collect import Collector
from worldsim.data.clips import ClipDataset
from worldsim.data.simulate import simulate
from worldsim.data.store import load_episode
from worldsim.errors import InputError
from worldsim.models.dit import WorldModel
from worldsim.models.load import load
from worldsim.training.begin import begun
from worldsim.training.feed import feed
from worldsim.training.run import Options, again, read_run
from worldsim.training.settings import Recipe
from worldsim.training.trainer import Budget, train


def record(scenario: str, folder: Path, seed: int, size_px: int = 64) -> Path:
    facts = {"scenario": scenario, "split": "id", "seed": seed, "steps": 6}
    simulate(Collector(scenario, "id", seed, 6, size_px=size_px), facts, 4, folder, progress=False)
    return folder


def trained(
    data: list[Path], out: Path, steps: int, recipe: Recipe = SMALL, **more: object
) -> Path:
    options = {"workers": 1, "progress": False, "precision": "float32", **more}
    return train(recipe, data, out, Budget(steps=steps), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings `swing`, `push` and `more` (push, other ones), and `first`, trained on two."""
    pytest.importorskip("pybullet")
    made: Path = tmp_path_factory.mktemp("begin")
    for name, scenario, seed in (("swing", "swing", 0), ("push", "push", 3), ("more", "push", 7)):
        record(scenario, made / name, seed)
    first = trained([made / "swing", made / "push"], made / "first", 30)
    config = first / checkpoints.CONFIG
    config.write_text(json.dumps({**json.loads(config.read_text()), "passes": [1, 2]}))
    return made


def test_weights_and_knowledge_are_those_of_the_checkpoint(folder: Path, tmp_path: Path) -> None:
    still = replace(SMALL, settings=SMALL.settings.at_rate(1e-9))
    out = trained([folder / "more"], tmp_path / "on", 1, still, begin=folder / "first")
    first, on = load(folder / "first"), load(out)
    for name, weight in first.state_dict().items():
        assert torch.allclose(on.state_dict()[name], weight, atol=1e-4), name
    configs = [
        json.loads((run / checkpoints.CONFIG).read_text()) for run in (folder / "first", out)
    ]
    assert configs[0] == configs[1]
    assert on.domain("push").passes == 2 and on.domain("push").index == 1
    shown = [load_episode(path).scene.scenario for path in checkpoints.starts(out)]
    assert set(shown) == {"push", "swing"}  # none of swing is in these recordings: the checkpoint's


def test_clips_are_what_the_checkpoint_takes_them_for(folder: Path, tmp_path: Path) -> None:
    """Its numbers of scenarios and its depth range, read as they come or from a cache."""
    clips = ClipDataset(folder / "more", 5, progress=False)
    model = begun(folder / "first", SMALL, clips)
    device, (near_m, far_m) = torch.device("cpu"), model.domain("push").depth_range_m
    domain = replace(model.domain("push"), depth_range_m=(near_m - 0.1, far_m + 0.2))
    came = next(feed(clips, [domain], 3, 0, 3, device))
    kept = next(feed(clips, [domain], 3, 0, 3, device, cache=tmp_path / "cache"))
    assert came.scenario.tolist() == kept.scenario.tolist() == [1, 1, 1]
    assert (came.frames - kept.frames).abs().max() < 1e-4
    depth_m = (came.frames[0, :, 3].numpy() + 1.0) / 2.0 * (far_m - near_m + 0.3) + near_m - 0.1
    assert abs(depth_m - clips[0].depth_m).max() < 1e-3


def test_it_is_made_again_and_resumed_to_the_bit(folder: Path, tmp_path: Path) -> None:
    first, data = Path(shutil.copytree(folder / "first", tmp_path / "first")), folder / "more"
    line = f"train --data {data} --begin {first} --rate 0.5 --workers 1 --precision float32"
    whole = trained([data], tmp_path / "whole", 8, begin=first)
    trained([data], tmp_path / "parts", 8, begin=first, pause_after=4)
    parts = trained([data], tmp_path / "parts", 8, begin=first, resume=True)
    weights = checkpoints.WEIGHTS
    assert (whole / weights).read_bytes() == (parts / weights).read_bytes()
    told = read_run(whole)
    assert told["begin"] == checkpoints.digest(first) and told["begin_path"] == str(first)
    assert again(whole, Options())[0].begin == first
    assert cli.main(["train", "--from", str(whole), "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / weights).read_bytes() == (whole / weights).read_bytes()
    assert cli.main([*line.split(), "tiny", "--out", str(tmp_path / "x")]) == cli.BAD_INPUT
    shutil.copy(whole / weights, first / weights)
    with pytest.raises(InputError, match="another model now; say with --begin"):
        again(whole, Options())
    assert again(whole, Options(begin=folder / "first"))[0].begin == folder / "first"


def test_what_does_not_fit_is_refused_and_nothing_written(folder: Path, tmp_path: Path) -> None:
    wide = replace(SMALL, architecture=replace(SMALL.architecture, width=48))
    large = record("push", tmp_path / "large", 1, size_px=32)
    other = record("occlude", tmp_path / "occlude", 1)
    more = folder / "more"
    for recipe, data, said in (
        (wide, more, r"another shape than small \(width 32, not 48\)"),
        (SMALL, large, r"draws \(64, 64\) px, the clips are \(32, 32\)"),
        (SMALL, other, "occlude.*push, swing"),
    ):
        with pytest.raises(InputError, match=said):
            trained([data], tmp_path / "out", 2, recipe, begin=folder / "first")
    assert not (tmp_path / "out").exists()
    line = f"train tiny --data {more} --out {tmp_path / 'out'} --rate"
    for rate in ("0", "-1", "inf", "nan"):
        assert cli.main([*line.split(), rate]) == cli.BAD_INPUT
    assert isinstance(load(folder / "first"), WorldModel)
