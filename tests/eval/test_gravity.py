"""Gravity read off flights: the scene's own in true clips, another one where it was changed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from worldsim.eval.checks.measure import Measure
from worldsim.eval.laws.gravity import gravity
from worldsim.eval.laws.tracks import Track
from worldsim.proof import controls
from worldsim.proof.clips.truths import Truths, number_of
from worldsim.proof.exam import evidence_of
from worldsim.proof.faults import FAULTS
from worldsim.proof.plan import plan
from worldsim.sim.simulator import Simulator

TRUTHS = Truths(0)


def named(measures: tuple[Measure, ...]) -> dict[str, Measure]:
    return {measure.name: measure for measure in measures}


@pytest.mark.parametrize("scenario", ["drop", "throw"])
def test_true_clips_fall_as_the_scene_says(scenario: str, simulator: Simulator) -> None:
    truth = TRUTHS(number_of(scenario, "calibration", 700))
    found = named(gravity(evidence_of(truth, truth)))["gravity"]
    assert found.value == pytest.approx(9.81, abs=0.05)
    assert found.alarm == 0.0 and found.measurable == 1.0
    spoilt = controls.degraded(truth, np.random.default_rng(0))
    blurred = named(gravity(evidence_of(spoilt, truth)))["gravity"]
    assert blurred.value == pytest.approx(9.81, abs=0.3) and blurred.alarm < 1.5


@pytest.mark.parametrize("clip", [1, 5, 8])
def test_another_gravity_is_seen(clip: int, simulator: Simulator) -> None:
    """Twofold, fourfold and a quarter more or less, from the middle of a flight on."""
    made = plan(FAULTS["gravity"], "faulty", clip, TRUTHS, simulator)
    found = named(gravity(evidence_of(made.faulty, made.truth)))["gravity"]
    assert found.alarm > 1.0 and found.step is not None


def test_a_body_that_hangs_in_the_air_does_not_fall(simulator: Simulator) -> None:
    made = plan(FAULTS["float"], "faulty", 5, TRUTHS, simulator)  # two diameters, in collide
    found = named(gravity(evidence_of(made.faulty, made.truth)))["gravity"]
    assert found.alarm > 3.0 and found.value < 5.0


def test_where_nothing_flies_there_is_nothing_to_measure(simulator: Simulator) -> None:
    truth = TRUTHS(number_of("push", "calibration", 700))
    assert all(math.isnan(measure.alarm) for measure in gravity(evidence_of(truth, truth)))


@pytest.mark.parametrize("pull", [9.81, 2.0])
def test_a_fit_gives_acceleration_and_an_honest_error(pull: float) -> None:
    """A thousand falls with noise of 2 mm: errors as large as promised."""
    rng, t = np.random.default_rng(0), np.arange(8) / 20.0
    true_m = np.stack([0.3 * t, 0.0 * t, 1.0 + t - 0.5 * pull * t**2], axis=1)
    off = []
    for _ in range(300):
        seen_m = true_m + rng.normal(0.0, 0.002, true_m.shape)
        track = Track(0, 1.0 / 20.0, seen_m, np.full((8, 4), np.nan), np.full(8, 0.002))
        motion = track.fit(slice(0, 8), 2)
        assert motion is not None
        away = motion.acceleration_m_s2 - (0.0, 0.0, -pull)
        off.append(away / motion.acceleration_error_m_s2)
    assert np.std(off) == pytest.approx(1.0, abs=0.15)
