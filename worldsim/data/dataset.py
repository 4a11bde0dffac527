"""A folder of episodes: dataset.json (what it is), episodes.jsonl (one line an episode), files.

data/push/dataset.json            schema, scenario, split, seed, steps, rates, camera, ...
data/push/episodes.jsonl          index, file, seed, steps, bytes, sha256
data/push/episodes/000000.npz     see worldsim.data.store
data/push/cache/                  see worldsim.data.statistics; may be deleted at any time
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.data.atomic import is_temporary
from worldsim.data.store import decode, read_bytes
from worldsim.episode import Episode
from worldsim.errors import InputError

SCHEMA = 1
KIND = "worldsim dataset"
META_FILE = "dataset.json"
INDEX_FILE = "episodes.jsonl"
EPISODES_FOLDER = "episodes"
_KEPT = 32  # episodes


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


def episode_file(index: int) -> str:
    """Where episode `index` lies, relative to the dataset's folder."""
    return f"{EPISODES_FOLDER}/{index:06d}.npz"


class Dataset:
    """Recorded episodes: `len(dataset)`, `dataset[i]` -> Episode, iteration in index order.

    `meta` is dataset.json, `entries` the lines of episodes.jsonl, `digest` the SHA-256 of both
    and so of all content. Raises InputError for a folder that is missing, foreign or unfinished.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"no dataset at {path}: there is no such folder")
        self.meta = read_meta(self.path)
        self.entries = read_index(self.path)
        self._kept: dict[int, Episode] = {}

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, {len(self)} episodes)"

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Episode:
        """Episode `index`; InputError where its file is not what was recorded."""
        entry = self.entries[index]
        content = read_bytes(self.path / entry.file)
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise InputError(
                f"episode {index} ({self.path / entry.file}) differs from its SHA-256; "
                "record it again: delete the file and run the same worldsim simulate"
            )
        return decode(content, str(self.path / entry.file))

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))

    def window(
        self, index: int, start: int, stop: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """Frames, depth and actions of frames start..stop-1 of episode `index`.

        Shapes (n, H, W, 3), (n, H, W), (n - 1, A): actions[t] led from frame t to frame t + 1.
        """
        episode = self._lately(index)
        window = slice(start, stop)
        return episode.frames[window], episode.depth_m[window], episode.actions[start : stop - 1]

    def _lately(self, index: int) -> Episode:
        if index not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[index] = self[index]
        return self._kept[index]

    @property
    def frames(self) -> int:
        """Number of frames in all episodes: each has one more than it has steps."""
        return sum(entry.steps + 1 for entry in self.entries)

    @property
    def digest(self) -> str:
        lines = "".join(f"{entry.to_json()}\n" for entry in self.entries)
        return hashlib.sha256((encode_meta(self.meta) + lines).encode()).hexdigest()

    def verify(self) -> list[str]:
        """Read everything; one line for each problem, naming the episode. Empty when all is well.

        Finds missing, truncated, changed (a single bit) and extra files, and a changed index.
        """
        problems = []
        if self.meta.get("sha256") != _meta_digest(self.meta):
            problems.append(f"{META_FILE}: content differs from its SHA-256")
        problems += [problem for entry in self.entries if (problem := self._problem(entry))]
        listed = {entry.file for entry in self.entries}
        folder = self.path / EPISODES_FOLDER
        for found in sorted(folder.iterdir()) if folder.is_dir() else []:
            name = f"{EPISODES_FOLDER}/{found.name}"
            if name not in listed:
                left = "left by a killed recording" if is_temporary(found.name) else "an extra file"
                problems.append(f"{name}: {left}, not listed in {INDEX_FILE}")
        return problems

    def _problem(self, entry: Entry) -> str | None:
        where = f"episode {entry.index} ({entry.file})"
        if not (self.path / entry.file).is_file():
            return f"{where}: the file is missing"
        try:
            content = read_bytes(self.path / entry.file)
            if len(content) != entry.bytes:
                return f"{where}: {len(content)} bytes, {INDEX_FILE} says {entry.bytes}"
            if hashlib.sha256(content).hexdigest() != entry.sha256:
                return f"{where}: content differs from its SHA-256"
            episode = decode(content, entry.file)
        except InputError as error:
            return f"{where}: {error}"
        if (episode.scene.seed, episode.steps) != (entry.seed, entry.steps):
            return (
                f"{where}: seed {episode.scene.seed} and {episode.steps} steps, "
                f"{INDEX_FILE} says {entry.seed} and {entry.steps}"
            )
        return None


def encode_meta(meta: dict[str, Any]) -> str:
    """The text of dataset.json."""
    return json.dumps(meta, indent=2, sort_keys=True) + "\n"


def seal_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """`meta` as it goes to disk: with kind, schema and its own SHA-256, tuples as lists."""
    sealed = {**json.loads(json.dumps(meta)), "kind": KIND, "schema": SCHEMA}
    return {**sealed, "sha256": _meta_digest(sealed)}


def _meta_digest(meta: dict[str, Any]) -> str:
    rest = {key: value for key, value in meta.items() if key != "sha256"}
    return hashlib.sha256(encode_meta(rest).encode()).hexdigest()


def read_meta(folder: Path) -> dict[str, Any]:
    """dataset.json of a dataset's folder; InputError when it is missing, foreign or damaged."""
    path = folder / META_FILE
    if not path.is_file():
        raise InputError(
            f"{folder} is not a dataset (it has no {META_FILE}); make one with worldsim simulate"
        )
    try:
        meta = json.loads(read_bytes(path).decode())
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(meta, dict) or meta.get("kind") != KIND:
        raise InputError(f"{path} does not describe a worldsim dataset")
    if meta.get("schema") != SCHEMA:
        raise InputError(
            f"{path} has dataset schema {meta.get('schema')!r}, this version reads {SCHEMA}"
        )
    return meta


def read_index(folder: Path) -> list[Entry]:
    """The lines of episodes.jsonl; InputError when it is missing or a line is damaged."""
    path = folder / INDEX_FILE
    if not path.is_file():
        raise InputError(
            f"{folder} is unfinished (it has no {INDEX_FILE}); "
            "run the same worldsim simulate command again to finish it"
        )
    *lines, rest = read_bytes(path).split(b"\n")
    if rest or not lines:
        raise InputError(
            f"{path} is truncated; delete it and run the same worldsim simulate command again"
        )
    entries = []
    for number, line in enumerate(lines):
        try:
            entry = Entry(**json.loads(line.decode()))
            types = {f.name: str if f.name in ("file", "sha256") else int for f in fields(Entry)}
            fits = all(type(getattr(entry, name)) is kind for name, kind in types.items())
            fits = fits and entry.index == number and entry.steps > 0 and entry.bytes > 0
            if not fits or entry.file != episode_file(number):
                raise ValueError("not the facts of this episode")
            if entry.to_json().encode() != line:
                raise ValueError("not as worldsim writes it")
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{path}, line {number + 1} (episode {number}): {error}") from error
        entries.append(entry)
    return entries
