"""A folder of episodes: dataset.json (what it is), episodes.jsonl (one line an episode), files.

data/push/dataset.json                    schema, scenario, split, seed, steps, look, versions, ...
data/push/episodes.jsonl                  index, file, seed, steps, bytes, sha256; written last
data/push/episodes/000000.safetensors     see worldsim.data.store; .npz in recordings of schema 1
data/push/cache/                          see worldsim.data.statistics; may be deleted at any time
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.data import legacy
from worldsim.data.store import SUFFIX, EpisodeFile, load_episode, read_bytes
from worldsim.episode import Episode
from worldsim.errors import InputError

SCHEMA = 2
READ_SCHEMAS = (1, 2)
KIND = "worldsim dataset"
META_FILE = "dataset.json"
INDEX_FILE = "episodes.jsonl"
EPISODES_FOLDER = "episodes"
Window = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Entry:
    """One line of episodes.jsonl: the facts of one episode's file."""

    index: int
    file: str  # relative to the dataset's folder
    seed: int  # of the episode's scene
    steps: int
    bytes: int
    sha256: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def make_entry(index: int, content: bytes, seed: int, steps: int) -> Entry:
    """The line of an episode whose file holds `content`."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Entry(index, episode_file(index), seed, steps, len(content), sha256)


def episode_file(index: int, suffix: str = SUFFIX) -> str:
    """Where episode `index` lies, relative to the dataset's folder."""
    return f"{EPISODES_FOLDER}/{index:06d}{suffix}"


class Dataset:
    """Recorded episodes: `len(dataset)`, `dataset[i]` -> Episode, iteration in index order.

    `meta` is dataset.json, `entries` the lines of episodes.jsonl, `digest` the SHA-256 of both
    and so of all content. A recording that was interrupted before it was finished, or is still
    going on, is `unfinished` and has the episodes whose files are there. Raises InputError for a
    folder that is missing, foreign or damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"no dataset at {path}: there is no such folder")
        self.meta = read_meta(self.path)
        self.unfinished = not (self.path / INDEX_FILE).is_file()
        if self.unfinished and self.meta["schema"] != SCHEMA:
            raise InputError(
                f"{path} is an unfinished recording of an older version; record it again elsewhere"
            )
        self.entries = _finished(self.path) if self.unfinished else read_index(self.path)

    def __repr__(self) -> str:
        state = ", unfinished" if self.unfinished else ""
        return f"Dataset({str(self.path)!r}, {len(self)} episodes{state})"

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Episode:
        """Episode `index`; InputError where its file is not what was recorded."""
        entry = self.entries[index]
        path = self.path / entry.file
        if hashlib.sha256(read_bytes(path)).hexdigest() != entry.sha256:
            raise InputError(
                f"episode {entry.index} ({path}) differs from its SHA-256; "
                f"run worldsim verify {self.path} --repair"
            )
        return load_episode(path)

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))

    def window(self, index: int, start: int, stop: int) -> Window:
        """Frames start..stop - 1 of episode `index` and the actions between them.

        uint8 (n, H, W, 3), depth in metres float32 (n, H, W) and actions float32 (n - 1, A).
        Reads, or draws, little more than these; each piece read is checked by its own checksum.
        """
        path = self.path / self.entries[index].file
        if path.suffix == legacy.SUFFIX:
            file = EpisodeFile(path)  # all of it is in memory: not one to keep
        else:
            file = _opened(path, _changed_ns(path))
        part = file.part(start, stop, ("frames", "depth_m", "actions"))
        return part["frames"], part["depth_m"], part["actions"]

    def check_finished(self) -> None:
        """Raises InputError, which says how to finish it, where the recording is unfinished."""
        if self.unfinished:
            command = self.meta.get("command", "worldsim simulate, as before")
            raise InputError(
                f"{self.path} is unfinished ({len(self)} episodes so far); finish it first: "
                f"{command} --out {self.path}, with the same --episodes if it had any"
            )
        if not self.entries:
            raise InputError(f"{self.path} has no episodes; record some")

    @property
    def frames(self) -> int:
        """Number of frames in all episodes: each has one more than it has steps."""
        return sum(entry.steps + 1 for entry in self.entries)

    @property
    def digest(self) -> str:
        lines = "".join(f"{entry.to_json()}\n" for entry in self.entries)
        return hashlib.sha256((encode_meta(self.meta) + lines).encode()).hexdigest()

    def verify(self) -> list[str]:
        """One line for each thing that is wrong; see worldsim.data.verify."""
        from worldsim.data.verify import verify  # it records, and recordings are datasets

        return [str(problem) for problem in verify(self.path)]


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


@lru_cache(maxsize=256)
def _opened(path: Path, changed_ns: int) -> EpisodeFile:
    return EpisodeFile(path)


def encode_meta(meta: dict[str, Any]) -> str:
    """The text of dataset.json."""
    return json.dumps(meta, indent=2, sort_keys=True) + "\n"


def seal_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """`meta` as it goes to disk: with kind, schema and its own SHA-256, tuples as lists."""
    sealed = {**json.loads(json.dumps(meta)), "kind": KIND, "schema": SCHEMA}
    return {**sealed, "sha256": meta_digest(sealed)}


def meta_digest(meta: dict[str, Any]) -> str:
    rest = {key: value for key, value in meta.items() if key != "sha256"}
    return hashlib.sha256(encode_meta(rest).encode()).hexdigest()


def read_meta(folder: Path) -> dict[str, Any]:
    """dataset.json of a dataset's folder; InputError when it is missing, foreign or damaged."""
    path = folder / META_FILE
    if not path.is_file():
        raise InputError(
            f"{folder} is not a dataset (it has no {META_FILE}); make one with worldsim simulate"
        )
    return parse_meta(read_bytes(path), path)


