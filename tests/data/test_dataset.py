"""A dataset says what is wrong with it, and with which episode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synthetic import Maker

from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.errors import InputError


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "push"
    simulate(Maker(), Maker().meta, 4, folder, progress=False)
    return folder


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "push"
    for source in recorded.rglob("*"):
        target = copy / source.relative_to(recorded)
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return copy


def flip(path: Path, place: float, bit: int = 3) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1 << bit
    path.write_bytes(content)


def test_it_holds_what_was_made(folder: Path) -> None:
    dataset = Dataset(folder)
    assert len(dataset) == 4 and dataset.verify() == []
    for index, (entry, episode) in enumerate(zip(dataset.entries, dataset, strict=True)):
        wanted = Maker()(index)
        assert (episode.frames == wanted.frames).all() and episode.scene == wanted.scene
        assert (entry.index, entry.seed, entry.steps) == (index, wanted.scene.seed, wanted.steps)
    assert dataset[-1].steps == dataset[3].steps
    assert dataset.frames == sum(len(episode.frames) for episode in dataset)
    with pytest.raises(IndexError):
        dataset[4]


def test_its_description_is_complete(folder: Path) -> None:
    meta = Dataset(folder).meta
    scene = Maker()(0).scene
    assert meta["schema"] == 2 and meta["renderer"] == "worldsim" and meta["frames"] is True
    assert (meta["scenario"], meta["split"], meta["seed"], meta["steps"]) == ("push", "id", 0, 5)
    assert {"python", "numpy", "worldsim", "zstandard"} <= set(meta["versions"])
    assert json.loads(json.dumps(scene.look.to_dict())) == meta["look"]


@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_flipped_bit_names_its_episode(folder: Path, place: float) -> None:
    flip(folder / "episodes/000002.safetensors", place)
    (problem,) = Dataset(folder).verify()
    assert problem.startswith("episode 2 (episodes/000002.safetensors)") and "SHA-256" in problem


def test_truncated_missing_and_extra_files_are_named(folder: Path) -> None:
    path = folder / "episodes/000001.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    (folder / "episodes/000003.safetensors").unlink()
    (folder / "episodes/000009.safetensors").write_bytes(b"")
    (folder / "episodes/.000000.safetensors.1-1.tmp").write_bytes(b"")
    truncated, missing, draft, extra = Dataset(folder).verify()
    assert "episode 1 " in truncated and "bytes" in truncated
    assert "episode 3 " in missing and "missing" in missing
    assert "000009.safetensors" in extra and "killed" in draft
    with pytest.raises(InputError, match="000003.safetensors"):
        Dataset(folder)[3]


@pytest.mark.parametrize("old, new", [('"seed": 1', '"seed": 7'), ('"steps": 6', '"steps": 5')])
def test_a_changed_index_is_found(folder: Path, old: str, new: str) -> None:
    index = folder / "episodes.jsonl"
    text = index.read_text()
    assert old in text
    index.write_text(text.replace(old, new, 1))
    (problem,) = Dataset(folder).verify()
    assert problem.startswith("episode 1 ")


def test_a_damaged_index_is_refused(folder: Path) -> None:
    index = folder / "episodes.jsonl"
    text = index.read_text()
    lines = text.splitlines(keepends=True)
    for damaged, said in [
        (text[:-5], "truncated"),
        ("", "truncated"),
        (lines[0] + "rubbish\n", "line 2"),
        (lines[1], "line 1"),
        (lines[0] + lines[0], "line 2"),
        (lines[0].replace("episodes/000000.safetensors", "../000000.safetensors"), "line 1"),
        (lines[0].replace('"steps": 5', '"steps": "5"'), "line 1"),
        (lines[0].replace('"steps": 5', '"steps": -5'), "line 1"),
        ("[" * 100_000 + "\n", "line 1"),
    ]:
        index.write_text(damaged)
        with pytest.raises(InputError, match=said):
            Dataset(folder)


def test_a_changed_description_is_found(folder: Path) -> None:
    meta = folder / "dataset.json"
    meta.write_text(meta.read_text().replace('"seed": 0', '"seed": 4'))
    (problem,) = Dataset(folder).verify()
    assert problem.startswith("dataset.json")


def test_what_is_no_dataset_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Dataset(tmp_path / "nowhere")
    with pytest.raises(InputError, match="not a dataset"):
        Dataset(tmp_path)
    for content, said in [("{", "damaged"), ("[]", "describe"), ('{"kind": "other"}', "describe")]:
        (folder / "dataset.json").write_text(content)
        with pytest.raises(InputError, match=said):
            Dataset(folder)
    (folder / "dataset.json").write_text('{"kind": "worldsim dataset", "schema": 3}')
    with pytest.raises(InputError, match="schema 3, this version reads 1 and 2"):
        Dataset(folder)
