"""A disk that fills up: said before, or when it happens, with what is needed; then it goes on."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from synthetic import Maker

from worldsim.data.atomic import DiskFull
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.data.space import Space, in_words

EPISODES = 12


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_too_small_is_said_at_the_start(small: Path, tmp_path: Path) -> None:
    maker, ballast = Maker(), small / "ballast"
    ballast.write_bytes(bytes(200_000))
    with pytest.raises(DiskFull, match=r"\(11\) needs about .* kB, .* kB are free"):
        simulate(maker, maker.meta, EPISODES, small / "push", progress=False)
    assert len(Dataset(small / "push")) >= 1 and Dataset(small / "push").unfinished
    ballast.unlink()
    simulate(maker, maker.meta, EPISODES, small / "push", progress=False)
    whole = simulate(maker, maker.meta, EPISODES, tmp_path / "push", progress=False)
    assert Dataset(small / "push").digest == whole.digest


def test_a_disk_that_fills_up_on_the_way_stops_cleanly(small: Path) -> None:
    maker, ballast, folder = Maker(wait_s=0.1), small / "ballast", small / "push"

    def fill() -> None:
        while len(list(folder.glob("episodes/*.safetensors"))) < 4:
            time.sleep(0.005)
        with open(ballast, "wb", 0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    other = threading.Thread(target=fill)
    other.start()
    with pytest.raises(DiskFull, match=r"disk full .*; what is left of 12 .* needs about .* kB"):
        simulate(maker, maker.meta, EPISODES, folder, progress=False)
    other.join()
    dataset = Dataset(folder)
    assert 4 <= len(dataset) < EPISODES and dataset.verify() == []
    assert not list(folder.rglob("*.tmp"))
    ballast.unlink()
    assert len(simulate(maker, maker.meta, EPISODES, folder, progress=False)) == EPISODES


def test_what_is_needed_is_judged_by_what_is_done(tmp_path: Path) -> None:
    space = Space(tmp_path, 5)
    space.add(1000, made=True)
    assert space.needed == 4000
    space.add(3000, made=True)
    assert space.needed == 6000
    with pytest.raises(DiskFull, match="1e\\+|TB"):
        Space(tmp_path, 10**6).add(1 << 40, made=True)
    assert [in_words(n) for n in (5, 1500, 2_500_000_000)] == ["5 B", "1.5 kB", "2.5 GB"]
