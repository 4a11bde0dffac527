"""An episode comes back exactly; a damaged, cut or foreign file is named."""

from __future__ import annotations

import errno
import json
import os
import resource
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors import safe_open
from safetensors.numpy import save_file
from synthetic import draw, make_episode, make_scene

from worldsim.data.store import (
    EpisodeFile,
    digest,
    encode,
    load_episode,
    read_part,
    save_episode,
)
from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.errors import InputError
from worldsim.sim.look import LOOKS


def assert_same(left: Any, right: Any) -> None:
    """Equal to the bit, NaN payloads and dtypes included, at any depth."""
    if isinstance(left, np.ndarray):
        assert left.dtype == right.dtype and left.shape == right.shape
        assert left.tobytes() == right.tobytes()
    elif isinstance(left, Episode | BodyStates | Contacts):
        assert type(left) is type(right)
        for field in fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name))
    else:
        assert left == right


def decode(content: bytes, folder: Path) -> Episode:
    path = folder / "it.safetensors"
    path.write_bytes(content)
    return load_episode(path)


@st.composite
def episodes(draw: st.DrawFn) -> Episode:
    steps, size_px = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    slots, bodies = draw(st.integers(0, 2)), 2

    def array(dtype: type[np.generic], *shape: int) -> Any:
        return draw(arrays(dtype, shape))

    def real(*shape: int) -> Any:
        return array(np.float64, *shape)

    length = steps + 1
    states = BodyStates(*(real(length, bodies, width) for width in (3, 4, 3, 3)))
    contacts = Contacts(
        array(np.int32, length),
        array(np.int32, length, slots, 2),
        real(length, slots, 3),
        real(length, slots, 3),
        real(length, slots),
    )
    size = (size_px, size_px)
    return Episode(
        frames=array(np.uint8, length, *size, 3),
        depth_m=array(np.float32, length, *size),
        segmentation=draw(st.sampled_from([None, array(np.uint8, length, *size)])),
        actions=array(np.float32, steps, 2),
        rewards=real(steps),
        terminated=array(np.bool_, steps),
        truncated=array(np.bool_, steps),
        scene=make_scene(draw(st.integers(0, 2**63)), size_px),
        source=draw(st.text()),
        states=draw(st.sampled_from([None, states])),
        contacts=draw(st.sampled_from([None, contacts])),
    )


@settings(max_examples=40, deadline=None)
@given(episodes())
def test_an_episode_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, episode: Episode
) -> None:
    folder = tmp_path_factory.mktemp("episode")
    content = encode(episode)
    assert_same(decode(content, folder), episode)
    assert encode(decode(content, folder)) == content
    assert EpisodeFile(folder / "it.safetensors").encoded_anew() == content


@pytest.mark.parametrize("steps", [14, 15, 16, 40, 150])
def test_a_part_is_what_the_whole_holds_there(tmp_path: Path, steps: int) -> None:
    path, episode = tmp_path / "a.safetensors", make_episode(1, steps)
    save_episode(path, episode)
    for start, stop in [(0, 1), (0, steps + 1), (3, 5), (steps - 1, steps + 1), (7, steps)]:
        names = ("frames", "depth_m", "segmentation", "actions", "states.position_m")
        part = read_part(path, start, stop, names)
        for name in names[:3]:
            assert_same(part[name], getattr(episode, name)[start:stop])
        assert_same(part["actions"], episode.actions[start : stop - 1])
        assert episode.states is not None
        assert_same(part["states.position_m"], episode.states.position_m[start:stop])
    for start, stop in [(-1, 2), (2, 2), (0, steps + 2)]:
        with pytest.raises(InputError, match=f"{steps + 1} frames"):
            read_part(path, start, stop, ["frames"])
    with pytest.raises(InputError, match="no colour"):
        read_part(path, 0, 2, ["colour"])


def test_a_part_reads_no_more_pieces_than_it_needs(tmp_path: Path) -> None:
    path, episode = tmp_path / "a.safetensors", make_episode(1, 63)
    save_episode(path, episode)
    with safe_open(path, "numpy") as file:
        pieces = {name: file.get_tensor(name) for name in file.keys()}
        facts = file.metadata()
    pieces["frames.0"][:] = 0
    save_file(pieces, path, facts)
    assert_same(read_part(path, 16, 32, ["frames"])["frames"], episode.frames[16:32])
    with pytest.raises(InputError, match="a.safetensors is truncated, damaged"):
        read_part(path, 15, 32, ["frames"])


