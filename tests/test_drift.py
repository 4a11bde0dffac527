"""Drift: what is found late in a dream, of what the simulator shows there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_checkpoint import write_checkpoint

from worldsim import drift
from worldsim.agents.collect import Collector
from worldsim.data.simulate import simulate
from worldsim.drift import Found, looked
from worldsim.errors import InputError


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "STEPS": 20,
        "LOOKED_AT": (8, 14, 20),
        "TOLD": (8, 20),
        "FRAMES": 3,
    }.items():
        monkeypatch.setattr(drift, name, value)


def test_the_truth_loses_nothing_and_an_emptied_dream_what_it_lost() -> None:
    truth = Collector("push", steps=23)(0)
    whole = looked(truth, truth, 3)
    assert whole.share() == 1.0 and (whole.shown == 3 * 3).all()
    # From step 14 on two bodies of three are painted over with the ground.
    frames, depth_m = truth.frames.copy(), truth.depth_m.copy()
    gone = [truth.scene.index(name) + 1 for name in ("sphere", "box")]
    for t in range(3 + 9, len(frames)):
        mask = cv2.dilate(np.isin(truth.segmentation[t], gone).astype(np.uint8), np.ones((5, 5)))
        frames[t][mask > 0] = np.median(frames[t].reshape(-1, 3), 0)
        depth_m[t][mask > 0] = np.median(depth_m[t])
    found = looked(truth, replace(truth, frames=frames, depth_m=depth_m), 3)
    assert found.share(8) == 1.0
    assert found.share(20) == pytest.approx(1 / 3)
    assert found.share() == pytest.approx(5 / 9)


def test_nothing_shown_is_no_share() -> None:
    assert np.isnan(Found(np.zeros(3, int), np.zeros(3, int)).share(8))


def test_the_command_tells_every_setting_and_draws_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path / "model")
    maker = Collector("push", steps=24, frames=False)
    simulate(maker, maker.meta, 2, tmp_path / "long", progress=False)
    line = {"data": (tmp_path / "long",), "model": str(tmp_path / "model"), "passes": (1, 2)}
    drift.main(**line, out=tmp_path / "out" / "drift", episodes=2, pinned=True)  # type: ignore[arg-type]
    told = json.loads((tmp_path / "out" / "drift" / "drift.json").read_text())["found"]["push"]
    assert list(told) == ["K=1", "K=1, pinned", "K=2", "K=2, pinned"]
    assert all(row["shown"] == [18, 18, 18] for row in told.values())
    picture = cv2.imread(str(tmp_path / "out" / "drift" / "drift.png"))
    assert picture is not None and picture.shape == (64, 4 * 64, 3)
    said = capsys.readouterr().out
    monkeypatch.setattr(drift, "drift", None)  # all is there: nothing is dreamed again
    drift.main(**line, out=tmp_path / "out" / "drift", episodes=2, pinned=True)  # type: ignore[arg-type]
    assert capsys.readouterr().out == said
    with pytest.raises(TypeError):
        drift.main(**line, out=tmp_path / "out" / "drift", episodes=1, pinned=True)  # type: ignore[arg-type]
    config = tmp_path / "model" / "config.json"
    config.write_text(config.read_text() + " ")  # the same weights are another model now
    with pytest.raises(TypeError):
        drift.main(**line, out=tmp_path / "out" / "drift", episodes=2)  # type: ignore[arg-type]
    assert "| push, K=2, pinned | " in said and "20 steps" in said


def test_episodes_too_short_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model")
    maker = Collector("push", steps=22)
    simulate(maker, maker.meta, 1, tmp_path / "short", progress=False)
    with pytest.raises(InputError, match="--steps 24 --no-frames"):
        drift.main((tmp_path / "short",), str(tmp_path / "model"), tmp_path / "out")
