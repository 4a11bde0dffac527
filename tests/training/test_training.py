"""Training: bit-exact resume, honest stops, what a step asks of the model."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

from worldsim.agents.collect import Collector
from worldsim.data.cache import frame_cache
from worldsim.data.clips import ClipDataset, RecordedClip
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.data.store import load_episode
from worldsim.errors import InputError
from worldsim.judge import refuse_training_data
from worldsim.models.dit import WorldModel
from worldsim.models.domain import Domain
from worldsim.models.load import load
from worldsim.training import objective
from worldsim.training.feed import feed
from worldsim.training.log import read
from worldsim.training.objective import Clip
from worldsim.training.optimiser import schedule
from worldsim.training.settings import Architecture, Recipe, Settings
from worldsim.training.state import load_state
from worldsim.training.team import Diverged
from worldsim.training.trainer import Budget, train
from worldsim.training.worker import Job, Worker

SMALL = Recipe(
    "small",
    Architecture(width=32, heads=2, layers=4, registers=1, window=4),
    replace(
        Settings(),
        clip_frames=5,
        held_out_episodes=2,
        warm_up_steps=5,
        history_from_progress=0.2,
        ema_decay=0.9,
    ),
)


def run(data: Path | Sequence[Path], out: Path, steps: int = 20, **options: object) -> Path:
    # "auto" measures bfloat16 first: seconds on a CPU without it.
    options = {"workers": 1, "progress": False, "precision": "float32", **options}
    return train(SMALL, data, out, Budget(steps=steps), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def paused(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A run of 20 steps by so many workers, paused after 10; not to be written into."""

    @cache
    def made(workers: int) -> Path:
        out = tmp_path_factory.mktemp("paused") / f"by-{workers}"
        return run(data, out, workers=workers, pause_after=10)

    return made


def job(data: Path, out: Path) -> Job:
    return Job(
        recipe=SMALL,
        clips=ClipDataset(data, 5, held_out=2, progress=False),
        out=out,
        minutes=None,
        steps=20,
        resume=False,
        workers=2,
        loaders=0,
        seed=0,
        precision="float32",
        compile=False,
        pause_after=None,
        progress=False,
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_resuming_is_bit_exact(
    data: Path, paused: Callable[[int], Path], tmp_path: Path, workers: int
) -> None:
    straight = run(data, tmp_path / "straight", workers=workers)
    broken = Path(shutil.copytree(paused(workers), tmp_path / "broken"))
    assert load_state(broken)["step"] == 10
    run(data, broken, workers=workers, resume=True)
    one, two = load_state(straight), load_state(broken)
    assert one["step"] == two["step"] == 20
    for name, value in one["model"].items():
        assert torch.equal(value, two["model"][name]), name
    weights = "diffusion_pytorch_model.safetensors"
    assert (straight / weights).read_bytes() == (broken / weights).read_bytes()
    steps = [entry["step"] for entry in read(broken) if "loss" in entry]
    assert steps == sorted(set(steps))


def test_a_run_is_a_checkpoint_with_its_diary(data: Path, tmp_path: Path) -> None:
    out = run(data, tmp_path / "run", steps=40, precision="auto")
    assert load_state(out)["precision"] in ("float32", "bfloat16")
    model = load(out)
    near_m, far_m = model.domain("push").depth_range_m
    assert 0 < near_m < far_m
    mean_frame = torch.from_numpy(ClipDataset(data, 5).known()[0].mean_frame)
    assert torch.allclose(model.mean_image[0], mean_frame, atol=2e-3)
    assert len(list((out / "starts").glob("*.safetensors"))) == 2
    entries = read(out)
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    assert len(losses) == 2 and losses[1] < losses[0]
    probed = entries[-1]
    assert {"one_step_ratio", "shuffle_ratio", "rollout_psnr_db"} <= set(probed)
    assert (out / "loss.svg").read_text().startswith("<svg")


def test_the_seed_decides(data: Path, tmp_path: Path) -> None:
    outs = [run(data, tmp_path / f"{i}", steps=3, seed=seed) for i, seed in enumerate((0, 0, 1))]
    heads = [load_state(out)["model"]["head.weight"] for out in outs]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])