def parse_meta(content: bytes, path: Path) -> dict[str, Any]:
    """What the bytes of a dataset.json say; `path` is what errors call it."""
    try:
        meta = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(meta, dict) or meta.get("kind") != KIND:
        raise InputError(f"{path} does not describe a worldsim dataset")
    if meta.get("schema") not in READ_SCHEMAS:
        raise InputError(
            f"{path} has dataset schema {meta.get('schema')!r}, this version reads 1 and 2"
        )
    return meta


def read_index(folder: Path) -> list[Entry]:
    """The lines of episodes.jsonl; InputError when it is missing or a line is damaged."""
    path = folder / INDEX_FILE
    *lines, rest = read_bytes(path).split(b"\n")
    if rest or not lines:
        raise InputError(f"{path} is truncated; run worldsim verify {folder} --repair")
    return [read_entry(path, number, line) for number, line in enumerate(lines)]


def read_entry(path: Path, number: int, line: bytes) -> Entry:
    """A line of the index at `path`; InputError where it is damaged."""
    try:
        entry = Entry(**json.loads(line.decode()))
        types = {f.name: str if f.name in ("file", "sha256") else int for f in fields(Entry)}
        fits = all(type(getattr(entry, name)) is kind for name, kind in types.items())
        fits = fits and entry.index == number and entry.steps > 0 and entry.bytes > 0
        names = [episode_file(number, suffix) for suffix in (SUFFIX, legacy.SUFFIX)]
        if not fits or entry.file not in names:
            raise ValueError("not the facts of this episode")
        if entry.to_json().encode() != line:
            raise ValueError("not as worldsim writes it")
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}, line {number + 1} (episode {number}): {error}") from error
    return entry


def recorded(folder: Path) -> list[int]:
    """Numbers of the episodes that have a file, in order."""
    names = [p.stem for p in (folder / EPISODES_FOLDER).glob(f"*{SUFFIX}")]
    numbers = sorted(int(name) for name in names if name.isdecimal())
    return [number for number in numbers if (folder / episode_file(number)).is_file()]


def entry_of(folder: Path, index: int) -> Entry | None:
    """The facts of a file that no index lists, or None if it is not what its episode encodes to."""
    path = folder / episode_file(index)
    try:
        content, file = read_bytes(path), EpisodeFile(path)
        if file.encoded_anew() != content:
            return None
    except InputError:
        return None
    return make_entry(index, content, file.scene.seed, file.steps)


def _finished(folder: Path) -> list[Entry]:
    """The episodes of a recording without an index."""
    found = [entry_of(folder, index) for index in recorded(folder)]
    return [entry for entry in found if entry is not None]
