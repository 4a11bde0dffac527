"""Clips: which action led to which frame, which windows there are, how exact depth is."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from synthetic import Maker, make_episode

from worldsim.data import clips as module
from worldsim.data.clips import Clips
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.frames import to_model

STEPS, EPISODES = 7, 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "push"
    maker = Maker(steps=STEPS)
    simulate(maker, maker.meta, EPISODES, folder, progress=False)
    return folder


@pytest.fixture(scope="module")
def clips(folder: Path) -> Clips:
    return Clips(folder, progress=False)


@pytest.mark.parametrize("frames", [1, 2, 5, STEPS + 1])
def test_an_action_lies_between_the_frames_it_links(clips: Clips, frames: int) -> None:
    episodes = {episode.scene.seed: episode for episode in clips.dataset}
    seen, depth_m, actions = clips.sample(np.random.default_rng(0), 200, frames)
    assert seen.shape == (200, frames, 8, 8, 3) and seen.dtype == np.uint8
    assert depth_m.shape == (200, frames, 8, 8) and depth_m.dtype == np.float32
    assert actions.shape == (200, frames - 1, 2) and actions.dtype == np.float32
    for row in range(200):
        start, seed = seen[row, 0, 0, 0, :2].tolist()
        episode = episodes[seed]
        window = slice(start, start + frames)
        assert (seen[row] == episode.frames[window]).all()
        assert np.abs(depth_m[row] - episode.depth_m[window]).max() < 1e-4
        # actions[t] was chosen on frames[t] and led to frames[t + 1]
        assert (actions[row] == episode.actions[start : start + frames - 1]).all()
        assert (np.rint(actions[row, :, 0] * 1000) == seen[row, 1:, 0, 0, 0]).all()


def test_every_window_is_as_likely_as_any_other(clips: Clips) -> None:
    frames = 6
    windows = [
        (entry.seed, first)
        for entry in clips.dataset.entries
        for first in range(entry.steps + 1 - frames + 1)
    ]
    assert clips.windows(frames) == len(windows)
    seen, _, _ = clips.sample(np.random.default_rng(1), 400 * len(windows), frames)
    drawn = [tuple(pair) for pair in seen[:, 0, 0, 0, 1::-1].tolist()]
    counts = np.array([drawn.count(window) for window in windows])
    assert counts.sum() == len(drawn)
    assert (np.abs(counts - 400) < 5 * np.sqrt(400)).all(), counts


def test_held_out_episodes_are_never_drawn(clips: Clips, folder: Path) -> None:
    fewer = Clips(folder, progress=False, held_out=2)
    drawn, _, _ = fewer.sample(np.random.default_rng(0), 500, 3)
    kept = {entry.seed for entry in clips.dataset.entries[:-2]}
    assert {int(seed) for seed in drawn[:, 0, 0, 0, 1]} == kept
    assert fewer.windows(3) == sum(entry.steps - 1 for entry in clips.dataset.entries[:-2])
    assert pickle.loads(pickle.dumps(fewer)).windows(3) == fewer.windows(3)
    for impossible in (-1, EPISODES):
        with pytest.raises(InputError, match="cannot be held out"):
            Clips(folder, progress=False, held_out=impossible)


def test_action_statistics_leave_out_the_padding(clips: Clips) -> None:
    actions = np.concatenate([episode.actions for episode in clips.dataset]).astype(np.float64)
    mean, std = clips.action_statistics()
    np.testing.assert_allclose(mean, actions.mean(0), atol=1e-6)
    np.testing.assert_allclose(std, np.maximum(actions.std(0), 1e-3), rtol=1e-5)


def test_the_same_generator_draws_the_same(clips: Clips, folder: Path) -> None:
    first = clips.sample(np.random.default_rng(3), 4, 5)
    again = pickle.loads(pickle.dumps(clips)).sample(np.random.default_rng(3), 4, 5)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert len(pickle.dumps(clips)) < 500


def test_the_depth_range_lies_just_outside_the_data(clips: Clips) -> None:
    depth_m = np.concatenate([episode.depth_m for episode in clips.dataset])
    near_m, far_m = clips.depth_range_m
    span_m = float(depth_m.max() - depth_m.min())
    assert near_m == pytest.approx(depth_m.min() - 0.005 * span_m)
    assert far_m == pytest.approx(depth_m.max() + 0.005 * span_m)


def test_the_mean_frame_is_the_mean_of_all(clips: Clips) -> None:
    frames = np.concatenate([episode.frames for episode in clips.dataset])
    depth_m = np.concatenate([episode.depth_m for episode in clips.dataset])
    wanted = to_model(frames, depth_m, clips.depth_range_m).mean(0, dtype=np.float64)
    mean = clips.mean_frame()
    assert mean.shape == (4, 8, 8) and mean.dtype == np.float32
    np.testing.assert_allclose(mean, wanted, atol=1e-6)


def test_too_long_clips_are_refused(clips: Clips) -> None:
    longest = max(entry.steps for entry in clips.dataset.entries) + 1
    assert clips.windows(longest) == 1
    with pytest.raises(InputError, match=f"at most {longest} frames"):
        clips.sample(np.random.default_rng(0), 1, longest + 1)
    with pytest.raises(InputError, match="at least 1 frame"):
        clips.windows(0)


def test_it_is_unpacked_once_and_again_for_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = Maker()
    simulate(maker, maker.meta, 2, tmp_path / "push", progress=False)
    unpacked = []
    unpack = module._unpack

    def count(dataset: Dataset, folder: Path, progress: bool) -> None:
        unpacked.append(folder)
        unpack(dataset, folder, progress)

    monkeypatch.setattr(module, "_unpack", count)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Clips(tmp_path / "push", False), range(4)))
    assert len(unpacked) == 1 and {len(one) for one in opened} == {len(opened[0])}
    simulate(maker, maker.meta, 3, tmp_path / "push", progress=False)
    assert len(Clips(tmp_path / "push", False)) > len(opened[0])
    assert Dataset(tmp_path / "push").verify() == []


def test_a_killed_or_failed_unpacking_leaves_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = Maker()
    simulate(maker, maker.meta, 2, tmp_path / "push", progress=False)
    cache = tmp_path / "push" / "cache"

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_pack_depth", fail)
        with pytest.raises(InputError, match="disk full"):
            Clips(tmp_path / "push", False)
    assert [path.name for path in cache.iterdir()] == [".lock"]
    digest = Dataset(tmp_path / "push").digest[:12]
    (cache / f".{digest}-1.99-99.tmp").mkdir()  # left by a process killed with -9
    Clips(tmp_path / "push", False)
    assert sorted(path.name for path in cache.iterdir()) == [".lock", f"{digest}-1"]


@pytest.mark.parametrize("name", ["clips.json", "frames.npy", "mean.npy", "starts.npy"])
def test_a_damaged_cache_says_what_to_delete(tmp_path: Path, name: str) -> None:
    simulate(Maker(), Maker().meta, 2, tmp_path / "push", progress=False)
    file = Clips(tmp_path / "push", progress=False).cache / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InputError, match="delete that folder"):
        Clips(tmp_path / "push", progress=False)
    file.unlink()
    with pytest.raises(InputError, match="delete that folder"):
        Clips(tmp_path / "push", progress=False)


def test_unfit_episodes_are_named(tmp_path: Path) -> None:
    simulate(Odd("size"), Maker().meta, 3, tmp_path / "size", progress=False)
    with pytest.raises(InputError, match="episode 2 of .* has frames"):
        Clips(tmp_path / "size", False)
    simulate(Odd("nan"), Maker().meta, 3, tmp_path / "nan", progress=False)
    with pytest.raises(InputError, match="episode 2 of .* not finite"):
        Clips(tmp_path / "nan", False)
    simulate(Odd("far"), Maker().meta, 3, tmp_path / "far", progress=False)
    with pytest.raises(InputError, match="too wide for 16 bits"):
        Clips(tmp_path / "far", False)
    with pytest.raises(InputError, match="no such folder"):
        Clips(tmp_path / "none", False)


class Odd:
    """A maker whose episode 2 does not fit the others."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def __call__(self, index: int) -> Episode:
        if index == 2 and self.fault == "size":
            return make_episode(index, size_px=9)
        episode = make_episode(index)
        if index == 2:
            episode.depth_m[0, 0, 0] = np.nan if self.fault == "nan" else 50.0
        return episode
