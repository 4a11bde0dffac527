"""Clips: which action led to which frame, in what order they come, how datasets are mixed."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import Maker, make_episode

from worldsim.data.clips import ClipDataset, RecordedClip
from worldsim.data.order import Shares
from worldsim.data.simulate import simulate
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.frames import to_model

STEPS, EPISODES, FRAMES = 7, 5, 4


def record(folder: Path, maker: Maker, episodes: int) -> Path:
    simulate(maker, maker.meta, episodes, folder, progress=False)
    return folder


def open_clips(paths: Path | list[Path], **options: object) -> ClipDataset:
    return ClipDataset(paths, **{"frames": FRAMES, "progress": False, **options})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("clips") / "push", Maker(steps=STEPS), EPISODES)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("clips") / "other", Maker(seed=1, steps=STEPS), 2)


def same(one: RecordedClip, two: RecordedClip) -> bool:
    return all((a == b).all() for a, b in zip(one, two, strict=True))


def places(clips: ClipDataset, positions: range) -> list[tuple[int, int, int]]:
    return [clips.place(position) for position in positions]


@pytest.mark.parametrize("frames", [1, 2, 5, STEPS + 1])
def test_an_action_lies_between_the_frames_it_links(folder: Path, frames: int) -> None:
    clips = open_clips(folder, frames=frames)
    episodes = list(clips.datasets[0])
    for position in range(len(clips)):
        seen, depth_m, actions, scenario = clips[position]
        assert seen.shape == (frames, 8, 8, 3) and seen.dtype == np.uint8
        assert depth_m.shape == (frames, 8, 8) and depth_m.dtype == np.float32
        assert scenario == 0 and actions.shape == (frames - 1, 2) and actions.dtype == np.float32
        _, index, start = clips.place(position)
        assert (seen == episodes[index].frames[start : start + frames]).all()
        assert (depth_m == episodes[index].depth_m[start : start + frames]).all()
        # actions[t] was chosen on frames[t] and led to frames[t + 1]
        assert (actions == episodes[index].actions[start : start + frames - 1]).all()
        assert (np.rint(actions[:, 0] * 1000) == seen[1:, 0, 0, 0]).all()


def test_an_epoch_holds_every_window_once_and_the_next_in_another_order(folder: Path) -> None:
    clips = open_clips(folder)
    windows = {
        (0, entry.index, first)
        for entry in clips.datasets[0].entries
        for first in range(entry.steps + 1 - FRAMES + 1)
    }
    assert len(clips) == len(windows) == len(list(clips))
    one, two = (places(clips, range(k * len(clips), (k + 1) * len(clips))) for k in (0, 1))
    assert set(one) == set(two) == windows
    assert one != two and one != sorted(one)
    assert places(open_clips(folder, seed=1), range(len(clips))) != one


def test_a_clip_hangs_on_seed_and_position_alone(folder: Path, other: Path) -> None:
    clips = open_clips([folder, other], seed=3)
    straight = [clips[position] for position in range(2 * len(clips))]
    for position in (2 * len(clips) - 1, 0, len(clips) + 2, 5):  # in any order, in a new process
        sent = pickle.loads(pickle.dumps(clips))
        assert same(sent[position], straight[position])
    batch = clips.batch([7, 2, len(clips)])
    assert batch.frames.shape == (3, FRAMES, 8, 8, 3) and batch.actions.shape == (3, FRAMES - 1, 2)
    for row, position in enumerate((7, 2, len(clips))):
        one = RecordedClip(*(part[row] for part in batch))
        assert same(one, straight[position])
    assert len(pickle.dumps(clips)) < 10_000


def test_by_default_the_shares_of_a_mix_are_those_of_its_windows(folder: Path, other: Path) -> None:
    clips = open_clips([folder, other])
    drawn = places(clips, range(len(clips)))
    assert len(set(drawn)) == len(clips) == sum(len(open_clips(path)) for path in (folder, other))


@pytest.mark.parametrize("weights", [(2.0, 1.0), (0.0, 3.0), (1e-3, 1.0)])
def test_the_shares_of_a_mix_are_its_weights(
    folder: Path, other: Path, weights: tuple[float, float]
) -> None:
    clips = open_clips([folder, other], weights=weights)
    count = 9000
    drawn = places(clips, range(count))
    shares = Counter(source for source, _, _ in drawn)
    assert shares[0] == pytest.approx(count * weights[0] / sum(weights), abs=1)
    # Within a dataset no window comes again before all have come.
    for source, path in enumerate((folder, other)):
        mine = [place for place in drawn if place[0] == source]
        epoch = len(open_clips(path))
        for first in range(0, len(mine) - epoch, epoch):
            assert len(set(mine[first : first + epoch])) == epoch


@given(
    st.lists(st.floats(0.0, 1e6), min_size=1, max_size=5).filter(lambda w: sum(w) > 1e-3),
    st.integers(0, 10**15),
)
def test_positions_are_dealt_without_gap_or_repeat(weights: list[float], first: int) -> None:
    shares = Shares(weights)
    dealt = [shares.deal(position) for position in range(first, first + 50)]
    for source in range(len(weights)):
        numbers = [number for its, number in dealt if its == source]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    for source, number in dealt:
        assert weights[source] > 0
        wanted = first * (weights[source] / sum(weights))
        assert number == pytest.approx(wanted, rel=1e-6, abs=50 + len(weights))


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ((1.0,), "2 datasets need 2 weights, got 1"),
        ((1.0, 2.0, 3.0), "2 datasets need 2 weights, got 3"),
        ((1.0, -1.0), "finite and 0 or more, got 1 -1"),
        ((1.0, float("nan")), "finite and 0 or more, got 1 nan"),
        ((float("inf"), 1.0), "finite and 0 or more, got inf 1"),
        ((0.0, 0.0), "at least must be above 0"),
        ((1.7e308, 1.7e308), "their sum finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    folder: Path, other: Path, weights: tuple[float, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        open_clips([folder, other], weights=weights)


def test_held_out_episodes_are_never_drawn(folder: Path) -> None:
    fewer = open_clips(folder, held_out=2)
    drawn = {index for _, index, _ in places(fewer, range(3 * len(fewer)))}
    assert drawn == set(range(EPISODES - 2))
    assert len(pickle.loads(pickle.dumps(fewer))) == len(fewer) < len(open_clips(folder))
    for impossible in (-1, EPISODES):
        with pytest.raises(InputError, match="cannot be held out"):
            open_clips(folder, held_out=impossible)


@pytest.mark.parametrize("held_out", [0, 2])
def test_action_statistics_are_those_of_what_is_drawn_from(folder: Path, held_out: int) -> None:
    clips = open_clips(folder, held_out=held_out)
    episodes = list(clips.datasets[0])[: EPISODES - held_out]
    actions = np.concatenate([episode.actions for episode in episodes]).astype(np.float64)
    mean, std = clips.known()[0].action_mean, clips.known()[0].action_std
    np.testing.assert_allclose(mean, actions.mean(0), atol=1e-6)
    np.testing.assert_allclose(std, np.maximum(actions.std(0), 1e-3), rtol=1e-5)


def test_statistics_of_a_mix_are_weighted_and_its_depth_range_holds_both(
    folder: Path, other: Path
) -> None:
    clips = open_clips([folder, other], weights=(1, 3))
    each = [list(data) for data in clips.datasets]
    actions = [np.concatenate([e.actions for e in some]).astype(np.float64) for some in each]
    mean = 0.25 * actions[0].mean(0) + 0.75 * actions[1].mean(0)
    square = 0.25 * (actions[0] ** 2).mean(0) + 0.75 * (actions[1] ** 2).mean(0)
    known = clips.known()[0]
    np.testing.assert_allclose(known.action_mean, mean)
    wanted_std = np.maximum(np.sqrt(square - mean**2), 1e-3)
    np.testing.assert_allclose(known.action_std, wanted_std)

    depth_m = np.concatenate([episode.depth_m for some in each for episode in some])
    near_m, far_m = known.depth_range_m
    span_m = float(depth_m.max() - depth_m.min())
    assert near_m == pytest.approx(depth_m.min() - 0.005 * span_m)
    assert far_m == pytest.approx(depth_m.max() + 0.005 * span_m)

    means = []
    for some in each:
        frames = np.concatenate([episode.frames for episode in some])
        depth_m = np.concatenate([episode.depth_m for episode in some])
        means.append(to_model(frames, depth_m, known.depth_range_m).mean(0, dtype=np.float64))
    mean_frame = known.mean_frame
    assert mean_frame.shape == (4, 8, 8) and mean_frame.dtype == np.float32
    np.testing.assert_allclose(mean_frame, 0.25 * means[0] + 0.75 * means[1], atol=1e-5)


def test_what_does_not_fit_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    longest = max(entry.steps for entry in open_clips(folder).datasets[0].entries) + 1
    assert len(open_clips(folder, frames=longest)) == 1
    with pytest.raises(InputError, match=f"at most {longest} frames"):
        open_clips(folder, frames=longest + 1)
    with pytest.raises(InputError, match="at least 1 frame"):
        open_clips(folder, frames=0)
    with pytest.raises(InputError, match="seed of clips must be 0 or more"):
        open_clips(folder, seed=-1)
    with pytest.raises(InputError, match="positions of clips start at 0"):
        open_clips(folder)[-1]
    with pytest.raises(InputError, match="at least one dataset"):
        open_clips([])
    with pytest.raises(InputError, match="no such folder"):
        open_clips([folder, tmp_path / "none"])


def test_datasets_of_a_mix_must_agree(folder: Path, tmp_path: Path) -> None:
    big = tmp_path / "big"
    simulate(Big(), Maker().meta, 1, big, progress=False)
    with pytest.raises(InputError, match=r"big has frames of \(9, 9\), .*push \(8, 8\)"):
        open_clips([folder, big])
    fast = tmp_path / "fast"
    simulate(Maker(), {**Maker().meta, "frame_rate_hz": 20}, 1, fast, progress=False)
    with pytest.raises(InputError, match="fast has a frame rate of 20, .*push 10"):
        open_clips([folder, fast])


class Big:
    """A maker of larger frames."""

    def __call__(self, index: int) -> Episode:
        return make_episode(index, size_px=9)
