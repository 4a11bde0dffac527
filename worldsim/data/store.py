"""One episode, one immutable .npz file: lossless, checked, and the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.data.atomic import write_whole
from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.errors import InputError
from worldsim.sim.scene import Scene

SCHEMA = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip entry can hold
_LEVEL = 6
_SEEN = ("frames", "depth_m", "segmentation", "actions", "rewards", "terminated", "truncated")
_OPTIONAL = ("segmentation",)
_GROUPS: dict[str, type[BodyStates] | type[Contacts]] = {"states": BodyStates, "contacts": Contacts}


def save_episode(path: Path | str, episode: Episode) -> None:
    """Write `episode` to `path`; the same episode gives the same bytes (with one zlib version).

    The file appears whole or not at all. Raises InputError naming it when the disk is full.
    """
    write_whole(Path(path), encode(episode))


def load_episode(path: Path | str) -> Episode:
    """Read an episode written by `save_episode`, exactly as it was.

    Raises InputError naming the file when it is missing, truncated, damaged (every member's
    CRC-32 is checked), of another schema, or no episode at all.
    """
    return decode(read_bytes(path), str(path))


def digest(path: Path | str) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def read_bytes(path: Path | str) -> bytes:
    """A file's content; InputError naming the file when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def encode(episode: Episode) -> bytes:
    """The bytes of an episode's file: a zip of .npy members in a fixed order, without clocks."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in _members(episode):
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, member.getvalue(), zipfile.ZIP_DEFLATED, _LEVEL)
    return buffer.getvalue()


def decode(content: bytes, name: str) -> Episode:
    """The episode in a file's bytes; `name` is what errors call it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            arrays = {
                entry.removesuffix(".npy"): _read_member(archive, entry)
                for entry in archive.namelist()
            }
    # Damaged bytes reach zipfile's parser, zlib and numpy's header reader alike.
    except (
        zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, KeyError, IndexError,
        NotImplementedError, RuntimeError, SyntaxError, MemoryError, OverflowError, TypeError,
    ) as error:  # fmt: skip
        raise InputError(
            f"{name} is truncated, damaged or not an episode file ({error}); record it again"
        ) from error
    schema = arrays.pop("schema", None)
    if schema is None:
        raise InputError(f"{name} is not a worldsim episode: it has no schema number")
    if schema.shape != () or schema != SCHEMA:
        raise InputError(f"{name} has episode schema {schema}, this version reads {SCHEMA}")
    try:
        return _episode(arrays)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{name} is not a valid episode: {error}") from error


def _members(episode: Episode) -> Iterator[tuple[str, NDArray[Any]]]:
    if episode.source.endswith("\0"):
        raise ValueError("an episode's source must not end with a NUL character")
    yield "schema", np.array(SCHEMA, np.int64)
    yield "scene", np.array(episode.scene.to_json())
    yield "source", np.array(episode.source)
    for name in _SEEN:
        value = getattr(episode, name)
        if value is not None:
            yield name, np.ascontiguousarray(value)
    for group in _GROUPS:
        part = getattr(episode, group)
        if part is not None:
            for field in fields(part):
                yield f"{group}.{field.name}", np.ascontiguousarray(getattr(part, field.name))


def _read_member(archive: zipfile.ZipFile, entry: str) -> NDArray[Any]:
    # Reading the member to its end is what makes zipfile compare the CRC-32.
    member = io.BytesIO(archive.read(entry))
    array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
    if member.read(1):
        raise ValueError(f"member {entry} is longer than its header says")
    return array


def _episode(arrays: dict[str, NDArray[Any]]) -> Episode:
    known = {"scene", "source", *_SEEN}
    known |= {f"{group}.{f.name}" for group, kind in _GROUPS.items() for f in fields(kind)}
    if foreign := sorted(arrays.keys() - known):
        raise ValueError(f"unknown member {foreign[0]}")
    required = [name for name in ("scene", "source", *_SEEN) if name not in _OPTIONAL]
    if missing := [name for name in required if name not in arrays]:
        raise ValueError(f"member {missing[0]} is missing")
    parts: dict[str, Any] = {}
    for group, kind in _GROUPS.items():
        present = [f.name for f in fields(kind) if f"{group}.{f.name}" in arrays]
        if present:
            parts[group] = kind(**{f.name: arrays[f"{group}.{f.name}"] for f in fields(kind)})
    return Episode(
        **{name: arrays.get(name) for name in _SEEN},  # type: ignore[arg-type]
        scene=Scene.from_json(str(arrays["scene"])),
        source=str(arrays["source"]),
        **parts,
    )
