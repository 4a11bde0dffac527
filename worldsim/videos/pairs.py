"""Which clip is to show which recorded episode: by name and number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from worldsim.data.dataset import META_FILE, Dataset
from worldsim.data.store import SUFFIX
from worldsim.errors import InputError, unknown
from worldsim.videos.footage import is_clip


@dataclass(frozen=True)
class Pair:
    """A clip and the episode that it is to show; `index` is None where `reason` says why."""

    clip: Path
    data: Path
    index: int | None
    reason: str = ""

    @property
    def reference(self) -> str:
        return str(self.data) if self.index is None else f"{self.data}/{self.index:06d}"


def pairs_of(
    video: Path, against: Path, scenarios: Sequence[str] = (), limit: int | None = None
) -> list[Pair]:
    """Clips of `video` (a clip, or a folder of clips) with their episodes, in order of name.

    `against` is an episode (a recording's folder and a number), a recording, or a folder of
    recordings, whose names are then those of the folders in `video`. Without a number there, an
    episode is the one of the last number in a clip's name. Only the recordings of some scenarios
    and only the first `limit` clips, where given. Raises InputError where there is nothing.
    """
    if not video.exists():
        raise InputError(f"--video {video}: no such file or folder")
    data, index = _reference(against)
    if (data / META_FILE).is_file():
        found = _of_recording(video, data, index, scenarios)
    else:
        found = _of_recordings(video, data, scenarios)
    if not found:
        raise InputError(
            f"--video {video} holds no clip to judge by {against}; clips are films (.mp4, .webm, "
            ".avi, .mov, .mkv), .npz files and folders of PNGs"
        )
    return found[:limit]


def _reference(against: Path) -> tuple[Path, int | None]:
    """A folder and perhaps an episode's number, of data/push/000007 or its file."""
    name = against.name.removesuffix(SUFFIX)
    folder = against.parent
    if folder.name == "episodes" and (folder.parent / META_FILE).is_file():
        folder = folder.parent
    if name.isdecimal() and (folder / META_FILE).is_file():
        return folder, int(name)
    if not against.is_dir():
        raise InputError(
            f"--against {against}: no such recording; name a folder that worldsim simulate made, "
            "with an episode's number perhaps, for example data/push/000007"
        )
    return against, None


def _of_recording(
    video: Path, data: Path, index: int | None, scenarios: Sequence[str]
) -> list[Pair]:
    dataset = Dataset(data)
    own = str(dataset.meta.get("scenario"))
    if scenarios and own not in scenarios:
        return []
    clips = [video] if is_clip(video) or video.is_file() else _clips(video)
    return [_pair(clip, dataset, index) for clip in clips]


def _of_recordings(video: Path, folder: Path, scenarios: Sequence[str]) -> list[Pair]:
    recordings = sorted(path.parent for path in folder.glob(f"*/{META_FILE}"))
    if not recordings:
        raise InputError(f"--against {folder} is no recording and holds none")
    if not video.is_dir():
        names = ", ".join(path.name for path in recordings)
        raise InputError(f"--against {folder} holds several recordings; name one: {names}")
    owners = {str(Dataset(path).meta.get("scenario")) for path in recordings}
    for scenario in scenarios:
        if scenario not in owners:
            raise unknown("scenario", scenario, owners)
    pairs = []
    for recording in recordings:
        if (video / recording.name).is_dir():
            pairs += _of_recording(video / recording.name, recording, None, scenarios)
    return pairs


def _clips(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if is_clip(path))


def _pair(clip: Path, dataset: Dataset, index: int | None) -> Pair:
    numbers = re.findall(r"\d+", clip.stem)
    if index is None and not numbers:
        return Pair(
            clip,
            dataset.path,
            None,
            f"{clip} has no number in its name that says which episode of {dataset.path} it shows; "
            f"rename it, or give --against {dataset.path}/NUMBER",
        )
    wanted = int(numbers[-1]) if index is None else index
    if wanted >= len(dataset):
        said = f"{clip}: {dataset.path} has no episode {wanted}, it has {len(dataset)} (from 0)"
        return Pair(clip, dataset.path, None, said)
    return Pair(clip, dataset.path, wanted)
