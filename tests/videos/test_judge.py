"""Clips judged: true ones reach the floor, a wrong one does not, a bad one ends nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from worldsim.cli import main
from worldsim.data.dataset import Dataset
from worldsim.errors import InputError
from worldsim.videos.judge import CLIPS_FILE, judge_videos
from worldsim.videos.pairs import pairs_of


@pytest.fixture(scope="module")
def clips(recording: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """True clips of episodes 0 and 1, 2 shown as 1, a number too far, none, and a broken file."""
    folder = tmp_path_factory.mktemp("clips")
    for name, index in (("a_0", 0), ("b_1", 1), ("swapped_1", 2), ("far_7", 0), ("plain", 0)):
        episode = recording[index]
        np.savez(folder / f"{name}.npz", frames=episode.frames, depth_m=episode.depth_m)
    (folder / "broken_2.npz").write_bytes(b"none")
    return folder


def test_true_clips_reach_the_floor_and_bad_ones_are_reported(
    recording: Dataset, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (report,) = judge_videos(clips, recording.path, tmp_path, workers=1).values()
    assert report.episodes == 2 and not report.unreadable and report.source == "2 clips"
    for body, scores in report.rows["model"].bodies.items():
        floor = report.rows["floor"].bodies[body]
        assert scores.position[8].value == pytest.approx(floor.position[8].value)
        assert scores.position[8].value < 0.01
    said = capsys.readouterr().out
    for reason in ("does not begin as", "no episode 7", "no number in its name", "no .npz file"):
        assert reason in said
    assert "2 of 6 clips are judged" in said
    values = json.loads((tmp_path / CLIPS_FILE).read_text())
    assert values["schema"] == 1
    assert [clip["judged"] for clip in values["clips"]] == [True, True] + [False] * 4


def test_the_same_clips_give_the_same_bytes(
    recording: Dataset, clips: Path, tmp_path: Path
) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        judge_videos(clips, recording.path, tmp_path / name, limit=2, workers=workers)
    for file in ("report.json", CLIPS_FILE):
        one, two = ((tmp_path / name / file).read_bytes() for name in ("one", "two"))
        assert one == two


def test_a_frozen_clip_is_found_out(recording: Dataset, tmp_path: Path) -> None:
    still = recording[0].frames[:1].repeat(len(recording[0].frames), axis=0)
    np.savez(tmp_path / "still.npz", frames=still)
    (report,) = judge_videos(
        tmp_path / "still.npz", recording.path / "000000", tmp_path / "out", ceiling=False
    ).values()
    assert report.rows["model"].checks["motion"]["path ratio"].value < 0.2
    assert report.rows["floor"].checks["motion"]["path ratio"].value > 0.8
    assert "second simulator run" not in report.rows


def test_only_some_checks_of_some_scenarios(recording: Dataset, clips: Path) -> None:
    assert len(pairs_of(clips, recording.path, limit=1)) == 1
    with pytest.raises(InputError, match="holds no clip"):
        pairs_of(clips, recording.path, scenarios=("drop",))
    several = recording.path.parent
    (pair,) = pairs_of(clips / "a_0.npz", recording.path / "episodes" / "000002.safetensors")
    assert pair.index == 2 and pair.data == recording.path
    with pytest.raises(InputError, match="several recordings; name one: push"):
        pairs_of(clips / "a_0.npz", several)
    with pytest.raises(InputError, match="did you mean push"):
        pairs_of(clips, several, scenarios=("puhs",))


def test_the_command_judges_one_clip(
    recording: Dataset, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"evaluate --video {clips}/a_0.npz --against {recording.path}/000000 --out {tmp_path}"
    assert main([*line.split(), "--checks", "position", "--no-ceiling"]) == 0
    said = capsys.readouterr()
    assert "rate: clip 10 Hz (assumed: none is told)" in said.out
    assert json.loads((tmp_path / "report.json").read_text())["checks"] == ["position"]
    assert (
        main(["evaluate", "--video", f"{clips}/broken_2.npz", "--against", str(recording.path)])
        == 2
    )
    assert "no .npz file" in capsys.readouterr().err
