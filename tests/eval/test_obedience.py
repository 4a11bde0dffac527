"""Obedience: what is shown of a driven body follows the logged actions, or does not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from worldsim.eval.checks.measure import Measure
from worldsim.eval.laws.obedience import obedience
from worldsim.proof import controls
from worldsim.proof.clips.truths import SCENARIOS, Truths, number_of
from worldsim.proof.exam import evidence_of
from worldsim.proof.faults import FAULTS
from worldsim.proof.plan import plan
from worldsim.sim.simulator import Simulator

TRUTHS = Truths(0)


def named(measures: tuple[Measure, ...]) -> dict[str, Measure]:
    return {measure.name: measure for measure in measures}


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "arm"])
def test_true_clips_obey(scenario: str, simulator: Simulator) -> None:
    truth = TRUTHS(number_of(scenario, "calibration", 710))
    found = named(obedience(evidence_of(truth, truth)))
    assert all(not measure.alarm > 0.0 for measure in found.values())
    gain = found["action gain"].value
    assert math.isnan(gain) or gain == pytest.approx(1.0)


def test_blur_is_no_disobedience(simulator: Simulator) -> None:
    truth = TRUTHS(number_of("push", "calibration", 710))
    spoilt = controls.degraded(truth, np.random.default_rng(0))
    found = named(obedience(evidence_of(spoilt, truth)))
    assert found["action gain"].value == pytest.approx(1.0, abs=0.1)
    assert found["action lag"].value == 0.0
    assert max(measure.alarm for measure in found.values()) < 1.0


@pytest.mark.parametrize("kind", ["ignored", "swapped"])
def test_actions_that_are_not_taken_are_seen(kind: str, simulator: Simulator) -> None:
    """The grossest magnitude in topple, from an early step on."""
    made = plan(FAULTS[kind], "faulty", 10, TRUTHS, simulator)
    found = named(obedience(evidence_of(made.faulty, made.truth)))
    assert found["action gain"].alarm > 1.0
    assert found["action gain"].value < 0.7


def test_a_clip_that_comes_late_lags(simulator: Simulator) -> None:
    """Every frame three frames late, in push."""
    truth = TRUTHS(number_of("push", "calibration", 710))
    late = 3
    rows = np.maximum(np.arange(truth.steps + 1) - late, 0)
    clip = replace(truth, frames=truth.frames[rows], depth_m=truth.depth_m[rows])
    found = named(obedience(evidence_of(clip, truth)))
    assert found["action lag"].value == late and found["action lag"].alarm > 1.0


def test_without_actions_there_is_nothing_to_obey(simulator: Simulator) -> None:
    truth = TRUTHS(number_of("push", "calibration", 710))
    idle = replace(truth, actions=np.zeros_like(truth.actions))
    assert all(math.isnan(measure.alarm) for measure in obedience(evidence_of(idle, idle)))
