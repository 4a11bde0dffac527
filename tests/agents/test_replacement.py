"""A recording that goes on: with another mesh or size it cannot; the mesh is in every scene."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trimesh

from worldsim.agents.collect import Collector, Replacement
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.data.store import encode
from worldsim.data.verify import repair
from worldsim.errors import InputError
from worldsim.sim.bullet import load_bullet
from worldsim.sim.look import LOOKS


@pytest.fixture(autouse=True)
def engine() -> None:
    try:
        load_bullet()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture
def form(tmp_path: Path) -> Replacement:
    trimesh.creation.icosahedron().export(tmp_path / "die.stl")
    return Replacement.read(tmp_path / "die.stl", 1.2)


def record(maker: Collector, folder: Path, episodes: int = 1) -> Dataset:
    return simulate(maker, maker.meta, episodes, folder, progress=False)


def test_only_the_subject_changes_and_numbers_decide(form: Replacement) -> None:
    plain = Collector("push", seed=4, steps=3)
    maker = replace(plain, replacement=form)
    episode = maker(2)
    assert encode(episode) == encode(pickle.loads(pickle.dumps(maker))(2))
    before, after = plain(2).scene, episode.scene
    changed = [a.name for a, b in zip(before.bodies, after.bodies, strict=True) if a != b]
    assert changed == ["box"]
    assert after.body("box").mesh == form.mesh
    assert max(after.body("box").size_m) == pytest.approx(1.2 * before.body("box").diameter_m)
    assert replace(after, bodies=before.bodies) == before


def test_the_recording_names_the_file_and_holds_the_mesh(form: Replacement, tmp_path: Path) -> None:
    maker = Collector("push", seed=4, steps=3, replacement=form)
    dataset = record(maker, tmp_path / "data")
    assert dataset.meta["mesh"] == {"file": "die.stl", "sha256": form.sha256, "scale": 1.2}
    assert len(form.sha256) == 64
    assert dataset[0].scene.body("box").mesh == form.mesh
    assert len(record(maker, tmp_path / "data", 2)) == 2


def test_another_mesh_or_none_cannot_go_on(form: Replacement, tmp_path: Path) -> None:
    plain = Collector("push", seed=4, steps=3)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    record(replace(plain, replacement=form), ours)
    record(plain, theirs)
    for other in (None, replace(form, scale=1.0), replace(form, sha256="0" * 64)):
        with pytest.raises(InputError, match="was recorded with mesh"):
            record(replace(plain, replacement=other), ours)
    with pytest.raises(InputError, match="was recorded with mesh None"):
        record(replace(plain, replacement=form), theirs)


def test_another_size_cannot_go_on(tmp_path: Path) -> None:
    maker = Collector("push", seed=4, steps=3)
    record(maker, tmp_path / "data")
    assert len(record(maker, tmp_path / "data", 2)) == 2
    with pytest.raises(InputError, match="was recorded with size_px 64, not 32"):
        record(replace(maker, size_px=32), tmp_path / "data", 3)


def test_a_damaged_episode_is_made_again_with_the_mesh_of_another(
    form: Replacement, tmp_path: Path
) -> None:
    maker, folder = Collector("push", seed=4, steps=3, replacement=form), tmp_path / "data"
    first, second = (folder / entry.file for entry in record(maker, folder, 2).entries)
    whole = first.read_bytes(), second.read_bytes()
    first.write_bytes(whole[0][:-1])
    assert "made again" in repair(folder, partial(Collector.of_recording, folder))[0]
    assert (first.read_bytes(), second.read_bytes()) == whole
    for path in (first, second):
        path.write_bytes(b"rubbish")
    with pytest.raises(InputError, match="the mesh die.stl is lost"):
        repair(folder, partial(Collector.of_recording, folder))


def test_a_recording_says_who_made_it(form: Replacement, tmp_path: Path) -> None:
    maker = Collector("drop", "ood", 4, 3, size_px=32, replacement=form, look=LOOKS["night"])
    meta = record(maker, tmp_path / "data").meta
    assert Collector.of_recording(tmp_path / "data", meta).meta == maker.meta
    assert meta["command"] == (
        "worldsim simulate drop --seed 4 --steps 3 --split ood --size-px 32 --frame-rate-hz 20 "
        "--look night --mesh die.stl --mesh-scale 1.2"
    )
    with pytest.raises(InputError, match="does not say how"):
        Collector.of_recording(tmp_path / "data", {"scenario": "drop"})


def test_states_only_are_the_same_episode(tmp_path: Path) -> None:
    maker = Collector("push", seed=4, steps=20)
    full = record(maker, tmp_path / "full")
    states = record(replace(maker, frames=False), tmp_path / "states")
    assert encode(states[0]) == encode(full[0])
    for one, other in zip(states.window(0, 4, 9), full.window(0, 4, 9), strict=True):
        assert one.tobytes() == other.tobytes()
    assert states.entries[0].bytes < 500 * 21 + 3000 < full.entries[0].bytes
    assert states.verify() == []
    with pytest.raises(InputError, match="recorded with frames False, not True"):
        record(maker, tmp_path / "states")


@pytest.mark.parametrize("scale", [0.0, -1.0, 11.0, float("nan"), float("inf")])
def test_scales_are_bounded(scale: float, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--mesh-scale must be above 0"):
        Replacement.read(tmp_path / "any.obj", scale)
