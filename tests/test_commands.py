"""The commands from end to end, on a checkpoint of random weights and small recordings."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import cv2
import gymnasium
import numpy as np
import pytest
import torch
from tiny_checkpoint import write_checkpoint

from worldsim import cli, demo, judge
from worldsim.agents.collect import Collector
from worldsim.agents.rollout import replay
from worldsim.bench import all as bench
from worldsim.bench import env as bench_env
from worldsim.bench import read as bench_read
from worldsim.bench import step as bench_step
from worldsim.bench import train as bench_train
from worldsim.bench import video as bench_video
from worldsim.data.dataset import Dataset
from worldsim.data.store import load_episode
from worldsim.dreams import Dreamer
from worldsim.episode import Episode
from worldsim.eval.score import Report
from worldsim.models.dit import WorldModel
from worldsim.recipes import recipe
from worldsim.sim.scenarios import SCENARIOS, Outcome
from worldsim.sim.scenarios.push import PUSH
from worldsim.training.machine import flops_per_frame

REPORT_FILES = {"report.json", "report.html", "worst_1.webm", "contact_sheet.png"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "random"
    write_checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "push"
    line = f"simulate push --out {folder} --episodes 3 --steps 12 --workers 1"
    assert cli.main(line.split()) == 0
    return folder


@pytest.fixture(scope="module")
def episode() -> Episode:
    return Collector(seed=5, steps=12)(0)


def test_demo_writes_a_report_and_prints_the_table(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    assert cli.main(f"demo --steps 9 --seed 2 --out {out} --checkpoint {model}".split()) == 0
    said = capsys.readouterr().out
    assert {path.name for path in out.iterdir()} >= REPORT_FILES
    report = Report.load(out / "report.json")
    assert report.horizons == (1, 8) and report.source == "model:random"
    assert {"model", "floor", "frozen frame", "constant velocity", "shuffled actions"} <= set(
        report.rows
    )
    for row in ("model", "floor", "frozen frame", "shuffled actions"):
        assert f"\n  {row}" in said
    assert "pusher" in said and "frames/s" in said and str(out / "report.html") in said
    floor = report.rows["floor"].bodies["pusher"].position[8].value
    assert floor < 0.01 < report.rows["model"].bodies["pusher"].position[8].value


def test_demo_of_a_seed_is_the_same_twice(model: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        demo.run("push", 4, 8, tmp_path / name, str(model))
    first, second = ((tmp_path / name / "report.json").read_text() for name in ("a", "b"))
    assert first == second


def test_a_dream_begins_with_the_true_frames_and_goes_its_own_way(
    model: Path, episode: Episode
) -> None:
    for start_frames in (1, 4):
        drawn = Dreamer(model, start_frames)(episode, episode.actions)
        assert drawn.steps == episode.steps and drawn.source == "model:random"
        assert np.array_equal(drawn.frames[:start_frames], episode.frames[:start_frames])
        assert np.array_equal(drawn.depth_m[:start_frames], episode.depth_m[:start_frames])
        assert not np.array_equal(drawn.frames[start_frames], episode.frames[start_frames])
        assert np.array_equal(drawn.actions, episode.actions)


def test_other_actions_are_the_ones_taken(model: Path, episode: Episode) -> None:
    dreamer = Dreamer(model, 3)
    other = dreamer(episode, -episode.actions)
    assert np.array_equal(other.actions[:2], episode.actions[:2])
    assert np.array_equal(other.actions[2:], -episode.actions[2:])
    assert not np.array_equal(other.frames, dreamer(episode, episode.actions).frames)


@pytest.mark.parametrize("passes", [1, 2])
def test_many_dreams_side_by_side_are_what_each_is_alone(
    model: Path, episode: Episode, passes: int
) -> None:
    second = Collector(seed=5, steps=12)(1)
    dreamer, both = Dreamer(model, 2, passes), [episode, second]
    together = dreamer.all(both, [one.actions for one in both])
    told = "model:random" if passes == 1 else "model:random, 2 passes a frame"
    for seed, (one, drawn) in enumerate(zip(both, together, strict=True)):
        assert drawn.source == told
        alone = dreamer(one, one.actions, seed)
        away = np.abs(alone.frames.astype(int) - drawn.frames)
        assert away.max() <= 1 and away.mean() < 1e-3  # a value may be rounded the other way


def test_a_dream_goes_on_as_the_environment_does(model: Path, episode: Episode) -> None:
    env = gymnasium.make("worldsim/Push-WM-v0", checkpoint=str(model), end_on_success=False)
    options = {"episode": episode, "start_frames": 2}
    stepped = replay(env, episode.actions[1:], options=options)
    drawn = Dreamer(model, 2)(episode, episode.actions)
    assert np.abs(stepped.frames.astype(int) - drawn.frames[1:]).max() <= 1


def test_no_episode_is_judged_under_its_own_actions_as_shuffled(episode: Episode) -> None:
    second = Collector(seed=5, steps=12)(1)
    mixed = judge._others_actions([episode, second])
    assert np.array_equal(mixed, [second.actions, episode.actions])
    assert np.array_equal(judge._others_actions([episode])[0], -episode.actions)


def test_evaluate_writes_a_report_with_every_baseline(
    model: Path, recording: Path, tmp_path: Path
) -> None:
    line = f"evaluate --model {model} --data {recording} --train-data {recording}"
    line += f" --out {tmp_path / 'eval'} --episodes 2 --start-frames 3 --horizon 9"
    assert cli.main(line.split()) == 0
    report = Report.load(tmp_path / "eval" / "report.json")
    assert (report.episodes, report.start_frames, report.steps) == (2, 3, 9)
    assert {"nearest training clip", "mean frame", "shuffled actions"} <= set(report.rows)
    assert {path.name for path in (tmp_path / "eval").iterdir()} >= REPORT_FILES


def test_evaluate_says_what_is_too_long(
    model: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "eval"
    line = f"evaluate --model {model} --data {recording} --out {out} --horizon 13"
    assert cli.main(line.split()) == 2
    assert "13 steps" in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize("damage", ["x", "[]", "{}"])
def test_a_damaged_run_file_is_one_line(
    model: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    copy, out = tmp_path / "copy", tmp_path / "eval"
    shutil.copytree(model, copy)
    (copy / "run.json").write_text(damage)
    line = f"evaluate --model {copy} --data {recording} --episodes 1 --horizon 2 --out {out}"
    assert cli.main(line.split()) == 2
    assert "run.json is damaged" in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize(("name", "episodes"), [("Push-v0", 2), ("Push-WM-v0", 1)])
def test_rollout_writes_episodes_summary_and_video(
    name: str, episodes: int, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gymnasium.spec(f"worldsim/{name}"), "max_episode_steps", 20)
    line = f"rollout --env worldsim/{name} --policy random --episodes {episodes} --out {tmp_path}"
    if "WM" in name:
        line += f" --checkpoint {model}"
    assert cli.main(line.split()) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [row["seed"] for row in summary["episodes"]] == list(range(episodes))
    assert (tmp_path / "episodes.webm").stat().st_size > 1000
    for row in summary["episodes"]:
        episode = load_episode(tmp_path / row["file"])
        assert episode.steps == row["steps"] and episode.source == summary["source"]
        assert episode.rewards.sum() == pytest.approx(row["return"])
        assert bool(episode.terminated[-1]) == row["success"]


def test_an_end_in_failure_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = replace(PUSH, task=lambda scene, moment: Outcome.of(1.0, success=False, failed=True))
    monkeypatch.setitem(SCENARIOS, "push", lost)
    assert cli.main(f"rollout --policy zero --episodes 1 --out {tmp_path}".split()) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert load_episode(tmp_path / "episode_000.safetensors").terminated[-1]
    assert summary["success_rate"] == 0.0 and summary["mean_steps"] == 1.0


def test_a_film_of_a_recording_is_no_part_of_it(tmp_path: Path) -> None:
    plain, filmed = tmp_path / "plain", tmp_path / "filmed"
    line = "simulate push --steps 6 --workers 1 --seed 3 --out"
    assert cli.main(f"{line} {plain} --episodes 3".split()) == 0
    assert cli.main(f"{line} {filmed} --episodes 2 --video".split()) == 0
    film = filmed / "episodes.webm"
    assert film.stat().st_size > 1000
    before = film.read_bytes()
    assert cli.main(f"{line} {filmed} --episodes 3".split()) == 0  # goes on beside the film
    assert film.read_bytes() == before
    assert Dataset(filmed).digest == Dataset(plain).digest and not Dataset(filmed).verify()
    assert not (plain / film.name).exists()
    assert frames_of(film) == 2 * 7
    assert cli.main(f"{line} {filmed} --episodes 3 --video".split()) == 0
    assert frames_of(film) == 3 * 7


def frames_of(film: Path) -> int:
    reader, count = cv2.VideoCapture(str(film)), 0
    while reader.read()[0]:
        count += 1
    return count


def test_verify_names_the_damaged_episode(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "push"
    for path in recording.rglob("*"):
        if path.is_file() and "cache" not in path.parts:
            target = copy / path.relative_to(recording)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    assert cli.main(["verify", str(copy)]) == 0
    file = copy / Dataset(copy).entries[1].file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    capsys.readouterr()
    assert cli.main(["verify", str(copy)]) == 2
    assert "episode 1" in capsys.readouterr().err
    assert cli.main(["verify", str(copy), "--repair"]) == 0
    assert "episode 1 " in capsys.readouterr().out
    assert file.read_bytes() == (recording / Dataset(copy).entries[1].file).read_bytes()
    (copy / "episodes.jsonl").unlink()
    assert cli.main(["verify", str(copy)]) == 0
    assert "unfinished; to go on: worldsim simulate push" in capsys.readouterr().out


def test_bench_simulate_tells_the_shares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"bench simulate --scenario push --size-px 32 --repeats 1 --out {tmp_path}"
    assert cli.main(line.split()) == 0
    row = json.loads((tmp_path / "bench-simulate.json").read_text())["scenarios"]["push"]
    assert min(row.values()) >= 0.0 < row["frames_per_s"]
    assert row["bytes_a_frame_states"] < row["bytes_a_frame"]
    said = capsys.readouterr().out
    assert "physics" in said and "push" in said
    assert [path.name for path in tmp_path.iterdir()] == ["bench-simulate.json"]


def test_bench_measures_everything_that_is_asked(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "PROBE_S", 0.01)
    monkeypatch.setattr(bench, "flatness", partial(bench.flatness, steps=20))
    assert cli.main(f"bench --out {tmp_path} --checkpoint {model} --repeats 2".split()) == 0
    result = json.loads((tmp_path / "bench.json").read_text())
    steppers = [
        f"model, {count} pass{'es' if count > 1 else ''}, batch {batch}"
        for batch in (1, 16)
        for count in (1, 2, 4)
    ]
    said = capsys.readouterr().out
    for name in ("simulator", "training", "evaluation", *steppers):
        row = result["probes"][name]
        assert len(row["rounds"]) == 2 and row["median"] > 0.0 and name in said
    assert result["probes"]["simulator"]["ratio_to_simulator"] == 1.0
    assert 0.0 < result["training_share_of_matmul_peak"]


def test_bench_step_tells_every_preset_and_batch_on_all_cores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"PRESETS": ("tiny",), "BATCHES": (1, 3), "FLAT_STEPS": 20}
    for name, value in small.items():
        monkeypatch.setattr(bench_step, name, value)
    monkeypatch.setattr(bench, "PROBE_S", 0.02)
    threads = torch.get_num_threads()
    assert cli.main(f"bench step --size-px 32 --repeats 2 --out {tmp_path}".split()) == 0
    found = json.loads((tmp_path / "bench-step.json").read_text())
    said = capsys.readouterr().out
    assert list(found["frames_per_s"]) == ["tiny, batch 1", "tiny, batch 3"]
    for name, row in found["frames_per_s"].items():
        assert len(row["rounds"]) == 2 and row["median"] > 0.0 and name in said
    assert found["late_over_early_step_time"]["tiny"] > 0.0
    assert found["threads"] == len(os.sched_getaffinity(0)) and torch.get_num_threads() == threads


def test_a_rate_is_work_over_time() -> None:
    calls: list[int] = []
    rates = bench.measure([bench.Probe("counted", lambda: calls.append(1), 100.0)], 1)
    counted = 100.0 * (len(calls) - 1) / bench.PROBE_S
    assert rates["counted"][0] == pytest.approx(counted, rel=0.05)


def test_bench_of_environments_tells_rates_and_shares(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"CHECKPOINTS": {64: str(model)}, "BATCHES": (1, 2), "LARGEST": 3, "PROBE_S": 0.05}
    for name, value in small.items():
        monkeypatch.setattr(bench_env, name, value)
    monkeypatch.setattr(bench, "PROBE_S", 0.05)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # no processes
    assert cli.main(f"bench env --repeats 2 --out {tmp_path}".split()) == 0
    rows = json.loads((tmp_path / "bench-env.json").read_text())["environments"]
    said = capsys.readouterr().out
    assert [(row["source"], row["count"]) for row in rows.values()] == [
        *(("simulator", count) for count in (1, 2)),
        *(("model", count) for count in (1, 2)),
        *((source, 3) for source in ("simulator", "model")),
    ]
    for name, row in rows.items():
        assert name in said and len(row["rounds"]) == (1 if row["count"] == 3 else 2)
        assert row["steps_per_s"] == pytest.approx(row["count"] * row["steps_per_s_each"])
        assert sum(row["shares"].values()) == pytest.approx(1.0)
        assert row["shares"]["drawing"] > 0.0
        assert (row["shares"]["reading"] > 0.0) == (row["source"] == "model")
    alone = rows["model, 64 px, alone"]
    assert rows["model, 64 px, 2 in a batch"]["times_alone"] == pytest.approx(
        rows["model, 64 px, 2 in a batch"]["steps_per_s"] / alone["steps_per_s"]
    )
    assert alone["times_alone"] == 1.0


def test_bench_of_training_counts_what_a_step_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PRESETS": ("tiny",), "EPISODES": 3, "STEPS": 17, "HELD_OUT": 1}.items():
        monkeypatch.setattr(bench_train, name, value)
    monkeypatch.setattr(bench_train.team, "size", lambda _: 1)
    bench_train.run(tmp_path, size_px=16, repeats=2)
    result = json.loads((tmp_path / "bench-train.json").read_text())
    row = result["presets"]["tiny"]
    frames = bench_train.CPU_CLIPS * 16
    shape = asdict(recipe("tiny").architecture)
    untrained = WorldModel(height_px=16, width_px=16, patch_px=16 // shape.pop("patches"), **shape)
    blocks = 3 * frames * flops_per_frame(untrained, 8 * 8 + 4)
    assert blocks < row["passes_flop"] < 1.2 * blocks
    assert 0 < row["optimiser_flop"] < row["passes_flop"]
    for share in ("share_of_peak", "share_of_peak_on_a_core"):
        assert len(row[share]["rounds"]) == 2 and row[share]["median"] > 0
    assert 0 < row["share_waiting_for_clips"] < 1 and row["steps_per_s"] > 0
    assert 0.9 < row["memory_bytes"]["last_round"] / row["memory_bytes"]["first_round"] < 1.1


def test_bench_of_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"EPISODES": 2, "STEPS": 17, "ROUND_BATCHES": 2, "LOADERS": (1,)}.items():
        monkeypatch.setattr(bench_read, name, value)
    cores = os.sched_getaffinity(0)
    bench_read.run(tmp_path, size_px=16, repeats=2)
    result = json.loads((tmp_path / "bench-read.json").read_text())
    assert set(result["frames_per_s"]) == {"clips, one core", "their windows", "clips, 1 loader"}
    for row in result["frames_per_s"].values():
        assert len(row["rounds"]) == 2 and row["median"] > 0
    assert result["bytes_a_frame"] > 0 and 0 <= result["stacking_share"] <= 1
    assert os.sched_getaffinity(0) == cores


def test_bench_of_judging_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"CLIPS": 2, "STEPS": 8}.items():
        monkeypatch.setattr(bench_video, name, value)
    bench_video.run(tmp_path / "new", size_px=64, repeats=2)
    result = json.loads((tmp_path / "new" / "bench-video.json").read_text())
    assert set(result["seconds"]) == {"mp4", "npz with depth", "mp4, no ceiling"}
    for row in result["seconds"].values():
        assert len(row["rounds"]) == 2 and row["median"] > 0
    printed = capsys.readouterr().out
    assert (
        printed.startswith("2 clips of 9 frames, 64 px, all checks")
        and "report.json" not in printed
    )
