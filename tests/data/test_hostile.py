"""Files that someone else made: no memory on their word, no code, no path out of the folder."""

from __future__ import annotations

import io
import json
import resource
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from safetensors import safe_open
from safetensors.numpy import save_file
from synthetic import Maker, make_episode

import worldsim
from worldsim import checkpoints
from worldsim.data import legacy
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.data.store import EpisodeFile, load_episode, save_episode
from worldsim.errors import InputError

TERABYTE = 1 << 40


@pytest.fixture(autouse=True)
def no_more_memory() -> Iterator[None]:
    """Whoever takes a terabyte at its word fails here, whatever the machine would give."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_episode(tmp_path / "a.safetensors", make_episode(1))
    return tmp_path / "a.safetensors"


def changed(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    with safe_open(path, "numpy") as file:
        pieces = {name: file.get_tensor(name) for name in file.keys()}
        facts = json.loads(file.metadata()["worldsim"])
    change(facts, pieces)
    save_file(pieces, path, {"worldsim": json.dumps(facts)})


def packed(content: bytes, claimed: int | None = None) -> Any:
    frame = bytearray(zstandard.compress(content))
    if claimed is not None:  # a frame header of 8 bytes of content size, no single segment
        frame = bytearray(b"\x28\xb5\x2f\xfd\xe0") + claimed.to_bytes(8, "little") + frame[6:]
    return np.frombuffer(bytes(frame), np.uint8)


def shape_of(name: str, shape: list[Any]) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda facts, pieces: facts["arrays"][name].update(shape=shape)


def longer(facts: dict[str, Any], pieces: dict[str, Any]) -> None:
    """All arrays say, and agree, that the episode has a thousand million steps."""
    for array in facts["arrays"].values():
        array["shape"][0] += 10**9


def bomb(name: str, size: int) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda facts, pieces: pieces.update({name: packed(bytes(size))})


@pytest.mark.parametrize(
    "change",
    [
        longer,
        shape_of("frames", [6, 8, 8, TERABYTE]),
        shape_of("actions", [TERABYTE, 2]),
        shape_of("actions", [-1, 2]),
        shape_of("actions", []),
        shape_of("actions", [True, 2]),
        shape_of("contacts.impulse_n_s", [6, TERABYTE]),
        shape_of("states.position_m", [6, 3, 3]),
        bomb("scene", 64 << 20),
        bomb("frames.0", 64 << 20),
        lambda facts, pieces: pieces.update({"frames.0": packed(b"", TERABYTE)}),
        lambda facts, pieces: pieces.update({"scene": packed(b"", TERABYTE)}),
        lambda facts, pieces: pieces.update({"frames.0": packed(b"")}),
        lambda facts, pieces: pieces.pop("frames.0"),
        lambda facts, pieces: facts["arrays"].pop("rewards"),
        lambda facts, pieces: facts["arrays"]["rewards"].update(dtype="object"),
        lambda facts, pieces: facts["arrays"]["frames"].update(rows=1),
        lambda facts, pieces: facts["arrays"].update(more={"dtype": "u", "shape": [], "rows": 1}),
        lambda facts, pieces: facts.update(arrays=[]),
        lambda facts, pieces: facts.pop("schema"),
        lambda facts, pieces: pieces.update(scene=packed(b'{"schema": 1}')),
    ],
)
def test_a_file_that_lies_is_refused_by_name(
    path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]
) -> None:
    changed(path, change)
    with pytest.raises(InputError, match="a.safetensors") as caught:
        load_episode(path)
    assert "\n" not in str(caught.value)


def test_states_for_huge_images_are_refused_before_they_are_drawn(path: Path) -> None:
    def huge(facts: dict[str, Any], pieces: dict[str, Any]) -> None:
        scene = json.loads(zstandard.decompress(pieces["scene"].tobytes()))
        scene["camera"].update(width_px=1 << 20, height_px=1 << 20)
        pieces["scene"] = packed(json.dumps(scene).encode())
        for name in ("frames", "depth_m", "segmentation"):
            del facts["arrays"][name]

    changed(path, huge)
    with pytest.raises(InputError, match="GiB"):
        EpisodeFile(path)


def test_a_header_of_a_terabyte_is_refused(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(TERABYTE.to_bytes(8, "little") + content[8:])
    with pytest.raises(InputError, match="a.safetensors"):
        load_episode(path)


def test_a_zip_of_the_old_kind_that_lies_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = checkpoints.starts(checkpoints.find("push-64"))[0]
    good = load_episode(start)
    assert good.frames.shape[1:] == (64, 64, 3) and good.source == "simulator"

    def member(shape: str, dtype: str = "|u1") -> bytes:
        header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
        text = header.encode().ljust(117) + b"\n"
        return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)

    for content in (
        member(f"({TERABYTE},)"),
        member("(2, 2)", "|O"),
        member("(-64,)"),
        b"\x93NUMPY\x02\x00" + bytes(64),
    ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(start) as old, zipfile.ZipFile(buffer, "w") as new:
            for entry in old.infolist():
                same = entry.filename != "frames.npy"
                new.writestr(entry.filename, old.read(entry) if same else content)
        path = tmp_path / "b.npz"
        path.write_bytes(buffer.getvalue())
        with pytest.raises(InputError, match="b.npz"):
            load_episode(path)
    monkeypatch.setattr(legacy, "MOST_BYTES", 1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("frames.npy", bytes(2 << 20))
    with pytest.raises(InputError, match="b.npz.*claims"):
        load_episode(path)


@pytest.mark.parametrize("name", ["../x.safetensors", "/etc/passwd", "episodes/../x", ""])
def test_an_index_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "push"
    simulate(Maker(), Maker().meta, 1, folder, progress=False)
    index = folder / "episodes.jsonl"
    index.write_text(index.read_text().replace("episodes/000000.safetensors", name))
    with pytest.raises(InputError, match="line 1"):
        Dataset(folder)


def test_nothing_unpickles() -> None:
    root = Path(worldsim.__file__).parent
    for source in root.rglob("*.py"):
        text = source.read_text()
        assert "allow_pickle=True" not in text and "import pickle" not in text, source
        assert "torch.load(" not in text or "weights_only=True" in text, source
