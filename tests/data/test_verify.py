"""Every planted fault is found and named, and mended from the episode's seed."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from synthetic import Maker

from worldsim.data.dataset import Dataset, encode_meta, seal_meta
from worldsim.data.simulate import simulate
from worldsim.data.verify import repair, verify
from worldsim.errors import InputError

EPISODES = 4
MAKER = Maker()


def maker_of(meta: dict[str, Any]) -> Maker:
    return Maker(seed=meta["seed"], steps=meta["steps"], frames=meta["frames"])


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "push"
    simulate(MAKER, MAKER.meta, EPISODES, folder, progress=False)
    return folder


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "push"))


def damage(path: Path, rng: random.Random) -> str:
    """Flip one bit of a file, or cut it short; what was done."""
    whole = bytearray(path.read_bytes())
    place = rng.randrange(len(whole))
    if rng.random() < 0.7:
        bit = rng.randrange(8)
        whole[place] ^= 1 << bit
        path.write_bytes(whole)
        return f"bit {bit} of byte {place} of {path.name}"
    path.write_bytes(whole[:place])
    return f"{path.name} cut to {place} bytes"


def test_a_hundred_planted_faults_are_found_named_and_mended(recorded: Path, folder: Path) -> None:
    rng, whole = random.Random(7), content(recorded)
    names = [name for name in whole if name != ".lock"]
    mended = 0
    for _ in range(100):
        name = rng.choice(names)
        done = damage(folder / name, rng)
        problems = verify(folder)
        assert problems, done
        if name.startswith("episodes/"):
            number = int(Path(name).stem)
            assert [problem.episode for problem in problems] == [number], done
            assert f"episode {number} " in str(problems[0])
        elif name == "episodes.jsonl":
            assert any(problem.episode is not None for problem in problems), done
        else:
            assert name in str(problems[0]), done
        try:
            repair(folder, maker_of)
            assert verify(folder) == [] and content(folder) == whole, done
            mended += 1
        except InputError as error:
            assert name == "dataset.json" and "cut to" in done and "lost" in str(error), done
        (folder / name).write_bytes(whole[name])
        assert verify(folder) == []
    assert mended > 60


def test_missing_and_extra_files_are_found(folder: Path) -> None:
    whole = content(folder)
    (folder / "episodes/000001.safetensors").unlink()
    (folder / "episodes/000009.safetensors").write_bytes(b"rubbish")
    (folder / "episodes/notes.txt").write_bytes(b"")
    said = " | ".join(map(str, verify(folder)))
    for part in ("episode 1 (episodes/000001.safetensors): the file is missing", "episode 9 "):
        assert part in said
    assert "notes.txt: an extra file" in said
    (folder / "episodes/000009.safetensors").unlink()
    (folder / "episodes/notes.txt").unlink()
    assert repair(folder, maker_of) == ["episode 1 (episodes/000001.safetensors) made again"]
    assert content(folder) == whole


def test_an_interrupted_extension_is_told_and_listed(folder: Path) -> None:
    index = (folder / "episodes.jsonl").read_text().splitlines(keepends=True)
    (folder / "episodes.jsonl").write_text("".join(index[:2]))
    assert len(Dataset(folder)) == 2
    assert [problem.episode for problem in verify(folder)] == [2, 3]
    assert repair(folder, maker_of) == ["episodes.jsonl written anew, 4 episodes"]
    assert (folder / "episodes.jsonl").read_text() == "".join(index)


def test_an_unfinished_recording_is_checked_and_stays_unfinished(folder: Path) -> None:
    (folder / "episodes.jsonl").unlink()
    dataset = Dataset(folder)
    assert dataset.unfinished and len(dataset) == EPISODES and "unfinished" in repr(dataset)
    assert verify(folder) == [] and dataset[2].steps == MAKER(2).steps
    path = folder / "episodes/000002.safetensors"
    before = path.read_bytes()
    path.write_bytes(before[:-1])
    assert [entry.index for entry in Dataset(folder).entries] == [0, 1, 3]
    assert [problem.episode for problem in verify(folder)] == [2]
    repair(folder, maker_of)
    assert path.read_bytes() == before and not (folder / "episodes.jsonl").exists()


def test_an_episode_that_comes_out_otherwise_is_lost_and_said_so(folder: Path) -> None:
    path = folder / "episodes/000002.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    before = content(folder)
    with pytest.raises(InputError, match="episode 2 .* not what episodes.jsonl lists"):
        repair(folder, lambda meta: Maker(seed=5))
    assert content(folder) == before


def test_another_version_makes_no_episode_again(folder: Path) -> None:
    meta = Dataset(folder).meta
    meta["versions"]["zstandard"] = "0.1"
    del meta["sha256"], meta["kind"], meta["schema"]
    (folder / "dataset.json").write_text(encode_meta(seal_meta(meta)))
    (folder / "episodes/000002.safetensors").unlink()
    with pytest.raises(InputError, match="recorded with zstandard 0.1"):
        repair(folder, maker_of)


def test_a_recording_of_an_older_version_is_read_and_not_changed(tmp_path: Path) -> None:
    from worldsim import checkpoints
    from worldsim.data.dataset import Entry
    from worldsim.data.store import digest, load_episode

    folder = tmp_path / "old"
    (folder / "episodes").mkdir(parents=True)
    lines = []
    for number, start in enumerate(checkpoints.starts(checkpoints.find("push-64"))[:2]):
        name = f"episodes/{number:06d}.npz"
        shutil.copy(start, folder / name)
        episode = load_episode(start)
        facts = (episode.scene.seed, episode.steps, start.stat().st_size, digest(start))
        lines.append(Entry(number, name, *facts).to_json())
    (folder / "episodes.jsonl").write_text("".join(f"{line}\n" for line in lines))
    meta = {k: v for k, v in seal_meta(MAKER.meta).items() if k != "sha256"} | {"schema": 1}
    (folder / "dataset.json").write_text(json.dumps(meta))
    dataset = Dataset(folder)
    assert len(dataset) == 2 and dataset[1].scene.look.renderer == "tiny"
    frames, depth_m, actions = dataset.window(1, 1, 3)
    assert (frames == dataset[1].frames[1:3]).all() and (depth_m == dataset[1].depth_m[1:3]).all()
    assert (actions == dataset[1].actions[1:2]).all()
    before = content(folder)
    with pytest.raises(InputError, match="older version"):
        simulate(MAKER, MAKER.meta, 4, folder, progress=False)
    (folder / ".lock").unlink()
    assert content(folder) == before
    with pytest.raises(InputError, match="older version|damaged"):
        repair(folder, maker_of)
