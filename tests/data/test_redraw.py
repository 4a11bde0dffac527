"""Recordings drawn anew from their states: another picture of the same motion, without pybullet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import Maker

from worldsim import cli
from worldsim.agents.collect import Collector
from worldsim.data.clips import ClipDataset
from worldsim.data.dataset import Dataset
from worldsim.data.redraw import Orbit, Redrawn
from worldsim.data.simulate import simulate
from worldsim.data.store import encode, load_episode
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.render import Renderer
from worldsim.sim.look import LOOKS

ROOT = Path(__file__).resolve().parents[2]
EPISODES = 3


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("redraw") / "push"
    maker = Collector("push", seed=5, steps=5, size_px=16)
    simulate(maker, maker.meta, EPISODES, folder, progress=False)
    return folder


def render(maker: Redrawn, out: Path, workers: int = 1) -> Dataset:
    return simulate(maker, maker.meta, len(maker.dataset), out, workers, progress=False)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def same_motion(one: Episode, other: Episode) -> bool:
    """All but the images and the scene's camera and look are equal, bit for bit."""
    if one.states is None or other.states is None:
        return False
    scene = replace(other.scene, camera=one.scene.camera, look=one.scene.look)
    black = {"frames": one.frames, "depth_m": one.depth_m, "segmentation": one.segmentation}
    return encode(replace(other, scene=scene, **black)) == encode(one)


def test_recorded_states_give_the_frames_of_the_live_environment(source: Path) -> None:
    maker = Redrawn(Dataset(source))
    for index, live in enumerate(Dataset(source)):
        assert encode(maker(index)) == encode(live)


def test_another_size_look_and_view_of_the_same_motion(source: Path, tmp_path: Path) -> None:
    maker = Redrawn(Dataset(source), 24, LOOKS["metal"], Orbit.parse("orbit:30,20,1.6"))
    made = render(maker, tmp_path / "metal")
    assert made.meta["size_px"] == 24 and made.meta["look"] == LOOKS["metal"].to_dict() | {
        name: list(value)
        for name, value in LOOKS["metal"].to_dict().items()
        if isinstance(value, tuple)
    }
    assert made.meta["source"]["digest"] == Dataset(source).digest
    assert made.meta["command"].startswith(f"worldsim render {source} --size-px 24 --look metal")
    for live, drawn in zip(Dataset(source), made, strict=True):
        assert same_motion(live, drawn) and drawn.frames.shape[1:] == (24, 24, 3)
        assert drawn.scene.look == LOOKS["metal"]
        states = drawn.states
        assert states is not None
        renderer = Renderer(drawn.scene)
        for t in (0, 5):
            frame, _, _ = renderer.draw(states.position_m[t], states.orientation_xyzw[t])
            np.testing.assert_array_equal(frame, drawn.frames[t])
    assert made.verify() == []


def test_the_same_bytes_for_any_worker_count_and_after_a_stop(source: Path, tmp_path: Path) -> None:
    maker = Redrawn(Dataset(source), look=LOOKS["evening"])
    render(maker, tmp_path / "a", workers=1)
    render(maker, tmp_path / "b", workers=2)
    whole = content(tmp_path / "a")
    assert content(tmp_path / "b") == whole
    (tmp_path / "b/episodes.jsonl").unlink()
    (tmp_path / "b/episodes/000001.safetensors").unlink()
    render(maker, tmp_path / "b")
    assert content(tmp_path / "b") == whole
    with pytest.raises(InputError, match="was recorded with"):
        render(Redrawn(Dataset(source), look=LOOKS["night"]), tmp_path / "b")


def test_states_only_in_and_out(source: Path, tmp_path: Path) -> None:
    thin = render(Redrawn(Dataset(source), frames=False), tmp_path / "thin")
    assert sum(entry.bytes for entry in thin.entries) < 0.9 * sum(
        entry.bytes for entry in Dataset(source).entries
    )
    again = Redrawn(Dataset(tmp_path / "thin"))
    for index, live in enumerate(Dataset(source)):
        assert encode(thin[index]) == encode(live) == encode(again(index))


