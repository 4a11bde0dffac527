"""Alarms: silent on true motion, loud on planted faults, and a dream's to truncate on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worldsim.agents.collect import Collector
from worldsim.envs.alarms import FRAMES, NAMES, Alarms, limits_of
from worldsim.envs.dream.state import DreamState
from worldsim.envs.vector.world_model import WorldModelVectorEnv
from worldsim.envs.world_model_env import WorldModelEnv
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.reading.reading import Reading
from worldsim.sim.scenarios import SCENARIOS

Checkpoint = tuple[Path, list[Episode]]
LEFT = np.array([-0.8, 0.1], np.float32)
LIMITS = {**dict.fromkeys(NAMES, 1.0), "bodies_lost": 0.0}
ERROR_M = 1e-3


@pytest.fixture(scope="module")
def collide() -> Episode:
    return Collector(seed=3, steps=18, scenario="collide")(0)


@pytest.fixture(scope="module")
def drop() -> Episode:
    return Collector(seed=3, steps=18, scenario="drop")(0)


def exact(episode: Episode) -> Reading:
    """The states as a reading that errs by a millimetre at most."""
    states = episode.states
    assert states is not None
    rows, bodies = states.position_m.shape[:2]
    ones = np.ones((rows, bodies))
    return Reading(
        position_m=states.position_m.copy(),
        covariance_m2=np.tile(np.eye(3) * ERROR_M**2, (rows, bodies, 1, 1)),
        orientation_xyzw=states.orientation_xyzw.copy(),
        found=ones > 0.0,
        hidden=ones < 0.0,
        segmentation=np.zeros((rows, 4, 4), np.uint8),
        visible_share=ones,
        overlap=ones,
        scale=ones,
        color_ratio=np.ones((rows, bodies, 3)),
        extra=np.zeros((rows, bodies), np.int64),
    )


def fired(episode: Episode, reading: Reading) -> dict[str, list[int]]:
    """The frames in which each alarm fires."""
    alarms = Alarms(episode.scene, LIMITS)
    frames: dict[str, list[int]] = {name: [] for name in NAMES}
    for t in range(episode.steps + 1):
        alarms.add(reading.part(t, t), episode.actions[t - 1] if t else None, 0.0)
        for name, fires in alarms.told()["alarms"].items():
            frames[name] += [t] if fires else []
    return frames


@pytest.mark.parametrize("name", ["collide", "drop"])
def test_nothing_fires_on_true_motion(name: str, request: pytest.FixtureRequest) -> None:
    episode = request.getfixturevalue(name)
    assert fired(episode, exact(episode)) == {name: [] for name in NAMES}


def test_a_body_that_hangs_floats(drop: Episode) -> None:
    reading = exact(drop)
    body = drop.scene.moving[0]
    reading.position_m[10:, body] = reading.position_m[10, body] + [0.0, 0.0, 0.5]
    frames = fired(drop, reading)["floating"]
    # Four frames make a fit, and two fits an alarm.
    assert frames and frames[0] in range(14, 17) and frames[-1] == drop.steps


def test_a_body_in_the_ground_penetrates(drop: Episode) -> None:
    reading = exact(drop)
    body = drop.scene.moving[0]
    reading.position_m[8:, body] = [0.0, 0.0, 0.0]  # half of it is below the ground
    assert fired(drop, reading)["penetration"] == list(range(9, drop.steps + 1))


def test_a_body_that_is_gone_is_lost_and_one_that_is_hidden_is_not(drop: Episode) -> None:
    for hidden in (False, True):
        reading = exact(drop)
        body = drop.scene.moving[0]
        reading.position_m[8:, body] = np.nan
        reading.found[8:, body] = False
        reading.hidden[8:, body] = hidden
        frames = fired(drop, reading)
        assert frames["bodies_lost"] == ([] if hidden else list(range(9, drop.steps + 1)))
        assert frames["uncertainty"] == list(range(8, drop.steps + 1))


def test_a_ball_that_goes_faster_by_itself_gains_energy(collide: Episode) -> None:
    reading = exact(collide)
    ball = collide.scene.index("target")
    away = np.linspace(0.0, 1.0, collide.steps + 1)[:, None] ** 3 * [0.0, 0.0, 0.4]
    reading.position_m[:, ball] += away
    assert fired(collide, reading)["energy_gain"]


def test_it_remembers_the_last_frames_only(drop: Episode) -> None:
    """Alarms that have seen more tell the same as those that begin `FRAMES` before."""
    reading = exact(drop)
    whole, late = Alarms(drop.scene, LIMITS), Alarms(drop.scene, LIMITS)
    for t in range(drop.steps + 1):
        row, action = reading.part(t, t), drop.actions[t - 1] if t else None
        whole.add(row, action, 0.0)
        if t > drop.steps - FRAMES:
            late.add(row, action if t > drop.steps - FRAMES + 1 else None, 0.0)
    assert whole.told() == late.told()


def test_every_scenario_has_limits_and_others_the_highest() -> None:
    laws = [name for name in NAMES if name != "uncertainty"]
    rows = [limits_of(name, "all-128") for name in SCENARIOS]
    for row in rows:
        assert set(row) == set(NAMES) and all(np.isfinite(row[name]) for name in laws)
    other = limits_of("mine", "all-128")
    assert other["uncertainty"] == np.inf
    assert all(other[name] <= max(row[name] for row in rows) for name in laws)
    # What was not measured of a model is shown and never fires.
    assert limits_of("push", "all-128")["uncertainty"] < 0.1
    assert limits_of("push", "mine")["uncertainty"] == np.inf


def test_a_dream_tells_its_alarms_and_is_the_same(checkpoint: Checkpoint) -> None:
    plain = WorldModelEnv(str(checkpoint[0]))
    env = WorldModelEnv(str(checkpoint[0]), alarms=True)
    assert "alarms" not in plain.reset(seed=0)[1]
    assert env.reset(seed=0)[1]["doubt_m"] == 0.0
    doubts = []
    for _ in range(5):
        one, other = plain.step(LEFT), env.step(LEFT)
        assert np.array_equal(one[0], other[0]) and one[1:4] == other[1:4]
        assert list(other[4]["alarms"]) == list(other[4]["alarm_values"]) == list(NAMES)
        doubts.append(other[4]["doubt_m"])
    assert (np.diff([0.0, *doubts]) > 0.0).all()


def test_alarms_branch_with_the_dream(checkpoint: Checkpoint) -> None:
    env = WorldModelEnv(str(checkpoint[0]), alarms=True)
    env.reset(seed=0)
    env.step(LEFT)
    state = env.get_state()
    ahead: list[Any] = [env.step(LEFT)[4] for _ in range(4)]
    env.step(-LEFT)
    env.set_state(state)
    for info in ahead:
        again = env.step(LEFT)[4]
        assert again["alarm_values"] == info["alarm_values"] and again["doubt_m"] == info["doubt_m"]


def test_alarms_travel_as_bytes(checkpoint: Checkpoint) -> None:
    env, other = (WorldModelEnv(str(checkpoint[0]), alarms=True) for _ in range(2))
    env.reset(seed=0)
    for _ in range(3):
        env.step(LEFT)
    other.set_state(DreamState.from_bytes(env.get_state().to_bytes()))
    for _ in range(3):
        one, two = env.step(LEFT)[4], other.step(LEFT)[4]
        assert one["alarm_values"] == two["alarm_values"] and one["doubt_m"] == two["doubt_m"]
    plain = WorldModelEnv(str(checkpoint[0]))
    assert "alarms" not in plain.set_state(env.get_state())[1]
    with pytest.raises(InputError, match="has no alarms"):
        env.set_state(plain.get_state())


def test_rows_have_the_alarms_of_one_alone(checkpoint: Checkpoint) -> None:
    limits = {"uncertainty": 1e-3}
    rows = WorldModelVectorEnv(
        2, None, "Disabled", str(checkpoint[0]), alarms=limits, truncate_on=("uncertainty",)
    )
    alone = WorldModelEnv(str(checkpoint[0]), alarms=limits, truncate_on=("uncertainty",))
    rows.reset(seed=[5, 0])
    alone.reset(seed=0)
    for _ in range(3):
        *_, truncated, infos = rows.step(np.stack([-LEFT, LEFT]))
        *_, cut, info = alone.step(LEFT)
        assert truncated[1] == cut
        for name, value in info["alarm_values"].items():
            assert infos["alarm_values"][name][1] == pytest.approx(value, rel=1e-4)
        if truncated.any():
            break
    assert cut


def test_an_alarm_truncates_where_it_is_asked_to(checkpoint: Checkpoint) -> None:
    folder = str(checkpoint[0])
    for names in ((), ("uncertainty",)):
        env = WorldModelEnv(folder, alarms={"uncertainty": 0.0}, truncate_on=names)
        env.reset(seed=0)
        _, _, _, truncated, info = env.step(LEFT)
        assert info["alarms"]["uncertainty"] and truncated == bool(names)
    env = WorldModelEnv(folder, truncate_on=("penetration",))
    env.reset(seed=0)
    info = env.step(LEFT)[4]
    assert "alarms" in info


def test_bad_names_say_what_to_do(checkpoint: Checkpoint) -> None:
    for settings, hint in (
        ({"truncate_on": ("penetrating",)}, "penetration"),
        ({"truncate_on": "floating"}, r"\('floating',\)"),
        ({"alarms": {"lost": 1.0}}, "alarm"),
    ):
        with pytest.raises(InputError, match=hint):
            WorldModelEnv(str(checkpoint[0]), **settings)
