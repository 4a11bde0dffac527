"""What needs a look at every frame of a dataset: computed once, kept beside it.

<dataset>/cache/statistics-<digest>.npz   the fields of Statistics, format and the whole digest
"""

from __future__ import annotations

import io
import sys
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.data.atomic import write_whole
from worldsim.data.dataset import Dataset
from worldsim.episode import Episode
from worldsim.errors import InputError

FORMAT = 1


@dataclass(frozen=True)
class Statistics:
    """Depth, mean frame and actions of a dataset, so that several can be put together.

    `steps`, `action_sum` and `action_square_sum` are those of every episode, since which are held
    out is for the reader to say.
    """

    frames: int
    nearest_m: float
    farthest_m: float
    mean_rgb: NDArray[np.float64]  # (H, W, 3), 0..255
    mean_depth_m: NDArray[np.float64]  # (H, W)
    steps: NDArray[np.int64]  # (E,)
    action_sum: NDArray[np.float64]  # (E, A)
    action_square_sum: NDArray[np.float64]  # (E, A)

    def action_moments(self, held_out: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and mean square of every action channel, without the last `held_out` episodes."""
        kept = slice(len(self.steps) - held_out)
        steps = self.steps[kept].sum()
        return self.action_sum[kept].sum(0) / steps, self.action_square_sum[kept].sum(0) / steps


def statistics(dataset: Dataset, progress: bool = True) -> Statistics:
    """The dataset's statistics, from its cache or else by a look at every episode.

    Where the cache cannot be written that is said on stderr, and they are computed all the same.
    Raises InputError for episodes of different sizes and for depth that is not finite.
    """
    found = stored(dataset)
    if found is not None:
        return found
    made = _compute(dataset, progress)
    path = _path(dataset)
    try:
        path.parent.mkdir(exist_ok=True)
        write_whole(path, _encode(made, dataset.digest))
    except (OSError, InputError) as error:
        reason = str(error.__cause__ or error)
        print(f"statistics of {dataset.path} are not kept: {reason}", file=sys.stderr)
    return made


def stored(dataset: Dataset) -> Statistics | None:
    """What the cache holds of the dataset as it is now; None where it is missing or damaged."""
    try:
        content = _path(dataset).read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            values = {name: archive[name] for name in archive.files}
        if values.pop("format") != FORMAT or str(values.pop("digest")) != dataset.digest:
            return None
        scalars = {f.name: values[f.name].item() for f in fields(Statistics)[:3]}
        found = Statistics(**{**values, **scalars})
    except (
        OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error,
        NotImplementedError, SyntaxError,
    ):  # fmt: skip
        return None
    return found if len(found.steps) == len(dataset) else None


def _path(dataset: Dataset) -> Path:
    return dataset.path / "cache" / f"statistics-{dataset.digest[:12]}.npz"


def _encode(made: Statistics, digest: str) -> bytes:
    content = io.BytesIO()
    values = {field.name: getattr(made, field.name) for field in fields(Statistics)}
    np.savez(content, format=np.array(FORMAT), digest=np.array(digest), **values)
    return content.getvalue()


def _compute(dataset: Dataset, progress: bool) -> Statistics:
    first: Episode | None = None
    nearest_m, farthest_m = np.inf, -np.inf
    rgb: Any = 0
    depth_m: Any = 0.0
    actions = []
    bar = tqdm(dataset, total=len(dataset), desc="statistics", unit="episode", disable=not progress)
    for index, episode in enumerate(bar):
        first = first or episode
        _check(dataset, index, episode, first)
        nearest_m = min(nearest_m, float(episode.depth_m.min()))
        farthest_m = max(farthest_m, float(episode.depth_m.max()))
        rgb = rgb + episode.frames.sum(0, dtype=np.uint64)
        depth_m = depth_m + episode.depth_m.sum(0, dtype=np.float64)
        done = episode.actions.astype(np.float64)
        actions.append((done.sum(0), np.square(done).sum(0)))
    sums = np.array(actions)
    return Statistics(
        frames=dataset.frames,
        nearest_m=nearest_m,
        farthest_m=farthest_m,
        mean_rgb=rgb / dataset.frames,
        mean_depth_m=depth_m / dataset.frames,
        steps=np.array([entry.steps for entry in dataset.entries]),
        action_sum=sums[:, 0],
        action_square_sum=sums[:, 1],
    )


def _check(dataset: Dataset, index: int, episode: Episode, first: Episode) -> None:
    name = f"episode {index} of {dataset.path}"
    if episode.steps != dataset.entries[index].steps:
        raise InputError(f"{name} is not as long as its index says; run worldsim verify")
    for field in ("frames", "actions"):
        mine, other = getattr(episode, field).shape[1:], getattr(first, field).shape[1:]
        if mine != other:
            raise InputError(f"{name} has {field} of {mine}, episode 0 of {other}")
    if not np.isfinite(episode.depth_m).all():
        raise InputError(f"{name} has depth that is not finite; run worldsim verify")