def test_repair_draws_again_from_the_source(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Path(shutil.copytree(source, tmp_path / "push"))
    render(Redrawn(Dataset(here), look=LOOKS["soft"]), tmp_path / "soft")
    whole = content(tmp_path / "soft")
    damaged = tmp_path / "soft/episodes/000001.safetensors"
    damaged.write_bytes(b"half")
    assert cli.main(["verify", str(tmp_path / "soft")]) == 2
    assert cli.main(["verify", str(tmp_path / "soft"), "--repair"]) == 0
    assert content(tmp_path / "soft") == whole
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "soft").rename(moved / "soft")
    here.rename(moved / "push")  # beside it still
    (moved / "soft/episodes/000001.safetensors").unlink()
    assert cli.main(["verify", str(moved / "soft"), "--repair"]) == 0
    assert content(moved / "soft") == whole
    (moved / "push").rename(tmp_path / "lost")
    damaged = moved / "soft/episodes/000001.safetensors"
    damaged.unlink()
    capsys.readouterr()
    assert cli.main(["verify", str(moved / "soft"), "--repair"]) == 2
    said = capsys.readouterr().err
    assert "gone or has changed" in said and len(said.splitlines()) == 1


def test_old_recordings_get_the_default_look(tmp_path: Path, source: Path) -> None:
    old = ROOT / "worldsim/checkpoints/push-64/starts"
    (path, *_) = sorted(old.glob("*.npz"))
    episode = load_episode(path)
    assert episode.scene.look.renderer == "tiny"
    from worldsim.data.dataset import EPISODES_FOLDER, encode_meta, make_entry

    folder = tmp_path / "old"
    (folder / EPISODES_FOLDER).mkdir(parents=True)
    bytes_ = path.read_bytes()
    entry = replace(
        make_entry(0, bytes_, episode.scene.seed, episode.steps), file="episodes/000000.npz"
    )
    shutil.copy(path, folder / entry.file)
    (folder / "episodes.jsonl").write_text(entry.to_json() + "\n")
    meta = {"kind": "worldsim dataset", "schema": 1, "scenario": "push", "seed": 1, "steps": 1}
    (folder / "dataset.json").write_text(encode_meta(meta))
    (drawn,) = render(Redrawn(Dataset(folder)), tmp_path / "new")
    assert drawn.scene.look == LOOKS["studio"] and same_motion(episode, drawn)
    assert drawn.frames.shape == episode.frames.shape
    assert np.abs(drawn.depth_m - episode.depth_m).mean() < 0.01
    assert Dataset(tmp_path / "new").meta["schema"] == 2


def test_a_moving_camera_keeps_moving(tmp_path: Path) -> None:
    maker = Collector("orbit", steps=4, size_px=16)
    made = simulate(maker, maker.meta, 1, tmp_path / "orbit", progress=False)
    drawn = Redrawn(made, look=LOOKS["night"])(0)
    assert same_motion(made[0], drawn)
    np.testing.assert_array_equal(drawn.depth_m, made[0].depth_m)
    with pytest.raises(InputError, match="camera of orbit is moved by the actions"):
        Redrawn(made, orbit=Orbit(0.0, 20.0, 1.0))


def test_the_view_is_where_it_was_asked_for_and_nothing_is_cut_off(source: Path) -> None:
    episode = Dataset(source)[0]
    states, scene = episode.states, episode.scene
    assert states is not None
    target_m = np.array(scene.camera.target_m)
    for yaw_deg, towards in ((0, (1, 0, 0)), (90, (0, 1, 0)), (180, (-1, 0, 0)), (-90, (0, -1, 0))):
        camera = Orbit.parse(f"orbit:{yaw_deg},0,2").of(scene, states)
        np.testing.assert_allclose(camera.position_m - target_m, 2.0 * np.array(towards), atol=1e-9)
    camera = Orbit.parse("orbit:10,90e-1,1.5").of(scene, states)
    assert camera.position_m[2] - target_m[2] == pytest.approx(1.5 * np.sin(np.radians(9.0)))
    assert camera.fov_y_rad == scene.camera.fov_y_rad and camera.target_m == scene.camera.target_m
    far = Orbit(20.0, 40.0, 60.0).of(scene, states)
    points_m = states.position_m.reshape(-1, 3)
    _, depth_m = far.project(points_m)
    assert depth_m.max() < far.far_m and depth_m.min() > far.near_m
    drawn = Redrawn(Dataset(source), 64, orbit=Orbit(20.0, 40.0, 60.0))(0)
    assert (drawn.segmentation > 0).any() and drawn.depth_m[drawn.segmentation > 0].min() > 50.0


