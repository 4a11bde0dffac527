"""A recording that goes on: with another mesh or size it cannot; the mesh is in every scene."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import trimesh

from worldsim.agents.collect import Collector, Replacement
from worldsim.data.dataset import Dataset
from worldsim.data.simulate import simulate
from worldsim.data.store import encode
from worldsim.errors import InputError
from worldsim.sim.bullet import load_bullet


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
    """Nor in a recording that names its size in the camera only, as the first ones do."""
    maker = Collector("push", seed=4, steps=3)
    new, old = tmp_path / "new", tmp_path / "old"
    record(maker, new)
    meta = {name: value for name, value in maker.meta.items() if name != "size_px"}
    simulate(maker, meta, 1, old, progress=False)
    for folder in (new, old):
        assert len(record(maker, folder, 2)) == 2
        with pytest.raises(InputError, match="was recorded with size_px 64, not 32"):
            record(replace(maker, size_px=32), folder, 3)


@pytest.mark.parametrize("scale", [0.0, -1.0, 11.0, float("nan"), float("inf")])
def test_scales_are_bounded(scale: float, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--mesh-scale must be above 0"):
        Replacement.read(tmp_path / "any.obj", scale)
