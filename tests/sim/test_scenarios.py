"""What must hold in every scenario."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import get_args

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worldsim.sim.scenarios import SCENARIOS, Choice, Moment
from worldsim.sim.scene import Body, Scene, Split
from worldsim.sim.simulator import Simulator

SPLITS = get_args(Split)
LEAST_PX = 12
Start = tuple[Scene, dict[str, NDArray[np.float64]], NDArray[np.int64]]  # state, pixels by body
STARTS: dict[tuple[str, str], list[Start]] = {}
ALL = pytest.mark.parametrize("name", SCENARIOS)
BRIEF = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def matters(scene: Scene) -> list[int]:
    """The bodies that must be seen to judge a frame."""
    return [
        index
        for index, body in enumerate(scene.bodies)
        if body.role in ("free", "marker") or body.name == scene.actuator.body != "camera"
    ]


@ALL
@pytest.mark.parametrize("split", SPLITS)
def test_draws_keep_to_the_table_and_ood_to_what_id_never_has(name: str, split: Split) -> None:
    scenario = SCENARIOS[name]
    for seed in range(50):
        drawn = scenario.drawn(seed, split)
        for factor_name, factor in scenario.table.items():
            if isinstance(factor, Choice):
                allowed = factor.ood if split == "ood" else factor.seen
                assert dict.__getitem__(drawn, factor_name) in allowed
                assert not set(factor.seen) & set(factor.ood)
                continue
            low, high = factor.seen
            value = drawn[factor_name]
            assert (low <= value <= high) == (split != "ood"), factor_name
            spans = factor.unseen if split == "ood" else (factor.seen,)
            assert any(span[0] <= value <= span[1] for span in spans), factor_name


@ALL
def test_combo_holds_what_id_leaves_out(name: str) -> None:
    scenario = SCENARIOS[name]
    assert scenario.reserved, "a scenario needs combinations that only combo has"

    def upper(values: dict[str, float | str], factor_name: str) -> bool:
        factor = scenario.table[factor_name]
        if isinstance(factor, Choice):
            return factor.seen.index(dict.__getitem__(values, factor_name)) >= len(factor.seen) / 2
        return float(values[factor_name]) > 0.5 * sum(factor.seen)

    for split in ("id", "combo"):
        for seed in range(50):
            drawn = scenario.drawn(seed, split)  # type: ignore[arg-type]
            reserved = any(upper(drawn, a) and not upper(drawn, b) for a, b in scenario.reserved)
            assert reserved == (split == "combo")


@ALL
@given(seed=st.integers(0, 2**40), split=st.sampled_from(SPLITS))
@BRIEF
def test_json_round_trip(name: str, seed: int, split: Split) -> None:
    scene = SCENARIOS[name].make_scene(seed, split)
    assert Scene.from_json(scene.to_json()) == scene
    assert (scene.scenario, scene.split, scene.seed) == (name, split, seed)


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, list[str]]:
    """What another process plays, from the last scenario to the first."""
    program = (
        f"import sys; sys.path.append({str(Path(__file__).parent)!r})\n"
        "from test_scenarios import SCENARIOS, Simulator, played\n"
        "one = Simulator()\n"
        "for name in reversed(SCENARIOS): print(name, *played(one, name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in done.stdout.splitlines())
    return {name: digests for name, *digests in rows}


@ALL
def test_the_same_scene_states_and_frames_in_another_process(
    simulator: Simulator, elsewhere: dict[str, list[str]], name: str
) -> None:
    assert elsewhere[name] == played(simulator, name)


def played(simulator: Simulator, name: str) -> list[str]:
    """Digests of a scene, and of its states, contacts and frames under some actions."""
    scene = SCENARIOS[name].make_scene(7, "ood")
    simulator.reset(scene)
    moments = sha256()
    for action in np.random.default_rng(0).uniform(-1.0, 1.0, (8, scene.action_spec.size)):
        simulator.step(action)
        for values in (*simulator.state().values(), *simulator.contacts().values()):
            moments.update(values.tobytes())
        for image in simulator.render():
            moments.update(image.tobytes())
    return [sha256(scene.to_json().encode()).hexdigest(), moments.hexdigest()]


@ALL
@pytest.mark.parametrize("size_px", [64, 96, 128])
def test_check_env_is_clean(name: str, size_px: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = gymnasium.make(SCENARIOS[name].env_id, render_mode="rgb_array", size_px=size_px)
        check_env(made.unwrapped, skip_render_check=size_px != 64)
        made.close()


@pytest.fixture
def starts(simulator: Simulator, name: str, split: Split) -> list[Start]:
    """Twenty starts of a scenario, made once: the arm takes a fifth of a second for each."""

    def start(seed: int) -> Start:
        scene = SCENARIOS[name].make_scene(seed, split)
        simulator.reset(scene)
        counts = np.bincount(simulator.render()[2].ravel(), minlength=len(scene.bodies) + 1)
        return scene, simulator.state(), counts

    if (name, split) not in STARTS:
        STARTS[name, split] = [start(seed) for seed in range(20)]
    return STARTS[name, split]


@ALL
@pytest.mark.parametrize("split", SPLITS)
def test_bodies_that_matter_are_seen_at_the_start(starts: list[Start], name: str) -> None:
    """At 64 px every one keeps at least 12 pixels in 95 % of start frames."""
    seen = [
        all(counts[index + 1] >= LEAST_PX for index in matters(scene))
        for scene, _, counts in starts
    ]
    assert np.mean(seen) >= 0.95


@ALL
def test_two_actions_part_the_scene(simulator: Simulator, name: str) -> None:
    parted = []
    for seed in range(10):
        scene = SCENARIOS[name].make_scene(seed)
        ends = [held(simulator, scene, sign) for sign in (1.0, -1.0)]
        apart_m = np.linalg.norm(ends[0] - ends[1], axis=1)
        radius_m = np.array([0.5 * body.diameter_m for body in scene.bodies])
        parted.append(bool((apart_m > radius_m)[list(scene.moving)].any()))
    assert np.mean(parted) >= 0.9


def held(simulator: Simulator, scene: Scene, sign: float) -> NDArray[np.float64]:
    """Where the bodies are after 20 steps of one action."""
    simulator.reset(scene)
    for _ in range(20):
        simulator.step(np.full(scene.action_spec.size, sign, np.float32))
    return simulator.state()["position_m"]


def in_the_air(scene: Scene, body: Body) -> bool:
    """True where nothing is within 10 cm below a body that no joint holds."""
    if body.attached_to or not (body.role == "free" or scene.actuator.kind in ("force", "launch")):
        return False
    bottom_m = body.position_m[2] - 0.5 * body.height_m
    solid = [b for b in scene.bodies if b is not body and b.role != "marker"]
    tops_m = [b.position_m[2] + 0.5 * b.height_m for b in solid]
    below_m = [top_m for top_m in tops_m if top_m < bottom_m + 0.01]
    return body.role != "static" and bool(below_m) and bottom_m - max(below_m) > 0.1


@ALL
@pytest.mark.parametrize("split", SPLITS)
def test_a_resting_scene_stays_at_rest(simulator: Simulator, name: str, split: Split) -> None:
    """Bodies that start at rest on something and are not run into stay where they are."""
    for seed in range(5):
        scene = SCENARIOS[name].make_scene(seed, split)
        moving = [i for i in scene.moving if np.any(scene.bodies[i].velocity_m_s)]
        if moving or any(in_the_air(scene, body) for body in scene.bodies):
            pytest.skip("this scenario starts in motion")
        simulator.reset(scene)
        start = simulator.state()
        for _ in range(20):
            simulator.step(np.zeros(scene.action_spec.size, np.float32))
        end = simulator.state()
        assert np.abs(end["position_m"] - start["position_m"]).max() < 2e-3
        assert np.abs(end["velocity_m_s"]).max() < 5e-3


@ALL
@pytest.mark.parametrize("split", SPLITS)
def test_the_start_is_no_success(starts: list[Start], name: str) -> None:
    for scene, state, _ in starts:
        moment = Moment(state["position_m"], state["orientation_xyzw"], state["velocity_m_s"])
        outcome = SCENARIOS[name].task(scene, moment)
        assert not outcome.success and not outcome.failed
        assert np.isfinite(outcome.reward) and outcome.distance_m > 0.0


@ALL
def test_the_same_bits_after_reset_and_from_a_snapshot(simulator: Simulator, name: str) -> None:
    scene = SCENARIOS[name].make_scene(3)
    actions = np.random.default_rng(0).uniform(-1, 1, (12, scene.action_spec.size))

    def played_on(steps: NDArray[np.float64]) -> Iterator[NDArray[np.generic]]:
        for action in steps.astype(np.float32):
            simulator.step(action)
            yield from (*simulator.state().values(), *simulator.contacts().values())
            yield from simulator.render()

    simulator.reset(scene)
    first = list(played_on(actions))
    simulator.reset(SCENARIOS[name].make_scene(4, "ood"))
    simulator.step(actions[0].astype(np.float32))
    simulator.reset(scene)
    start = list(played_on(actions[:6]))
    snapshot = simulator.snapshot()
    simulator.reset(SCENARIOS[name].make_scene(5))
    simulator.restore(snapshot)
    rest = list(played_on(actions[6:]))
    for one, other in zip(first, start + rest, strict=True):
        assert np.array_equal(one, other)