@pytest.mark.parametrize(
    "view, said",
    [
        ("spin", "must be orbit:"),
        ("orbit", "must be orbit:"),
        ("orbit:1,2", "must be orbit:"),
        ("orbit:1,2,3,4", "must be orbit:"),
        ("orbit:a,2,3", "must be orbit:"),
        ("orbit:nan,2,3", "must be orbit:"),
        ("orbit:1,2,inf", "must be orbit:"),
        ("orbit:1,90,3", "pitch must be"),
        ("orbit:1,-90,3", "pitch must be"),
        ("orbit:1,120,3", "pitch must be"),
        ("orbit:1,2,0", "distance must be"),
        ("orbit:1,2,-1", "distance must be"),
        ("orbit:1,2,1e9", "distance must be"),
    ],
)
def test_views_that_cannot_be_taken(view: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Orbit.parse(view)
    assert str(Orbit.parse("orbit:1,2,3")) == "orbit:1.0,2.0,3.0"


def test_what_cannot_be_drawn_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only the simulator draws with TinyRenderer"):
        Redrawn(Dataset(source), look=LOOKS["tiny"])
    maker = _Stateless()
    bare = simulate(maker, maker.meta, 2, tmp_path / "bare", progress=False)
    with pytest.raises(InputError, match="episode 0 of .*bare has no states.*a-model"):
        Redrawn(bare)
    half = Path(shutil.copytree(source, tmp_path / "half"))
    (half / "episodes.jsonl").unlink()
    for refusing in (Redrawn, lambda data: ClipDataset(data.path, 2, progress=False)):
        with pytest.raises(InputError, match="finish it first: worldsim simulate push .* --out"):
            refusing(Dataset(half))


class _Stateless(Maker):
    """Episodes as a model gives them."""

    def __call__(self, index: int) -> Episode:
        return replace(super().__call__(index), states=None, contacts=None, source="a-model")


def test_the_command_needs_no_pybullet(source: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pybullet'] = None; sys.modules['pybullet_data'] = None\n"
        "from worldsim import cli\n"
        "if __name__ == '__main__':\n"
        f"    sys.exit(cli.main(['render', {str(source)!r}, '--out', 'x', '--size', '24', "
        "'--look', 'matte', '--camera', 'orbit:30,20,1.6', '--workers', '1', '--video']))\n"
    )
    (tmp_path / "blocked.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "blocked.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"{EPISODES} episodes" in done.stdout and "episodes.webm" in done.stdout
    made = Dataset(tmp_path / "x")
    assert made.meta["camera"]["width_px"] == 24
    assert json.loads(made[0].scene.to_json())["look"]["gloss"] == 0.0


@pytest.mark.parametrize(
    "options, said",
    [
        ("--look tiny", "only the simulator"),
        ("--look metl", "did you mean metal?"),
        ("--size 8", "--size-px must be at least 16"),
        ("--size 32 --size-px 32", "given twice"),
        ("--camera orbit:1", "must be orbit:"),
        ("--workers 0", "--workers must be at least 1"),
        ("--sice 32", "did you mean --size-px"),
    ],
)
def test_bad_options_say_so_in_a_line(
    options: str, said: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"render {source} --out {tmp_path}/x {options}".split()
    assert cli.main(line) == 2
    told = capsys.readouterr().err
    assert said in told and len(told.splitlines()) == 1
    assert not (tmp_path / "x").exists()
    assert cli.main(["render", str(source), "--out", str(source)]) == 2
    assert "the recording itself" in capsys.readouterr().err