def test_states_only_are_drawn_on_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worldsim.render.draw_states", draw)
    path, made = tmp_path / "a.safetensors", make_episode(3, 40)
    assert made.states is not None
    rgb, depth_m, segmentation = draw(made.scene, made.states)
    episode = replace(made, frames=rgb, depth_m=depth_m, segmentation=segmentation)
    path.write_bytes(encode(episode, images=False))
    assert_same(load_episode(path), episode)
    part = read_part(path, 5, 9, ["frames", "depth_m", "actions"])
    assert_same(part["frames"], rgb[5:9])
    assert_same(part["depth_m"], depth_m[5:9])
    assert b"frames" not in path.read_bytes()
    assert EpisodeFile(path).encoded_anew() == path.read_bytes()


def test_what_cannot_be_drawn_or_held_is_not_stored() -> None:
    episode = make_episode(3)
    tiny = replace(episode, scene=episode.scene.with_look(LOOKS["tiny"]))
    with pytest.raises(InputError, match="renderer tiny cannot draw"):
        encode(tiny, images=False)
    with pytest.raises(InputError, match="states.* is missing"):
        encode(make_episode(3, full=False), images=False)
    with pytest.raises(InputError, match="frames is uint8"):
        encode(replace(episode, scene=make_scene(3, size_px=9)))


def test_the_bytes_do_not_depend_on_time_or_memory_layout(tmp_path: Path) -> None:
    episode = make_episode(3)
    save_episode(tmp_path / "a.safetensors", episode)
    os.environ["TZ"] = "Asia/Tokyo"
    try:
        fortran = replace(episode, frames=np.asfortranarray(episode.frames))
        save_episode(tmp_path / "b.safetensors", fortran)
    finally:
        del os.environ["TZ"]
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert digest(tmp_path / "a.safetensors") == digest(tmp_path / "b.safetensors")


def test_the_library_alone_can_read_it(tmp_path: Path) -> None:
    path, episode = tmp_path / "a.safetensors", make_episode(3)
    save_episode(path, episode)
    with safe_open(path, "numpy") as file:
        facts = json.loads(file.metadata()["worldsim"])
        frames = zstandard.decompress(file.get_tensor("frames.0").tobytes())
        scene = zstandard.decompress(file.get_tensor("scene").tobytes()).decode()
    assert frames == episode.frames.tobytes() and scene == episode.scene.to_json()
    assert facts["schema"] == 2 and facts["arrays"]["frames"]["shape"] == [6, 8, 8, 3]


def test_every_truncation_is_refused_by_name(tmp_path: Path) -> None:
    content = encode(make_episode(0, steps=2, size_px=4))
    path = tmp_path / "000007.safetensors"
    for length in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="000007.safetensors"):
            load_episode(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_flipped_bit_never_changes_an_episode_silently(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    episode = make_episode(0, steps=2, size_px=4)
    content = bytearray(encode(episode))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = decode(bytes(content), tmp_path_factory.mktemp("flip"))
    except InputError as error:
        assert "it.safetensors" in str(error) and "\n" not in str(error)
        return
    assert_same(replace(read, source=episode.source), episode)  # the name has no checksum


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for content in (b"", b"hello", os.urandom(999)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="x.safetensors"):
            load_episode(path)
    save_file({"frames": np.zeros(3)}, path)
    with pytest.raises(InputError, match="no metadata 'worldsim'"):
        load_episode(path)
    save_file({"frames": np.zeros(3)}, path, {"worldsim": '{"schema": 99}'})
    with pytest.raises(InputError, match="schema 99, this version reads 1 and 2"):
        load_episode(path)
    for missing in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            load_episode(missing)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    save_episode(tmp_path / "a.safetensors", make_episode(1))
    before = (tmp_path / "a.safetensors").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="a.safetensors: disk full"):
        save_episode(tmp_path / "a.safetensors", make_episode(2))
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    assert (tmp_path / "a.safetensors").read_bytes() == before


def test_a_write_cut_by_the_system_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InputError, match="cannot write"):
            save_episode(tmp_path / "a.safetensors", make_episode(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
