"""An episode comes back exactly; a damaged, cut or foreign file is named."""

from __future__ import annotations

import errno
import os
import resource
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from synthetic import make_episode, make_scene

from worldsim.data.store import decode, digest, encode, load_episode, save_episode
from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.errors import InputError


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


@st.composite
def episodes(draw: st.DrawFn) -> Episode:
    steps, size = draw(st.integers(1, 3)), draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    bodies, slots = draw(st.integers(0, 2)), draw(st.integers(0, 2))

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
    return Episode(
        frames=array(np.uint8, length, *size, 3),
        depth_m=array(np.float32, length, *size),
        segmentation=draw(st.sampled_from([None, array(np.uint8, length, *size)])),
        actions=array(np.float32, steps, 2),
        rewards=real(steps),
        terminated=array(np.bool_, steps),
        truncated=array(np.bool_, steps),
        scene=make_scene(draw(st.integers(0, 2**63))),
        source=draw(st.text().filter(lambda text: not text.endswith("\0"))),
        states=draw(st.sampled_from([None, states])),
        contacts=draw(st.sampled_from([None, contacts])),
    )


@settings(max_examples=40, deadline=None)
@given(episodes())
def test_an_episode_comes_back_exactly(episode: Episode) -> None:
    content = encode(episode)
    assert_same(decode(content, "it"), episode)
    assert encode(decode(content, "it")) == content


def test_the_bytes_do_not_depend_on_time_or_memory_layout(tmp_path: Path) -> None:
    episode = make_episode(3)
    save_episode(tmp_path / "a.npz", episode)
    os.environ["TZ"] = "Asia/Tokyo"
    try:
        fortran = replace(episode, frames=np.asfortranarray(episode.frames))
        save_episode(tmp_path / "b.npz", fortran)
    finally:
        del os.environ["TZ"]
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert digest(tmp_path / "a.npz") == digest(tmp_path / "b.npz")


def test_numpy_alone_can_read_it(tmp_path: Path) -> None:
    episode = make_episode(3)
    save_episode(tmp_path / "a.npz", episode)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert_same(file["depth_m"], episode.depth_m)
        assert_same(file["contacts.impulse_n_s"], getattr(episode.contacts, "impulse_n_s", None))
        assert str(file["scene"]) == episode.scene.to_json()


def test_every_truncation_is_refused_by_name(tmp_path: Path) -> None:
    content = encode(make_episode(0, steps=2, size_px=4))
    path = tmp_path / "000007.npz"
    for length in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="000007.npz"):
            load_episode(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_flipped_bit_never_changes_an_episode_silently(data: st.DataObject) -> None:
    episode = make_episode(0, steps=2, size_px=4)
    content = bytearray(encode(episode))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = decode(bytes(content), "it")
    except InputError as error:
        assert "it" in str(error) and "\n" not in str(error)
        return
    assert_same(read, episode)  # the bit lay in a field of the zip that carries nothing


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for content in (b"", b"hello", os.urandom(999)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="x.npz"):
            load_episode(path)
    np.savez(path, frames=np.zeros(3))
    with pytest.raises(InputError, match="not a worldsim episode"):
        load_episode(path)
    np.savez(path, schema=np.array(99))
    with pytest.raises(InputError, match="schema 99, this version reads 1"):
        load_episode(path)
    np.savez(path, schema=np.array(1), frames=np.zeros(3))
    with pytest.raises(InputError, match="member scene is missing"):
        load_episode(path)
    np.savez(path, schema=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="x.npz"):
        load_episode(path)
    for missing in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            load_episode(missing)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    save_episode(tmp_path / "a.npz", make_episode(1))
    before = (tmp_path / "a.npz").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="a.npz: disk full"):
        save_episode(tmp_path / "a.npz", make_episode(2))
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    assert (tmp_path / "a.npz").read_bytes() == before


def test_a_write_cut_by_the_system_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InputError, match="cannot write"):
            save_episode(tmp_path / "a.npz", make_episode(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
