from __future__ import annotations

import subprocess
import sys
from colorsys import rgb_to_hsv
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worldsim.errors import InputError
from worldsim.sim.scenarios import make_scene
from worldsim.sim.scenarios.push import ARENA_M, GOAL_M, TABLE
from worldsim.sim.scene import Scene, Split

SEEDS = st.integers(0, 2**40)
SPLITS = st.sampled_from(get_args(Split))
NAMES = ["table", "wall_east", "wall_west", "wall_north", "wall_south"]


def drawn(scene: Scene) -> dict[str, float]:
    sphere, box = scene.body("sphere"), scene.body("box")
    return {
        "sphere_radius_m": sphere.size_m[0],
        "sphere_mass_kg": sphere.mass_kg,
        "sphere_friction": sphere.friction,
        "box_edge_m": box.size_m[0],
        "box_mass_kg": box.mass_kg,
        "box_friction": box.friction,
    }


def upper(name: str, value: float) -> bool:
    low, high = TABLE[name].seen
    return value > 0.5 * (low + high)


@given(seed=SEEDS, split=SPLITS)
def test_json_round_trip(seed: int, split: Split) -> None:
    scene = make_scene("push", seed, split)
    assert Scene.from_json(scene.to_json()) == scene
    assert (scene.seed, scene.split, scene.scenario) == (seed, split, "push")


@given(seed=SEEDS, split=SPLITS)
def test_bodies_start_apart_inside_and_off_the_goal(seed: int, split: Split) -> None:
    scene = make_scene("push", seed, split)
    assert [body.name for body in scene.bodies] == [*NAMES, "goal", "pusher", "sphere", "box"]
    at = {body.name: np.array(body.position_m[:2]) for body in scene.bodies}
    box = scene.body("box")
    radius_m = {
        "pusher": scene.body("pusher").size_m[0],
        "sphere": scene.body("sphere").size_m[0],
        "box": 0.5 * float(np.linalg.norm(box.size_m[:2])),
    }
    for name, radius in radius_m.items():
        assert np.abs(at[name]).max() + radius < ARENA_M
        for other, size in radius_m.items():
            if other != name:
                assert np.linalg.norm(at[name] - at[other]) > radius + size + 0.01
    assert np.linalg.norm(at["box"] - at["goal"]) > 0.12
    assert np.abs(at["goal"]).max() + GOAL_M[0] + 0.05 < ARENA_M


@given(seed=SEEDS, split=SPLITS)
def test_a_split_keeps_to_its_ranges(seed: int, split: Split) -> None:
    values = drawn(make_scene("push", seed, split))
    for name, factor in TABLE.items():
        ranges = factor.unseen if split == "ood" else (factor.seen,)
        assert any(low <= values[name] <= high for low, high in ranges), name
    reserved = any(
        upper(f"box_{of}", values[f"box_{of}"])
        and not upper(f"sphere_{other}", values[f"sphere_{other}"])
        for of, other in (("edge_m", "radius_m"), ("mass_kg", "mass_kg"))
    )
    if split != "ood":
        assert reserved == (split == "combo")


@given(seed=SEEDS)
def test_hues_tell_the_bodies_apart(seed: int) -> None:
    scene = make_scene("push", seed)
    hue = {b.name: rgb_to_hsv(*b.color_rgb)[0] for b in scene.bodies if b.role != "static"}
    for name, value in hue.items():
        for other, near in hue.items():
            gap = abs(value - near)
            assert name == other or min(gap, 1.0 - gap) > 0.1
    assert all(rgb_to_hsv(*b.color_rgb)[1] < 0.05 for b in scene.bodies if b.role == "static")


def test_the_same_scene_in_another_process_and_another_one_for_another_seed() -> None:
    program = "from worldsim.sim.scenarios import make_scene as m; print(m('push', 7).to_json())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    scene = make_scene("push", 7)
    assert done.stdout.strip() == scene.to_json()
    assert make_scene("push", 8).bodies != scene.bodies
    assert make_scene("push", 7, "combo").bodies != scene.bodies


def test_scenes_need_no_pybullet() -> None:
    program = (
        "import sys; sys.modules['pybullet'] = None\n"
        "from worldsim.sim.scenarios import make_scene; make_scene('push', 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_camera_size_is_free_and_the_view_the_same() -> None:
    small, large = make_scene("push", 0), make_scene("push", 0, width_px=128, height_px=128)
    corner = np.array([[0.26, 0.26, 0.0]])
    assert large.bodies == small.bodies
    assert large.camera.project(corner)[0] == pytest.approx(2.0 * small.camera.project(corner)[0])


@settings(max_examples=20)
@given(seed=SEEDS)
def test_the_camera_is_the_same_for_every_seed(seed: int) -> None:
    assert make_scene("push", seed).camera == make_scene("push", 0).camera


def test_bad_requests_say_what_to_do() -> None:
    with pytest.raises(InputError, match="did you mean push"):
        make_scene("puhs", 0)
    with pytest.raises(InputError, match="did you mean combo"):
        make_scene("push", 0, "combi")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="-1"):
        make_scene("push", -1)
    with pytest.raises(InputError, match="0 x 64"):
        make_scene("push", 0, width_px=0)


def test_a_frame_rate_that_does_not_divide_the_physics_rate_names_both() -> None:
    with pytest.raises(ValueError, match=r"7 Hz .* 240 Hz"):
        replace(make_scene("push", 0), frame_rate_hz=7)
