"""Clips for training: windows of recorded episodes, in an order that hangs on a seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldsim.data.dataset import Dataset
from worldsim.data.order import Shares, check_weights
from worldsim.data.statistics import Statistics, statistics
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.frames import to_model

_MARGIN = 0.005
_LEAST_MARGIN_M = 1e-4
_LEAST_STD = 1e-3
_STREAM = 0xC11B5  # apart from what else is drawn from the same seed


class RecordedClip(NamedTuple):
    """`actions[t]` led from `frames[t]` to `frames[t + 1]`; a batch has an axis b in front."""

    frames: NDArray[np.uint8]  # (t, H, W, 3)
    depth_m: NDArray[np.float32]  # (t, H, W)
    actions: NDArray[np.float32]  # (t - 1, A), zeros beyond the channels of its scenario
    scenario: NDArray[np.int64]  # (): its number in `ClipDataset.scenarios`


@dataclass(frozen=True)
class Known:
    """What clips know of a scenario; means are those of its datasets as weighted.

    `depth_range_m`: (near, far), 0.5 % of the span outside what the datasets hold.
    """

    scenario: str
    frame_rate_hz: int
    depth_range_m: tuple[float, float]
    action_mean: tuple[float, ...]
    action_std: tuple[float, ...]  # at least 1e-3
    mean_frame: NDArray[np.float32]  # (4, H, W) in model values


class ClipDataset:
    """Windows of `frames` frames of one dataset, or of several mixed by `weights`.

    `clips[i]` is a function of seed and position i = 0, 1, 2, ..., endlessly, so processes share
    the work by sharing the positions, and a run goes on where it stopped by starting at a
    position. Positions are dealt to the datasets by their weights, by default their numbers of
    windows; of one dataset every window comes once, in an order drawn from seed and epoch, before
    any comes again. `len(clips)` is the number of windows: an epoch. PyTorch's DataLoader takes a
    ClipDataset as it is; pickling sends paths and statistics.

    The datasets may be of several scenarios: `scenarios` names them, in the order of the datasets.
    The last `held_out` episodes of every dataset are never drawn and not in the action
    statistics; depth range and mean frame are those of all episodes.

    Raises InputError for what is no dataset, an unfinished one, no episodes beside those held out,
    episodes too short, datasets that do not fit each other, weights that do not fit, and depth
    that is not finite.
    """

    def __init__(
        self,
        paths: Path | str | Sequence[Path | str],
        frames: int = 16,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        held_out: int = 0,
        progress: bool = True,
        known: Sequence[Statistics] | None = None,
    ) -> None:
        if seed < 0:
            raise InputError(f"the seed of clips must be 0 or more, got {seed}")
        each = [paths] if isinstance(paths, Path | str) else list(paths)
        if not each:
            raise InputError("clips need at least one dataset")
        if weights is not None:
            weights = check_weights(weights, len(each))
        self.datasets = [Dataset(path) for path in each]
        for dataset in self.datasets:
            dataset.check_finished()
        self.frames, self.seed, self.held_out = frames, seed, held_out
        self._ends = [_window_ends(data, frames, held_out) for data in self.datasets]
        self.weights = weights or tuple(float(ends[-1]) for ends in self._ends)
        self._shares = Shares(self.weights)
        self._orders: dict[int, tuple[int, NDArray[np.int64]]] = {}
        if known is None:
            known = [statistics(data, progress) for data in self.datasets]
        self._statistics = list(known)
        _refuse_misfits(self.datasets, self._statistics)
        names = [str(data.meta["scenario"]) for data in self.datasets]
        self.scenarios = tuple(dict.fromkeys(names))
        self._scenario = [self.scenarios.index(name) for name in names]

    def __reduce__(self) -> tuple[Any, ...]:
        paths = [data.path for data in self.datasets]
        options = (self.frames, self.weights, self.seed, self.held_out, False, self._statistics)
        return ClipDataset, (paths, *options)

    def __len__(self) -> int:
        return sum(int(ends[-1]) for ends in self._ends)

    def __iter__(self) -> Iterator[RecordedClip]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> RecordedClip:
        source, episode, start = self.place(position)
        window = self.datasets[source].window(episode, start, start + self.frames)
        frames, depth_m, acted = window
        actions = np.zeros((len(acted), self.action_size), np.float32)
        actions[:, : acted.shape[1]] = acted
        return RecordedClip(frames, depth_m, actions, np.array(self.scenario_of(source)))

    def batch(self, positions: Sequence[int]) -> RecordedClip:
        """The clips at these positions, stacked."""
        return RecordedClip(*map(np.stack, zip(*(self[i] for i in positions), strict=True)))

    def place(self, position: int) -> tuple[int, int, int]:
        """Which dataset, episode and first frame the clip at `position` has."""
        if position < 0:
            raise InputError(f"positions of clips start at 0, got {position}")
        source, number = self._shares.deal(int(position))
        ends = self._ends[source]
        epoch, number = divmod(number, int(ends[-1]))
        window = self._order(source, epoch)[number]
        episode = int(np.searchsorted(ends, window, side="right"))
        return source, episode, int(window - (ends[episode - 1] if episode else 0))

    def scenario_of(self, source: int) -> int:
        """The number in `scenarios` of that of dataset `source`."""
        return self._scenario[source]

    def held_out_episodes(self, least_each: int = 0) -> list[Episode]:
        """As many of those never drawn as each dataset holds out, from all of them in turn.

        Of each dataset come `least_each` at least, or all that are held out.
        """
        sources = len(self.datasets)
        count = max(self.held_out, sources * min(least_each, self.held_out))
        taken = enumerate(islice(cycle(self.datasets), count))
        first = [len(data) - self.held_out for data in self.datasets]
        return [data[first[number % sources] + number // sources] for number, data in taken]

    def _order(self, source: int, epoch: int) -> NDArray[np.int64]:
        kept = self._orders.get(source)
        if kept is None or kept[0] != epoch:
            rng = np.random.default_rng([self.seed, source, epoch, _STREAM])
            kept = self._orders[source] = (epoch, rng.permutation(int(self._ends[source][-1])))
        return kept[1]

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of a frame."""
        height_px, width_px = self._statistics[0].mean_depth_m.shape
        return height_px, width_px

    @property
    def action_size(self) -> int:
        """Of the scenario that has most channels."""
        return max(int(found.action_sum.shape[1]) for found in self._statistics)

    def known(self) -> list[Known]:
        """What there is to know of every scenario, in the order of `scenarios`."""
        return [self._known(index) for index in range(len(self.scenarios))]

    def _known(self, index: int) -> Known:
        sources = [k for k, scenario in enumerate(self._scenario) if scenario == index]
        found = [self._statistics[k] for k in sources]
        weights = np.array([self.weights[k] for k in sources])
        if not weights.any():  # of no clip, but of a scenario that is named
            weights = np.ones(len(sources))
        nearest_m = min(each.nearest_m for each in found)
        farthest_m = max(each.farthest_m for each in found)
        margin_m = max(_MARGIN * (farthest_m - nearest_m), _LEAST_MARGIN_M)
        range_m = (nearest_m - margin_m, farthest_m + margin_m)
        moments = [each.action_moments(self.held_out) for each in found]
        mean, square = (np.average(part, 0, weights) for part in zip(*moments, strict=True))
        std = np.sqrt(np.maximum(square - mean**2, _LEAST_STD**2))
        images = [_in_model_space(each, range_m) for each in found]
        return Known(
            self.scenarios[index],
            int(self.datasets[sources[0]][0].scene.frame_rate_hz),
            range_m,
            tuple(mean.tolist()),
            tuple(std.tolist()),
            np.average(images, 0, weights).astype(np.float32),
        )


