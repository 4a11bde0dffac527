"""One episode, one immutable .safetensors file: lossless, checked, and the same bytes every time.

Its tensors are the pieces of every array (see worldsim.data.chunks) under "name.number", and
"scene", all compressed. Its one piece of metadata, "worldsim", is a JSON with schema, source and
the dtype, shape and rows a piece of every array. Without images it is a recording of states only,
which are drawn when it is read. Files of schema 1 are read, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from zstandard import ZstdError

from worldsim.data import legacy
from worldsim.data.atomic import write_whole
from worldsim.data.chunks import IMAGES, LAYOUTS, MOST_BYTES, Packer, unpack_rows, unpack_text
from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.errors import InputError
from worldsim.sim.scene import Scene

SCHEMA = 2
SUFFIX = ".safetensors"
_KEY = "worldsim"
_MOST_FACTS, _MOST_SCENE = 1 << 20, 32 << 20  # bytes
_GROUPS: dict[str, type[BodyStates] | type[Contacts]] = {"states": BodyStates, "contacts": Contacts}
_NEEDED = ("actions", "rewards", "terminated", "truncated")
_DAMAGE = (
    SafetensorError, ZstdError, ValueError, KeyError, TypeError, AttributeError, IndexError,
    OSError, MemoryError, OverflowError, RecursionError,
)  # fmt: skip


def save_episode(path: Path | str, episode: Episode) -> None:
    """Write `episode` to `path`; the same episode gives the same bytes.

    The file appears whole or not at all. Raises InputError naming it when the disk is full.
    """
    write_whole(Path(path), encode(episode))


def load_episode(path: Path | str) -> Episode:
    """Read an episode written by `save_episode`, exactly as it was.

    Frames that were not stored are drawn. Raises InputError naming the file when it is missing,
    truncated, damaged (every piece has a checksum), of another schema, or no episode at all.
    """
    file = EpisodeFile(path)
    return file.episode(file.part(0, file.steps + 1, file.names))


def read_part(
    path: Path | str, start: int, stop: int, names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Arrays of an episode's frames start..stop - 1, reading no more of its file than that takes.

    `names` are those of worldsim.data.chunks.LAYOUTS; of actions and what else has a row a step,
    the rows between these frames. Raises InputError as `load_episode` does.
    """
    return EpisodeFile(path).part(start, stop, names)


