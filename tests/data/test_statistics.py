"""Statistics of a dataset: computed once, kept beside it, never believed when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import Maker, make_episode

from worldsim.data import statistics as module
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.data.statistics import stored
from worldsim.episode import Episode
from worldsim.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    simulate(Maker(), Maker().meta, 3, tmp_path / "push", progress=False)
    return tmp_path / "push"


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The datasets that were gone through."""
    done = []
    compute = module._compute

    def counted(dataset: Dataset, progress: bool) -> module.Statistics:
        done.append(dataset.path)
        return compute(dataset, progress)

    monkeypatch.setattr(module, "_compute", counted)
    return done


def statistics(folder: Path) -> module.Statistics:
    return module.statistics(Dataset(folder), progress=False)


def equal(one: module.Statistics, two: module.Statistics) -> bool:
    return all(np.array_equal(value, getattr(two, name)) for name, value in vars(one).items())


def test_they_are_computed_once_and_again_for_other_data(folder: Path, passes: list[Path]) -> None:
    assert stored(Dataset(folder)) is None
    first = statistics(folder)
    assert equal(statistics(folder), first) and len(passes) == 1
    (file,) = (folder / "cache").iterdir()
    assert file.name == f"statistics-{Dataset(folder).digest[:12]}.npz"
    assert file.stat().st_size < 20_000
    simulate(Maker(), Maker().meta, 4, folder, progress=False)
    assert statistics(folder).frames > first.frames and len(passes) == 2
    assert Dataset(folder).verify() == []


def test_damaged_or_foreign_ones_are_computed_again(folder: Path, passes: list[Path]) -> None:
    first = statistics(folder)
    (file,) = (folder / "cache").iterdir()
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 1
    foreign = module._encode(first, "0" * 64)
    for number, content in enumerate((whole[:200], b"", bytes(flipped), foreign, b"PK"), start=2):
        file.write_bytes(content)
        assert stored(Dataset(folder)) is None
        assert equal(statistics(folder), first) and len(passes) == number
        assert file.read_bytes() == whole


def test_a_dataset_that_cannot_be_written_works_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "cache").write_text("a file where the folder should be")
    found = statistics(folder)
    said = capsys.readouterr().err
    assert found.frames == Dataset(folder).frames
    assert said.startswith(f"statistics of {folder} are not kept: ") and said.count("\n") == 1


def test_unfit_episodes_are_named(tmp_path: Path) -> None:
    for fault, said in (("size", "episode 2 of .* has frames"), ("nan", "episode 2 .* not finite")):
        simulate(Odd(fault), Maker().meta, 3, tmp_path / fault, progress=False)
        with pytest.raises(InputError, match=said):
            statistics(tmp_path / fault)
        assert not (tmp_path / fault / "cache").exists()


class Odd:
    """A maker whose episode 2 does not fit the others."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def __call__(self, index: int) -> Episode:
        if index == 2 and self.fault == "size":
            return make_episode(index, size_px=9)
        episode = make_episode(index)
        if index == 2:
            episode.depth_m[0, 0, 0] = np.nan
        return episode