def _in_model_space(found: Statistics, depth_range_m: tuple[float, float]) -> NDArray[np.float64]:
    """The mean frame as the model sees it: to_model is linear, two points of it are enough."""
    shape = found.mean_rgb.shape
    near_m, far_m = depth_range_m
    low = to_model(np.zeros(shape, np.uint8), np.full(shape[:2], near_m), depth_range_m)
    high = to_model(np.full(shape, 255, np.uint8), np.full(shape[:2], far_m), depth_range_m)
    share = np.empty(low.shape)
    share[:3] = np.moveaxis(found.mean_rgb, -1, 0) / 255
    share[3] = (found.mean_depth_m - near_m) / (far_m - near_m)
    mixed: NDArray[np.float64] = low + (high - low) * share
    return mixed


def _window_ends(dataset: Dataset, frames: int, held_out: int) -> NDArray[np.int64]:
    """Cumulated number of windows up to and with each episode that is drawn from."""
    if frames < 1:
        raise InputError(f"a clip needs at least 1 frame, got {frames}")
    if not 0 <= held_out < len(dataset):
        raise InputError(
            f"{dataset.path} has {len(dataset)} episodes, so {held_out} cannot be held out; "
            "record more"
        )
    lengths = [entry.steps + 1 for entry in dataset.entries[: len(dataset) - held_out]]
    if frames > max(lengths):
        raise InputError(
            f"{dataset.path} has episodes of at most {max(lengths)} frames, "
            f"too short for clips of {frames}; record longer ones"
        )
    return np.cumsum(np.maximum(np.array(lengths) - frames + 1, 0))


def _refuse_misfits(datasets: Sequence[Dataset], found: Sequence[Statistics]) -> None:
    first: dict[str, int] = {}
    for k, (data, its) in enumerate(zip(datasets, found, strict=True)):
        alike = first.setdefault(str(data.meta["scenario"]), k)  # of the same scenario
        for what, mine, other, than in (
            ("frames of", its.mean_depth_m.shape, found[0].mean_depth_m.shape, 0),
            (
                "actions of size",
                its.action_sum.shape[1],
                found[alike].action_sum.shape[1],
                alike,
            ),
            (
                "a frame rate of",
                data.meta.get("frame_rate_hz"),
                datasets[alike].meta.get("frame_rate_hz"),
                alike,
            ),
        ):
            if mine != other:
                raise InputError(
                    f"{data.path} has {what} {mine}, {datasets[than].path} {other}; "
                    "datasets of a mix must agree"
                )
