"""Laws of motion read off frames: energy, the arrow of time, momentum and friction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import spearmanr

from tests.eval.test_impacts import TRUTHS, named, simulated, vars_of
from worldsim.episode import BodyStates, Episode
from worldsim.eval.laws.arrow import arrow
from worldsim.eval.laws.energy import energy
from worldsim.eval.laws.friction import friction, slides
from worldsim.eval.laws.momentum import exchanges, momentum
from worldsim.eval.laws.turns import moments_kg_m2, steps_rad, turning_j
from worldsim.proof import controls
from worldsim.proof.clips.truths import number_of
from worldsim.proof.exam import evidence_of
from worldsim.proof.faults import FAULTS
from worldsim.proof.plan import plan
from worldsim.proof.scoring.decision import auc
from worldsim.sim.scene import Body, Scene
from worldsim.sim.simulator import Simulator

CLIPS = 6
LAWS = (energy, arrow, momentum, friction)


def balls(number: int, lossless: bool) -> Scene:
    """Two balls on their table, set in motion; with nothing that rubs, or as they are."""
    scene = TRUTHS(number_of("collide", "calibration", 700 + number)).scene
    rng = np.random.default_rng(number)

    def made(body: Body) -> Body:
        if body.shape == "sphere":
            angle, speed_m_s = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.4, 1.2)
            way = (speed_m_s * np.cos(angle), speed_m_s * np.sin(angle), 0.0)
            if not lossless:
                return replace(body, velocity_m_s=way, restitution=0.6)
            free = dict.fromkeys(("linear_damping", "angular_damping", "rolling_friction"), 0.0)
            return replace(body, velocity_m_s=way, restitution=1.0, friction=0.0, **free)
        if lossless and body.name.startswith("cushion"):
            return replace(body, friction=0.0, restitution=1.0)
        return body

    return replace(scene, bodies=tuple(made(body) for body in scene.bodies))


def backwards(clip: Episode) -> Episode:
    states = clip.states
    assert states is not None and clip.segmentation is not None
    return replace(
        clip,
        frames=clip.frames[::-1].copy(),
        depth_m=clip.depth_m[::-1].copy(),
        segmentation=clip.segmentation[::-1].copy(),
        states=BodyStates(*(getattr(states, name)[::-1].copy() for name in vars_of())),
    )


@pytest.mark.parametrize("lossless", [True, False])
def test_time_has_an_arrow_where_something_is_lost(simulator: Simulator, lossless: bool) -> None:
    """Reversed clips are told from true ones, and cannot be where balls lose nothing."""
    ways: tuple[list[float], list[float]] = ([], [])
    for number in range(CLIPS):
        clip = simulated(balls(number, lossless), simulator)
        for shown, alarms in zip((clip, backwards(clip)), ways, strict=True):
            alarms.append(named(arrow(evidence_of(shown, clip)))["arrow of time"].alarm)
    found = auc(*(np.array(alarms) for alarms in ways))
    if lossless:
        assert 0.4 <= found <= 0.6 and max(map(max, ways)) < 1.0
    else:
        assert found == 1.0 and min(ways[1]) > 0.3


def test_friction_comes_back_in_its_order(simulator: Simulator) -> None:
    """A box that slides with mu = 0.1 ... 0.9: Spearman 0.95 and more, errors below 0.05."""
    base = TRUTHS(number_of("drop", "calibration", 700)).scene
    wanted, found = np.arange(1, 10) / 10.0, []
    for mu in wanted:
        slab = replace(
            base.body("can"),
            shape="box",
            size_m=(0.2, 0.2, 0.04),
            position_m=(-0.5, 0.0, 0.0205),
            velocity_m_s=(1.2 if mu <= 0.3 else 3.0, 0.0, 0.0),
            friction=float(mu),
            restitution=0.0,
        )
        aside = replace(base.body("ball"), position_m=(0.0, 0.6, 0.5))
        new = {"can": slab, "ball": aside}
        bodies = tuple(new.get(body.name, body) for body in base.bodies)
        clip = simulated(replace(base, bodies=bodies), simulator)
        seen = evidence_of(clip, clip)
        mine = [s for s in slides(seen, seen.floor) if s.window.body == base.index("can")]
        found.append(min(mine, key=lambda slide: slide.error).coefficient)
    assert spearmanr(wanted, found).statistic >= 0.95
    assert np.abs(np.array(found) - wanted).max() < 0.05


@pytest.mark.parametrize("scenario", ["collide", "drop", "throw"])
def test_equal_clips_alarm_nothing_and_spoilt_ones_little(scenario: str) -> None:
    truth = TRUTHS(number_of(scenario, "calibration", 701))
    same, spoilt = (
        evidence_of(clip, truth)
        for clip in (truth, controls.degraded(truth, np.random.default_rng(1)))
    )
    for law in LAWS:
        for measure in law(same):
            assert not measure.alarm > (1.0 if law is arrow else 0.0), measure
        for measure in law(spoilt):
            assert not measure.alarm > 1.0, measure


def test_bodies_that_win_energy_are_seen(simulator: Simulator) -> None:
    made = plan(FAULTS["energy"], "faulty", 5, TRUTHS, simulator)  # e = 2, in throw
    found = named(energy(evidence_of(made.faulty, made.truth)))
    assert found["energy gain"].alarm > 3.0 and found["energy gain"].value > 20.0


def test_a_body_of_another_mass_breaks_momentum(simulator: Simulator) -> None:
    made = plan(FAULTS["mass"], "faulty", 10, TRUTHS, simulator)  # x8, in collide
    seen = evidence_of(made.faulty, made.truth)
    found = named(momentum(seen))
    assert found["momentum"].alarm > 1.0 and found["momentum"].step is not None
    assert (
        max(one.excess for one in exchanges(seen, seen.floor)[0] or exchanges(seen, seen.floor)[1])
        < 1.0
    )


@pytest.mark.parametrize("shape", ["box", "sphere", "cylinder"])
def test_a_steady_turn_has_its_energy(shape: str) -> None:
    """I w^2 / 2 about a body's own x, whichever way the body lies."""
    sizes = {"box": (0.1, 0.2, 0.3), "sphere": (0.1,), "cylinder": (0.1, 0.3)}
    body = Body("b", shape, sizes[shape], (1.0, 0.0, 0.0), (0.0, 0.0, 0.0), mass_kg=2.0)  # type: ignore[arg-type]
    lies = Rotation.from_euler("xyz", [0.3, 0.7, -0.2])
    turns = np.stack([(lies * Rotation.from_rotvec([0.1 * t, 0, 0])).as_quat() for t in range(4)])
    wanted = 0.5 * moments_kg_m2(body)[0] * (0.1 / 0.05) ** 2
    assert np.linalg.norm(steps_rad(body, turns)[1:], axis=1) == pytest.approx(0.1)
    assert turning_j(body, turns, 0.05, 0.8)[1:] == pytest.approx(wanted)