class EpisodeFile:
    """An episode's file of either schema, opened: its scene, its size, and parts of its arrays."""

    scene: Scene
    source: str
    steps: int
    stored: bool  # images too; they are drawn otherwise

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"cannot read {path}: there is no such file")
        self._old: dict[str, NDArray[Any]] | None = None
        if self.path.suffix == legacy.SUFFIX:
            self._old = legacy.read_legacy(self.path)
        try:
            self._open()
        except _DAMAGE as error:
            raise self._damaged(error) from error

    @property
    def names(self) -> list[str]:
        """The arrays it has, drawn ones included."""
        drawn = [] if self.stored else list(IMAGES)
        return [*drawn, *self._shapes]

    def part(self, start: int, stop: int, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """See `read_part`."""
        if not 0 <= start < stop <= self.steps + 1:
            raise InputError(
                f"{self.path} has {self.steps + 1} frames; {start}..{stop - 1} are not among them"
            )
        if lacking := [name for name in names if name not in self.names]:
            raise InputError(f"{self.path} has no {lacking[0]}")
        try:
            kept = {name: self._rows(name, start, stop) for name in names if name in self._shapes}
            return {**kept, **self._drawn(start, stop, [n for n in names if n not in kept])}
        except _DAMAGE as error:
            raise self._damaged(error) from error

    @property
    def kept(self) -> list[str]:
        """Those that lie in the file."""
        return list(self._shapes)

    def encoded_anew(self) -> bytes:
        """What its content encodes to: other bytes than the file's where a bit of it is lost."""
        return _encode(self.part(0, self.steps + 1, self.kept), self.scene, self.source)

    def episode(self, arrays: dict[str, NDArray[Any]]) -> Episode:
        """The Episode of all its arrays."""
        try:
            groups = {
                group: kind(**{f.name: arrays[f"{group}.{f.name}"] for f in fields(kind)})
                for group, kind in _GROUPS.items()
                if any(name.startswith(f"{group}.") for name in arrays)
            }
            return Episode(
                **{name: arrays.get(name) for name in (*IMAGES, *_NEEDED)},  # type: ignore[arg-type]
                scene=self.scene,
                source=self.source,
                **groups,  # type: ignore[arg-type]
            )
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def _open(self) -> None:
        dtypes = self._open_new() if self._old is None else self._open_old(self._old)
        self.stored = "frames" in self._shapes
        self.steps = _check(self._shapes, dtypes, self.scene)

    def _open_old(self, members: dict[str, NDArray[Any]]) -> dict[str, str]:
        self.scene = Scene.from_json(str(members.pop("scene")))
        self.source = str(members.pop("source"))
        self._shapes = {name: array.shape for name, array in members.items()}
        return {name: array.dtype.name for name, array in members.items()}

    def _open_new(self) -> dict[str, str]:
        self._file = safe_open(self.path, "numpy")
        facts_of = self._file.metadata() or {}  # type: ignore[no-untyped-call]
        text = facts_of.get(_KEY, "")
        if not 0 < len(text) <= _MOST_FACTS:
            raise ValueError(f"it has no metadata {_KEY!r} of a fitting size")
        facts = json.loads(text)
        if facts["schema"] != SCHEMA:
            raise ValueError(f"episode schema {facts['schema']!r}, this version reads 1 and 2")
        self.scene = Scene.from_json(unpack_text(self._tensor("scene"), _MOST_SCENE))
        self.source, arrays = str(facts["source"]), facts["arrays"]
        self._shapes = {name: tuple(it["shape"]) for name, it in arrays.items()}
        for name, it in arrays.items():
            if it["rows"] != LAYOUTS[name].rows:
                raise ValueError(f"{name} is cut into pieces of {it['rows']} rows")
        return {name: str(it["dtype"]) for name, it in arrays.items()}

    def _rows(self, name: str, start: int, stop: int) -> NDArray[Any]:
        if LAYOUTS[name].shape[0] == "T":
            stop -= 1
        if self._old is not None:
            return self._old[name][start:stop]

        def chunk(number: int) -> bytes:
            return self._tensor(f"{name}.{number}")

        return unpack_rows(chunk, LAYOUTS[name], self._shapes[name], start, stop)

    def _tensor(self, name: str) -> bytes:
        tensor: NDArray[Any] = self._file.get_tensor(name)  # type: ignore[no-untyped-call]
        if tensor.dtype != np.uint8 or tensor.ndim != 1:
            raise ValueError(f"{name} is {tensor.dtype} {tensor.shape}, not bytes")
        return tensor.tobytes()

    def _drawn(self, start: int, stop: int, names: list[str]) -> dict[str, NDArray[Any]]:
        if not names:
            return {}
        from worldsim.render import draw_states  # it loads numba, which takes a second

        rows = {f.name: self._rows(f"states.{f.name}", start, stop) for f in fields(BodyStates)}
        images: tuple[NDArray[Any], ...] = draw_states(self.scene, BodyStates(**rows))
        return {name: image for name, image in zip(IMAGES, images, strict=True) if name in names}

    def _damaged(self, error: BaseException) -> InputError:
        if isinstance(error, InputError) and str(self.path) in str(error):
            return error
        if isinstance(error, KeyError):
            error = KeyError(f"{error} is missing")
        said = " ".join(str(error).split())
        return InputError(
            f"{self.path} is truncated, damaged or no episode ({said}); record it again"
        )


def encode(episode: Episode, images: bool = True) -> bytes:
    """The bytes of an episode's file, with its images or states only.

    Raises InputError where its arrays do not fit its scene, are too large, or cannot be drawn.
    """
    try:
        return _encode(_arrays(episode, images), episode.scene, episode.source)
    except ValueError as error:
        raise InputError(f"this episode cannot be stored: {error}") from error


def _encode(arrays: dict[str, NDArray[Any]], scene: Scene, source: str) -> bytes:
    shapes = {name: array.shape for name, array in arrays.items()}
    _check(shapes, {name: array.dtype.name for name, array in arrays.items()}, scene)
    packer = Packer()
    pieces = {"scene": packer.text(scene.to_json())}
    facts: dict[str, Any] = {"schema": SCHEMA, "source": source, "arrays": {}}
    for name, layout in LAYOUTS.items():
        if name in arrays:
            found = {"dtype": layout.dtype, "shape": arrays[name].shape, "rows": layout.rows}
            facts["arrays"][name] = found
            for number, piece in enumerate(packer.chunks(arrays[name], layout)):
                pieces[f"{name}.{number}"] = piece
    tensors = {name: np.frombuffer(piece, np.uint8) for name, piece in pieces.items()}
    return save(tensors, {_KEY: json.dumps(facts, separators=(",", ":"))})


def _arrays(episode: Episode, images: bool) -> dict[str, NDArray[Any]]:
    names = (*IMAGES, *_NEEDED) if images else _NEEDED
    found: dict[str, Any] = {name: getattr(episode, name) for name in names}
    for group in _GROUPS:
        part = getattr(episode, group)
        if part is not None:
            found.update({f"{group}.{f.name}": getattr(part, f.name) for f in fields(part)})
    return {name: array for name, array in found.items() if array is not None}


def _check(shapes: dict[str, tuple[int, ...]], dtypes: dict[str, str], scene: Scene) -> int:
    """The steps of an episode of such arrays; ValueError where they do not fit scene or memory."""
    _check_names(set(shapes), scene)
    if not all(type(size) is int and size >= 0 for shape in shapes.values() for size in shape):
        raise ValueError("a size is no whole number")
    steps = shapes["actions"][0] if shapes["actions"] else 0
    slots = shapes.get("contacts.impulse_n_s", ())[-1:]
    known = sizes(scene, steps, sum(slots))
    for name, shape in shapes.items():
        layout = LAYOUTS[name]
        if (dtypes[name], shape) != (layout.dtype, layout.sizes(known)):
            raise ValueError(
                f"{name} is {dtypes[name]} {shape}, not {layout.dtype} {layout.sizes(known)}"
            )
    return steps


def sizes(scene: Scene, steps: int, slots: int = 0) -> dict[str, int]:
    """The sizes that LAYOUTS name; InputError where such an episode takes too much memory."""
    camera = scene.camera
    known = {"T": steps, "F": steps + 1, "H": camera.height_px, "W": camera.width_px}
    known |= {"N": len(scene.bodies), "A": scene.action_spec.size, "C": slots}
    total = sum(layout.bytes(known) for layout in LAYOUTS.values())
    if total > MOST_BYTES:
        raise InputError(
            f"an episode of {steps} steps at {camera.width_px} x {camera.height_px} px takes "
            f"{total / 2**30:.1f} GiB, {MOST_BYTES >> 30} are the most; make it shorter or smaller"
        )
    return known


def _check_names(names: set[str], scene: Scene) -> None:
    if foreign := sorted(names - set(LAYOUTS)):
        raise ValueError(f"unknown array {foreign[0]}")
    needed = set(_NEEDED) | ({"frames", "depth_m"} if names & set(IMAGES) else _group("states"))
    for group in _GROUPS:
        needed |= _group(group) if names & _group(group) else set()
    if missing := sorted(needed - names):
        raise ValueError(f"{missing[0]} is missing")
    if not names & set(IMAGES) and scene.look.renderer == "tiny":
        raise ValueError("it has no frames, and the renderer tiny cannot draw states")


def _group(group: str) -> set[str]:
    return {name for name in LAYOUTS if name.startswith(f"{group}.")}


def digest(path: Path | str) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def read_bytes(path: Path | str) -> bytes:
    """A file's content; InputError naming the file when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
