"""Controls change looks, or nothing that a law forbids."""

from __future__ import annotations

import numpy as np
import pytest

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.proof import controls
from worldsim.proof.clips.truths import Truths, number_of
from worldsim.proof.controls import CONTROLS
from worldsim.sim.simulator import Simulator

LOOKS = ("hue", "light", "exposure", "codec", "path")


@pytest.fixture(scope="module")
def truth(truths: Truths) -> Episode:
    return truths(number_of("collide", "test of controls", 0))


@pytest.mark.parametrize("name", LOOKS)
def test_other_looks_of_the_same_places(truth: Episode, simulator: Simulator, name: str) -> None:
    control = CONTROLS[name]
    errors = []
    for strength in control.magnitudes[::2]:
        made = control.change(truth, strength, np.random.default_rng(1), simulator)
        assert made.scene is truth.scene and made.states is None and made.contacts is None
        assert made.frames.dtype == np.uint8 and made.frames.shape == truth.frames.shape
        assert not np.array_equal(made.frames, truth.frames)
        if name != "path":  # other samples of a pixel, another depth at an edge
            assert np.array_equal(made.depth_m, truth.depth_m)
        errors.append(float(np.abs(made.frames.astype(float) - truth.frames).mean()))
    assert errors[-1] < 40.0
    if name in ("hue", "light", "exposure", "codec"):
        assert errors == sorted(errors)


def test_another_seed_is_a_true_clip(truth: Episode, simulator: Simulator) -> None:
    made = CONTROLS["seed"].change(truth, 1.0, np.random.default_rng(1), simulator)
    assert np.array_equal(made.frames, truth.frames) and made.states is None


def test_a_restart_begins_alike_and_stays_near(truth: Episode, simulator: Simulator) -> None:
    made = CONTROLS["restart"].change(truth, 1.0, np.random.default_rng(1), simulator)
    assert np.array_equal(made.frames[0], truth.frames[0])
    assert not np.array_equal(made.frames, truth.frames)
    same = CONTROLS["restart"].change(truth, 0.0, np.random.default_rng(1), simulator)
    assert np.mean(same.frames == truth.frames) > 0.99


def test_a_degraded_clip_keeps_its_start(truth: Episode) -> None:
    made = controls.degraded(truth, np.random.default_rng(1))
    assert np.array_equal(made.frames[0], truth.frames[0])
    assert np.array_equal(made.depth_m[0], truth.depth_m[0])
    error = np.abs(made.frames[1:].astype(float) - truth.frames[1:]).mean()
    assert 1.0 < error < 8.0
    assert 0.001 < np.abs(made.depth_m[1:] - truth.depth_m[1:]).mean() < 0.02


def test_a_worse_codec_shows_more() -> None:
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.integers(0, 255, (4, 8, 8, 3)), 8, 1).repeat(8, 2).astype(np.uint8)
    good, bad = (
        np.abs(controls.through_codec(frames, quality).astype(float) - frames).mean()
        for quality in (95, 50)
    )
    assert good < bad < 30.0


def test_an_unknown_control_is_refused() -> None:
    with pytest.raises(InputError, match="huge"):
        controls.find_control("huge")
