"""Watching dreams: errors against the recording's states, and limits measured and stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from worldsim.agents.collect import Collector
from worldsim.cli import main
from worldsim.envs import alarms
from worldsim.envs.alarms import LEAST, NAMES, limits_of
from worldsim.errors import InputError
from worldsim.trust.calibrate import calibrate
from worldsim.trust.judge import TABLES
from worldsim.trust.watch import episodes_of, values_of_truth, watch


def test_a_watched_dream_has_a_row_a_step(checkpoint: Path, recording: Path) -> None:
    episodes = episodes_of(recording, 2, 10)
    clips = watch(checkpoint, episodes, start_frames=3)
    for clip in clips:
        assert clip.steps == 8 == len(clip.error_m) == len(clip.motion) == len(clip.pixel_error)
        assert clip.found.shape == clip.error_m.shape == (8, 3)
        assert all(row.shape == (8,) for row in (*clip.values.values(), *clip.fired.values()))
        assert (np.diff(clip.doubt_m) > 0.0).all() and (np.diff(clip.motion) >= 0.0).all()
        # Random weights draw nothing that lasts.
        assert clip.failed_at == 1 and not clip.valid.any() and clip.pixel_error.min() > 1.0
    assert not np.array_equal(clips[0].error_m, clips[1].error_m)


def test_true_frames_give_no_alarm(recording: Path) -> None:
    for episode in episodes_of(recording, 2, 10):
        values = values_of_truth(episode)
        for name in NAMES:
            assert len(values[name]) == 11 and values[name].max() <= LEAST.get(name, 0.0)


def test_true_frames_of_a_camera_that_moves_are_read_from_where_it_is() -> None:
    values = values_of_truth(Collector("orbit", steps=12)(0))
    for name in NAMES:
        assert values[name].max() <= LEAST.get(name, 0.0)


def test_limits_are_stored_beside_those_of_others(
    checkpoint: Path, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "alarms.json"
    out.write_text(json.dumps({"true": {"drop": {}}, "dreams": {"other": {"a": {}}}}))
    calibrate(str(checkpoint), (recording,), 2, 1, 2, 8, out)
    stored = json.loads(out.read_text())
    assert set(stored["true"]) == {"drop", "push"}
    assert stored["dreams"] == {"other": {"a": {}}}
    monkeypatch.setattr(alarms, "_stored", lambda: stored)
    limits = limits_of("push", "random")
    assert limits["bodies_lost"] == 0.0 and limits["floating"] == LEAST["floating"]
    assert limits["uncertainty"] == np.inf  # no dream of random weights is ever valid


def test_the_command_prints_and_writes_both_tables(
    checkpoint: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"evaluate --trust --model {checkpoint} --data {recording} --out {tmp_path / 'out'}"
    assert main([*line.split(), "--episodes", "2", "--horizon", "8"]) == 0
    text = (tmp_path / "out" / TABLES).read_text()
    assert text in capsys.readouterr().out
    assert "| id | uncertainty |" in text and "| bodies lost | 0 % | - | 100 % | 0 % |" in text


def test_short_recordings_are_refused(recording: Path) -> None:
    with pytest.raises(InputError, match="2 episodes of 10 steps"):
        episodes_of(recording, 3, 10)
    with pytest.raises(InputError, match="lower --horizon"):
        episodes_of(recording, 1, 11)
