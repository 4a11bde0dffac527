"""What is wrong with a dataset, episode by episode, and how it is made whole again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from worldsim.data import legacy
from worldsim.data.atomic import is_temporary, locked, write_whole
from worldsim.data.dataset import (
    EPISODES_FOLDER,
    INDEX_FILE,
    META_FILE,
    SCHEMA,
    Entry,
    encode_meta,
    entry_of,
    episode_file,
    make_entry,
    meta_digest,
    parse_meta,
    read_entry,
    read_meta,
    recorded,
)
from worldsim.data.simulate import check_versions, remove_drafts, write_index
from worldsim.data.store import SUFFIX, EpisodeFile, encode, read_bytes
from worldsim.data.workers import Maker
from worldsim.errors import InputError


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; `episode` is the number of the one concerned, if it is one."""

    said: str
    episode: int | None = None

    def __str__(self) -> str:
        return self.said


def verify(folder: Path) -> list[Problem]:
    """Read everything; empty when all is as recorded.

    Finds missing, truncated, changed (a single bit) and extra files and what is wrong with index
    and description. Raises InputError where the folder is no dataset at all.
    """
    problems: list[Problem] = []
    meta: dict[str, Any] = {}
    try:
        meta = read_meta(folder)
        problems += _of_meta(folder, meta)
    except InputError as error:
        if not (folder / META_FILE).is_file():
            raise
        problems.append(Problem(str(error)))
    lines = _lines(folder)
    for number, line in enumerate(lines or []):
        found = _of_line(folder, number, line)
        problems += [found] if found else []
    suffix = SUFFIX if meta.get("schema", SCHEMA) == SCHEMA else legacy.SUFFIX
    return problems + _of_others(folder, len(lines or []), lines is None, suffix)


def repair(folder: Path, maker_of: Callable[[dict[str, Any]], Maker]) -> list[str]:
    """Make whole what `verify` finds, one line for each thing done.

    Episodes are made again by `maker_of(dataset.json)`, and must come out as the index says, byte
    for byte. Raises InputError, saying what is lost, where that cannot be done; what could be done
    until then is kept.
    """
    if not (folder / META_FILE).is_file():
        read_meta(folder)  # says so
    with locked(folder, "recording into"):
        remove_drafts(folder)
        meta, done = _mended_meta(folder)
        if meta["schema"] != SCHEMA:
            raise InputError(
                f"{folder} was recorded by an older version, which cannot be repaired; record it "
                "again in another folder"
            )
        lines = _lines(folder)
        total = max(len(lines or []), max(recorded(folder), default=-1) + 1)
        entries: list[Entry] = []
        maker: Maker | None = None
        for index in range(total):
            line = lines[index] if lines is not None and index < len(lines) else b""
            entry = _kept(folder, index, line)
            if entry is None and (lines is not None or (folder / episode_file(index)).is_file()):
                check_versions(folder, meta)
                maker = maker or maker_of(meta)
                entry = _made(folder, index, line, maker, bool(meta.get("frames", True)))
                done.append(f"episode {index} ({episode_file(index)}) made again")
            entries += [entry] if entry else []
        if lines is not None and lines != [entry.to_json().encode() for entry in entries]:
            write_index(folder, entries)
            done.append(f"{INDEX_FILE} written anew, {total} episodes")
    return done


def _of_meta(folder: Path, meta: dict[str, Any]) -> list[Problem]:
    text = encode_meta(meta).encode()
    if meta.get("sha256") == meta_digest(meta) and text == read_bytes(folder / META_FILE):
        return []
    return [Problem(f"{META_FILE}: content differs from its SHA-256")]


def _lines(folder: Path) -> list[bytes] | None:
    """The lines of the index, a part of one included; None where there is no index."""
    path = folder / INDEX_FILE
    if not path.is_file():
        return None
    *lines, rest = read_bytes(path).split(b"\n")
    # The newline belongs to its line: without it, that one is damaged.
    return [*lines, rest + b"..."] if rest or not lines else lines