def test_workers_share_out_the_positions_of_clips(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    batch = ClipDataset.batch

    def watched(self: ClipDataset, positions: Sequence[int]) -> RecordedClip:
        drawn.extend(positions)
        return batch(self, positions)

    monkeypatch.setattr(ClipDataset, "batch", watched)
    for rank in (0, 1):
        worker = Worker(rank, job(data, tmp_path))
        for _ in range(3):
            worker.draw()
    assert sorted(drawn) == list(range(12)) and drawn[:4] == [0, 1, 4, 5]


def test_noise_hangs_on_the_clip_and_the_history_coin_on_the_step(
    data: Path, tmp_path: Path
) -> None:
    noises, coins = [], []
    for rank in (0, 1):
        worker = Worker(rank, job(data, tmp_path))
        for worker.step in range(3):
            worker.position = 4 * worker.step
            noises += [rng.initial_seed() for rng in worker.draw()[1]]
            coins.append(worker.coin().random())
    # The coin is the same for both ranks, the noise is not.
    assert len(set(noises)) == 12 and coins[:3] == coins[3:] and len(set(coins)) == 3
    wide = replace(SMALL, settings=replace(SMALL.settings, clips_per_worker=4))
    alone = Worker(0, replace(job(data, tmp_path), recipe=wide, workers=1))
    assert [rng.initial_seed() for rng in alone.draw()[1]] == noises[:2] + noises[6:8]


def test_a_mix_is_trained_on_and_its_digests_are_kept(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    facts = {"scenario": "push", "split": "ood", "seed": 4, "steps": 12}
    simulate(Collector("push", "ood", 4, 12), facts, 3, other, progress=False)
    out = run([data, other], tmp_path / "run", steps=2, weights=(2, 1), pause_after=1)
    described = json.loads((out / "run.json").read_text())
    assert described["data"] == [Dataset(data).digest, Dataset(other).digest]
    assert described["weights"] == [2, 1]
    starts = sorted((out / "starts").glob("*.safetensors"))
    splits = [load_episode(path).scene.split for path in starts]
    assert splits == ["id", "ood", "id", "ood"]
    for path in (data, other):
        with pytest.raises(InputError, match="was trained on"):
            refuse_training_data(out, Dataset(path))
    with pytest.raises(InputError, match="other weights"):
        run([data, other], out, steps=2, weights=(1, 1), resume=True)
    run([data, other], out, steps=2, weights=(2, 1), resume=True)


@pytest.fixture(scope="module")
def swing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swing") / "data"
    facts = {"scenario": "swing", "split": "id", "seed": 0, "steps": 6}
    simulate(Collector("swing", "id", 0, 6), facts, 4, folder, progress=False)
    return folder


def test_one_model_of_two_scenarios(data: Path, swing: Path, tmp_path: Path) -> None:
    out = run([data, swing], tmp_path / "run", steps=4)
    model = load(out)
    push, pendulum = model.domain("push"), model.domain("swing")
    assert (push.action_size, pendulum.action_size) == (2, 1)
    assert push.depth_range_m != pendulum.depth_range_m
    assert not torch.equal(model.mean_image[0], model.mean_image[1])
    starts = [load_episode(path).scene.scenario for path in sorted((out / "starts").iterdir())]
    assert starts == ["push", "swing"] * 2
    env = gymnasium.make("worldsim/Swing-WM-v0", checkpoint=str(out))
    env.reset(seed=0)
    assert env.step(env.action_space.sample())[0].shape == (64, 64, 3)
    env.close()


def test_a_cache_gives_the_frames_that_are_read(data: Path, swing: Path, tmp_path: Path) -> None:
    clips = ClipDataset([data, swing], 5, seed=1, held_out=1, progress=False)
    device = torch.device("cpu")
    domains = [
        Domain(i, k.scenario, 20, 2, k.depth_range_m, 1) for i, k in enumerate(clips.known())
    ]
    read_ = feed(clips, domains, 3, 0, 3, device)
    kept = feed(clips, domains, 3, 0, 3, device, cache=tmp_path / "cache")
    for _ in range(6):
        one, two = next(read_), next(kept)
        assert torch.equal(one.actions, two.actions) and torch.equal(one.scenario, two.scenario)
        assert (one.frames[:, :, :3] - two.frames[:, :, :3]).abs().max() < 1e-6
        assert (one.frames[:, :, 3] - two.frames[:, :, 3]).abs().max() < 1e-4
    made = (tmp_path / "cache" / "colour.npy").stat().st_mtime_ns
    next(feed(clips, domains, 3, 0, 3, device, cache=tmp_path / "cache"))
    assert (tmp_path / "cache" / "colour.npy").stat().st_mtime_ns == made
    alone = ClipDataset(data, 5, progress=False)
    next(feed(alone, domains[:1], 3, 0, 3, device, cache=tmp_path / "cache"))
    assert (tmp_path / "cache" / "colour.npy").stat().st_mtime_ns != made


def test_a_cache_on_a_full_disk_says_what_it_needs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(InputError, match=r"the frames take 1.6 MB, 1 kB are free"):
        frame_cache(ClipDataset(data, 5, progress=False), tmp_path / "cache")
    assert not (tmp_path / "cache" / "cache.json").exists()


def test_a_nan_stops_and_names_step_and_checkpoint(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = run(data, tmp_path / "run", pause_after=4)
    before = load_state(out)
    learn = Worker.learn

    def poisoned(self: Worker, progress: float) -> float:
        loss = learn(self, progress)
        return float("nan") if self.step == 6 else loss

    monkeypatch.setattr(Worker, "learn", poisoned)
    with pytest.raises(Diverged, match=rf"nan at step 6; last good checkpoint: {out} \(step 4\)"):
        run(data, out, resume=True)
    after = load_state(out)
    assert after["step"] == 4
    assert torch.equal(before["model"]["head.weight"], after["model"]["head.weight"])


def test_ctrl_c_writes_a_checkpoint(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code = (
        "import sys; from pathlib import Path; from test_training import SMALL, Budget, train\n"
        f"train(SMALL, Path({str(data)!r}), Path({str(out)!r}), Budget(steps=100000), workers=1,"
        "precision='float32')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (out / "metrics.jsonl").is_file() or not read(out):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert load_state(out)["step"] >= 20
    assert load(out).config.scenarios == ["push"]


def test_bad_input_is_named_and_nothing_is_written(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(InputError, match="not both"):
        Budget(minutes=1, steps=1)
    with pytest.raises(InputError, match="positive number"):
        Budget(minutes=float("nan"))
    with pytest.raises(InputError, match="no checkpoint to resume"):
        run(data, out, resume=True)
    with pytest.raises(InputError):
        run(tmp_path / "nowhere", out)
    long = replace(SMALL, settings=replace(SMALL.settings, clip_frames=50))
    with pytest.raises(InputError, match="too short for clips of 50"):
        train(long, data, out, Budget(steps=1), workers=1, progress=False)
    greedy = replace(SMALL, settings=replace(SMALL.settings, held_out_episodes=6))
    with pytest.raises(InputError):
        train(greedy, data, out, Budget(steps=1), workers=1, progress=False)
    assert not out.exists()
    run(data, out, steps=1)
    with pytest.raises(InputError, match="holds a run already"):
        run(data, out, steps=1)
    with pytest.raises(InputError, match="other seed"):
        run(data, out, steps=1, seed=5, resume=True)
    (out / "state.safetensors").write_bytes((out / "state.safetensors").read_bytes()[:1000])
    with pytest.raises(InputError, match="is damaged"):
        run(data, out, steps=1, resume=True)
    with pytest.raises(InputError, match="pause-after must be at least 1"):
        run(data, tmp_path / "other", pause_after=0)
    assert not (tmp_path / "other").exists()


def test_two_workers_say_what_is_wrong_in_one_line(
    data: Path, paused: Callable[[int], Path], tmp_path: Path
) -> None:
    out = Path(shutil.copytree(paused(2), tmp_path / "run"))
    (out / "state.safetensors").write_bytes((out / "state.safetensors").read_bytes()[:1000])
    with pytest.raises(InputError, match="is damaged"):
        run(data, out, workers=2, resume=True)


def test_a_run_that_died_before_its_first_checkpoint_starts_anew(
    data: Path, tmp_path: Path
) -> None:
    out = run(data, tmp_path / "run", steps=1)
    for name in ("state.safetensors", "config.json", "diffusion_pytorch_model.safetensors"):
        (out / name).unlink()
    with pytest.raises(InputError, match="no checkpoint to resume"):
        run(data, out, steps=1, resume=True)
    run(data, out, steps=1)
    assert load_state(out)["step"] == 1


def test_a_checkpoint_without_its_state_is_not_written_over(data: Path, tmp_path: Path) -> None:
    out = run(data, tmp_path / "run", steps=1)
    (out / "state.safetensors").unlink()
    before = sorted(out.rglob("*"))
    with pytest.raises(InputError, match="not empty and no run"):
        run(data, out, steps=1)
    assert sorted(out.rglob("*")) == before


def test_a_metrics_line_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 1}) + '\n{"step": 2, "lo')
    assert read(tmp_path) == [{"step": 1}]


def test_most_frames_are_drawn_from_pure_noise() -> None:
    rng = torch.Generator().manual_seed(0)
    drawn, luck = torch.rand((2, 400, 50), generator=rng)
    levels = objective.signal_levels(drawn, luck, 0.8)
    assert abs(float((levels == 0).float().mean()) - 0.8) < 0.01
    noised = levels[levels > 0]
    assert abs(float(noised.mean()) - 0.5) < 0.02
    assert levels.std(1).min() > 0, "levels differ within a clip"


def test_a_task_is_the_clip_one_step_apart() -> None:
    """Off-by-one: the target of frame t is what follows the previous frame of t."""
    settings = replace(
        SMALL.settings, previous_noise_std=0.0, hide_previous_chance=0.0, pure_noise_share=0.0
    )
    frames = torch.arange(5.0)[None, :, None, None, None].expand(1, 5, 4, 8, 8).clone()
    clip = Clip(frames, torch.zeros(1, 4, 2), torch.zeros(1, dtype=torch.long))
    task = objective.make_task(clip, settings, [torch.Generator().manual_seed(0)])
    assert torch.equal(task.previous, frames[:, :-1])
    level = task.timestep[..., None, None, None]
    noise = (task.hidden_states - level * frames[:, 1:]) / (1 - level)
    assert abs(float(noise.mean())) < 0.2 and abs(float(noise.std()) - 1) < 0.1


class Successor(torch.nn.Module):
    """Draws the previous frame plus one tenth."""

    def forward(
        self,
        noised: object,
        levels: object,
        actions: object,
        previous: torch.Tensor,
        scenario: object,
        causal: object,
    ):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return previous + 0.1


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_own_history_drifts_as_a_rollout_does(passes: int) -> None:
    clip = Clip(torch.zeros(1, 6, 4, 8, 8), torch.zeros(1, 5, 2), torch.zeros(1, dtype=torch.long))
    model: WorldModel = Successor()  # type: ignore[assignment]
    previous = objective.own_history(model, clip, passes)[0, :, 0, 0, 0]
    expected = 0.1 * np.minimum(np.arange(5), passes)
    assert np.allclose(previous.numpy(), expected)


def test_schedule_warms_up_holds_and_decays() -> None:
    settings = replace(Settings(), warm_up_steps=10, decay_share=0.4)
    assert schedule(0, 0.0, settings) == pytest.approx(0.1)
    assert schedule(50, 0.5, settings) == 1.0
    assert schedule(50, 0.8, settings) == pytest.approx(0.5)
    assert 0.0 < schedule(50, 1.0, settings) < 0.02
