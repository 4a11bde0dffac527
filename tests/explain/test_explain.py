"""The closest simulation tells another physics from none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from worldsim.eval.evidence import Evidence
from worldsim.eval.explanation import AS_SIMULATED, EXPLAINED, NONE, OTHER, UNTOLD
from worldsim.proof.clips.truths import Truths, number_of
from worldsim.proof.exam import evidence_of
from worldsim.proof.faults import FAULTS, Sight, planted

pytest.importorskip("pybullet")

from worldsim.explain.search import explain
from worldsim.sim.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(seen=False) as made:
        yield made


def clip(simulator: Simulator, kind: str, scenario: str, magnitude: float, sign: int) -> Evidence:
    """A clip of the scenario with a fault, planted where it can show."""
    fault = FAULTS[kind]
    for attempt in range(20):
        truth = Truths(seed=0)(number_of(scenario, f"explain {kind}", 0, attempt))
        cue = fault.pick(Sight(truth), np.random.default_rng(attempt))
        if cue is None:
            continue
        cue = replace(cue, sign=sign)
        made = planted(fault.plant, truth, cue, magnitude, simulator)
        evidence = evidence_of(made, truth)
        if np.nanmax(evidence.errors.total_m) > 0.05:
            return evidence
    raise AssertionError(f"{kind} shows in no clip of {scenario}")


@pytest.mark.parametrize(
    ("kind", "scenario", "magnitude", "sign"),
    [("gravity", "throw", 2.0, -1), ("friction", "ramp", 2.0, -1)],
)
def test_another_physics_comes_back(
    simulator: Simulator, kind: str, scenario: str, magnitude: float, sign: int
) -> None:
    found = explain(clip(simulator, kind, scenario, magnitude, sign), simulator)
    assert found.verdict == OTHER, str(found)
    assert found.residual <= EXPLAINED < found.reference_residual
    (change,) = found.changes
    assert change.name.startswith(kind)
    assert change.value == pytest.approx(magnitude**sign, rel=0.05)
    assert str(found).startswith(f"consistent, but {kind}")


def test_a_teleport_is_no_physics(simulator: Simulator) -> None:
    found = explain(clip(simulator, "teleport", "collide", 1.0, 1), simulator)
    assert found.verdict == NONE, str(found)
    assert found.residual > 5.0 * EXPLAINED


def test_a_clean_clip_is_as_simulated(simulator: Simulator) -> None:
    truth = Truths(seed=0)(number_of("throw", "explain clean", 0))
    found = explain(evidence_of(truth, truth), simulator)
    assert found.verdict == AS_SIMULATED
    assert found.changes == ()


def test_what_the_simulator_does_not_repeat_is_not_explained(simulator: Simulator) -> None:
    truth = Truths(seed=0)(number_of("throw", "explain clean", 0))
    evidence = evidence_of(truth, truth)
    reference = replace(evidence.reference, actions=-evidence.reference.actions)
    found = explain(replace(evidence, reference=reference), simulator)
    assert found.verdict == UNTOLD