def _of_line(folder: Path, number: int, line: bytes) -> Problem | None:
    """What is wrong with a line of the index or the file that it names."""
    try:
        entry = read_entry(folder / INDEX_FILE, number, line)
    except InputError as error:
        return Problem(str(error), number)
    where, path = f"episode {entry.index} ({entry.file})", folder / entry.file
    if not path.is_file():
        return Problem(f"{where}: the file is missing", number)
    content = read_bytes(path)
    if len(content) != entry.bytes:
        said = f"{len(content)} bytes, {INDEX_FILE} says {entry.bytes}"
        return Problem(f"{where}: {said}", number)
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        return Problem(f"{where}: content differs from its SHA-256", number)
    try:
        file = EpisodeFile(path)
        file.part(0, file.steps + 1, file.kept)
    except InputError as error:
        return Problem(f"{where}: {error}", number)
    if (file.scene.seed, file.steps) != (entry.seed, entry.steps):
        return Problem(
            f"{where}: seed {file.scene.seed} and {file.steps} steps, "
            f"{INDEX_FILE} says {entry.seed} and {entry.steps}",
            number,
        )
    return None


def _of_others(folder: Path, listed: int, unfinished: bool, suffix: str) -> list[Problem]:
    """What is wrong with files that the index does not list."""
    expected = {episode_file(number, suffix) for number in range(listed)}
    problems = []
    inside = folder / EPISODES_FOLDER
    for path in sorted(inside.iterdir()) if inside.is_dir() else []:
        name = f"{EPISODES_FOLDER}/{path.name}"
        number = int(path.stem) if path.stem.isdecimal() else None
        if name in expected:
            continue
        if is_temporary(path.name):
            problems.append(Problem(f"{name}: left by a killed recording"))
        elif number is None or name != episode_file(number, suffix):
            problems.append(Problem(f"{name}: an extra file, not listed in {INDEX_FILE}"))
        elif entry_of(folder, number) is None:
            problems.append(Problem(f"episode {number} ({name}): damaged", number))
        elif not unfinished:
            said = f"not listed in {INDEX_FILE}; a damaged index or an interrupted extension"
            problems.append(Problem(f"episode {number} ({name}): {said}", number))
    return problems


def _mended_meta(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """dataset.json, where need be after the one flipped bit that its SHA-256 tells of is found."""
    path = folder / META_FILE
    content = read_bytes(path)
    for position in range(-1, 8 * len(content)):
        tried = bytearray(content)
        if position >= 0:
            tried[position // 8] ^= 1 << position % 8
        meta = _sealed(bytes(tried), path)
        if meta is not None and position >= 0:
            write_whole(path, bytes(tried))
            return meta, [f"{META_FILE}: a flipped bit turned back"]
        if meta is not None:
            return meta, []
    raise InputError(
        f"{path} is damaged: the settings of this recording are lost, its "
        f"{len(recorded(folder))} episodes can still be read one by one (load_episode)"
    )


def _sealed(content: bytes, path: Path) -> dict[str, Any] | None:
    try:
        meta = parse_meta(content, path)
    except InputError:
        return None
    right = meta.get("sha256") == meta_digest(meta) and encode_meta(meta).encode() == content
    return meta if right else None


def _kept(folder: Path, index: int, line: bytes) -> Entry | None:
    """The facts of a file that is as recorded, whatever the index says of it."""
    path = folder / episode_file(index)
    try:
        listed = read_entry(folder / INDEX_FILE, index, line)
        if hashlib.sha256(read_bytes(path)).hexdigest() == listed.sha256:
            file = EpisodeFile(path)
            return replace(
                listed, seed=file.scene.seed, steps=file.steps, bytes=path.stat().st_size
            )
        return None
    except InputError:
        return entry_of(folder, index)


def _made(folder: Path, index: int, line: bytes, make_episode: Maker, images: bool) -> Entry:
    """Episode `index`, made again and written if it is what the index or the file there says."""
    path = folder / episode_file(index)
    episode = make_episode(index)
    content = encode(episode, images)
    entry = make_entry(index, content, episode.scene.seed, episode.steps)
    try:
        listed: Entry | None = read_entry(folder / INDEX_FILE, index, line)
    except InputError:
        listed = None
    same = path.is_file() and read_bytes(path) == content  # then it was the index that was damaged
    if listed is not None and listed.sha256 != entry.sha256 and not same:
        raise InputError(
            f"episode {index} of {folder} was made again but is not what {INDEX_FILE} lists: "
            "this machine or this version gives other bytes; it is lost, record the dataset anew"
        )
    write_whole(path, content)
    return entry
