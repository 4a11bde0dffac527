"""Training on from a checkpoint: its weights, and what it knows of its scenarios, stay."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import SMALL

from worldsim import checkpoints, cli
from worldsim.actions import ActionSpec
from worldsim.agents.collect import Collector
from worldsim.data.cache import frame_cache
from worldsim.data.clips import ClipDataset
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.data.store import load_episode, save_episode
from worldsim.ends import BAD_INPUT
from worldsim.errors import InputError
from worldsim.experiments import trial as trials
from worldsim.info import facts_of
from worldsim.judge import refuse_training_data
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


@pytest.fixture(autouse=True)
def same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is changed in this checkout."""
    monkeypatch.setattr("worldsim.training.run.revision", lambda: None)


def test_weights_and_knowledge_are_those_of_the_checkpoint(folder: Path, tmp_path: Path) -> None:
    out = trained([folder / "more"], tmp_path / "on", 1, begin=folder / "first", rate=1e-9)
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


def test_it_is_made_again_and_resumed_to_the_bit(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At its rate; to be resumed it needs the checkpoint no longer."""
    first, data = Path(shutil.copytree(folder / "first", tmp_path / "first")), folder / "more"
    whole = trained([data], tmp_path / "whole", 8, begin=first, rate=0.5)
    trained([data], tmp_path / "parts", 8, begin=first, rate=0.5, pause_after=4)
    weights, told = checkpoints.WEIGHTS, read_run(whole)
    assert (told["begin"], told["rate"]) == (checkpoints.digest(first), 0.5)
    assert told["recipe"]["settings"]["muon_rate"] == SMALL.settings.muon_rate
    assert facts_of(str(whole))["run_begin"] == told["begin"]
    out = tmp_path / "again"
    assert cli.main(["train", "--from", str(whole), "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{out}: {whole} again"
    assert (out / weights).read_bytes() == (whole / weights).read_bytes()
    moved = first.rename(tmp_path / "moved")
    options, notes = again(whole, Options(begin=moved, rate=0.2))
    assert options.begin == moved and notes == ["rate 0.2 instead of 0.5"]
    with pytest.raises(InputError, match="gone or another model now; say with --begin"):
        again(whole, Options())
    parts = trained([data], tmp_path / "parts", 8, rate=0.5, resume=True)
    assert (whole / weights).read_bytes() == (parts / weights).read_bytes()
    with pytest.raises(InputError, match="other rate"):
        trained([data], parts, 8, resume=True)


def test_what_the_checkpoint_was_trained_on_is_not_what_it_is_judged_on(
    folder: Path, tmp_path: Path
) -> None:
    once = trained([folder / "more"], tmp_path / "once", 1, begin=folder / "first")
    twice = trained([folder / "push"], tmp_path / "twice", 1, begin=once)
    for name in ("swing", "push", "more"):
        with pytest.raises(InputError, match="was trained on"):
            refuse_training_data(twice, Dataset(folder / name))
    refuse_training_data(twice, Dataset(record("push", tmp_path / "other", 11)))


def test_experiments_measure_the_scenario_of_the_episodes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever number the model gives it."""
    monkeypatch.setattr(trials, "HORIZONS", (2, 5))
    clips = ClipDataset(folder / "push", 5, progress=False)
    second = begun(folder / "first", SMALL, clips)
    config = {name: value for name, value in second.config.items() if name[0] != "_"}
    listed = ("scenarios", "frame_rate_hz", "depth_range_m", "action_mean", "action_std", "passes")
    config |= {name: list(config[name])[::-1] for name in listed}
    first = WorldModel.from_config(config)
    by_number = {"action_in", "action_bias", "scenario", "mean_image"}
    weights = second.state_dict().items()
    first.load_state_dict({k: w.flip(0) if k in by_number else w for k, w in weights})
    assert (first.domain("push").index, second.domain("push").index) == (0, 1)
    episodes = [Dataset(folder / "push")[index] for index in range(2)]
    rows = [trials.measured(model.eval(), episodes, True) for model in (first, second)]
    assert rows[0] == pytest.approx(rows[1], rel=1e-3)


def test_what_does_not_fit_is_refused_and_nothing_written(folder: Path, tmp_path: Path) -> None:
    wide = replace(SMALL, architecture=replace(SMALL.architecture, width=48))
    first, more = folder / "first", folder / "more"
    large = record("push", tmp_path / "large", 1, size_px=32)
    occlude = record("occlude", tmp_path / "occlude", 1)
    far = other(first, tmp_path / "far", depth_range_m=(2.0, 3.0))
    scaled = other(first, tmp_path / "scaled", scale=2.0)
    for begin, recipe, data, said in (
        (first, wide, more, r"another shape than small \(width 32, not 48\)"),
        (first, SMALL, large, "record with --size-px 64"),
        (first, SMALL, occlude, "does not know occlude, only swing, push"),
        (far, SMALL, more, "knows 2.00 to 3.00 m of depth in push, the clips have 1.82 to 2.16"),
        (scaled, SMALL, more, "other actions than"),
    ):
        with pytest.raises(InputError, match=said):
            trained([data], tmp_path / "out", 2, recipe, begin=begin)
    with pytest.raises(InputError, match="another shape"):  # before the recordings are gone through
        trained([tmp_path / "none"], tmp_path / "out", 2, wide, begin=first)
    inside = Path(shutil.copytree(folder / "first", tmp_path / "out/starts/first"))
    with pytest.raises(InputError, match="lies in --out"):
        trained([more], tmp_path / "out", 2, begin=inside)
    broken = Path(shutil.copytree(folder / "first", tmp_path / "broken"))
    checkpoints.starts(broken)[0].write_bytes(b"no episode")
    with pytest.raises(InputError, match="starts/000"):
        trained([more], tmp_path / "new", 2, begin=broken)
    assert not (tmp_path / "new").exists()
    line = f"train tiny --data {more} --out {tmp_path / 'new'} --rate"
    for rate in ("0", "-1", "inf", "nan", "1e300"):
        assert cli.main([*line.split(), rate]) == BAD_INPUT
        with pytest.raises(InputError, match="--rate must be above 0 and at most 10, got"):
            train(SMALL, [more], tmp_path / "new", Budget(steps=1), rate=float(rate))


def other(
    first: Path, out: Path, depth_range_m: tuple[float, float] | None = None, scale: float = 1.0
) -> Path:
    """The checkpoint with another depth range of push and its actions' scales times this."""
    shutil.copytree(first, out)
    if depth_range_m is not None:
        config = json.loads((out / checkpoints.CONFIG).read_text())
        config["depth_range_m"][1] = depth_range_m
        (out / checkpoints.CONFIG).write_text(json.dumps(config))
    for path in checkpoints.starts(out):
        episode = load_episode(path)
        spec = episode.scene.action_spec
        channels = tuple(replace(one, scale=scale * one.scale) for one in spec.channels)
        scene = replace(episode.scene, action_spec=ActionSpec(channels))
        save_episode(path, replace(episode, scene=scene))
    return out


def test_a_cache_that_is_made_anew_leaves_the_old_one_to_who_reads_it(
    folder: Path, tmp_path: Path
) -> None:
    clips = ClipDataset(folder / "more", 5, progress=False)
    old = frame_cache(clips, tmp_path, progress=False)
    before = old.depth.copy()
    new = frame_cache(clips, tmp_path, progress=False, ranges_m=[(1.0, 4.0)])
    assert np.array_equal(old.depth, before) and not np.array_equal(new.depth, before)
