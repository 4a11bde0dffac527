"""The pixels are a function of scene and poses: in any process, thread, order and history."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage import roll

from worldsim.errors import InputError
from worldsim.render import Renderer, draw_states
from worldsim.sim.look import LOOKS
from worldsim.sim.scenarios import SCENARIOS
from worldsim.sim.scene import Scene

ROOT = Path(__file__).resolve().parents[2]
STEPS = 4


@cache
def rolled(scenario: str) -> tuple[Any, ...]:
    try:
        return roll(scenario, STEPS)
    except InputError as error:
        pytest.skip(str(error))


def assert_same(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    for mine, its in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, its)


def digest(images: tuple[Any, ...]) -> str:
    return hashlib.sha256(b"".join(image.tobytes() for image in images)).hexdigest()


@pytest.mark.parametrize("name", SCENARIOS)
def test_recorded_states_give_the_live_frames_bit_for_bit(name: str) -> None:
    scene, states, live = rolled(name)
    assert_same(draw_states(scene, states), live)
    assert_same(draw_states(Scene.from_json(scene.to_json()), states), live)
    assert len({frame.tobytes() for frame in live[0]}) > 1, "nothing moves: this test cannot fail"


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_was_drawn_before_leaves_no_trace(name: str) -> None:
    scene, states, live = rolled(name)
    used = Renderer(scene)
    for t in (3, 0, 4, 4, 1, 0, 2, 3):  # for orbit: the camera moves away and back
        drawn = used.draw(states.position_m[t], states.orientation_xyzw[t])
        assert_same(drawn, tuple(image[t] for image in live))
        fresh = Renderer(scene).draw(states.position_m[t], states.orientation_xyzw[t])
        assert_same(drawn, fresh)


def test_what_rests_moves_when_it_is_told_to() -> None:
    scene, states, live = rolled("push")
    renderer = Renderer(scene)
    position_m = states.position_m[0].copy()
    position_m[[not body.moves for body in scene.bodies]] += (0.03, 0.0, 0.0)
    shifted = renderer.draw(position_m, states.orientation_xyzw[0])
    assert not np.array_equal(shifted[0], live[0][0])
    back = renderer.draw(states.position_m[0], states.orientation_xyzw[0])
    assert_same(back, tuple(image[0] for image in live))


def test_what_is_returned_is_the_callers_own() -> None:
    scene, states, live = rolled("push")
    renderer = Renderer(scene)
    for _ in range(2):
        for image in renderer.draw(states.position_m[0], states.orientation_xyzw[0]):
            image[:] = 0
    again = renderer.draw(states.position_m[0], states.orientation_xyzw[0])
    assert_same(again, tuple(image[0] for image in live))


def test_two_threads_at_once() -> None:
    names = [*SCENARIOS] * 3

    def draw_all(order: int) -> list[str]:
        return [digest(draw_states(*rolled(name)[:2])) for name in names[::order]]

    for name in SCENARIOS:
        rolled(name)
    with ThreadPoolExecutor(2) as pool:
        forth, back = pool.map(draw_all, (1, -1))
    assert forth == back[::-1] == [digest(rolled(name)[2]) for name in names]


def test_another_process_with_another_history_prints_nothing_and_draws_the_same(
    tmp_path: Path,
) -> None:
    code = """
import sys, hashlib, numpy as np
from worldsim.render import Renderer
from worldsim.sim.scene import Scene
for path in sys.argv[:0:-1]:
    with np.load(path) as file:
        scene, places, turns = Scene.from_json(str(file["scene"])), file["places"], file["turns"]
    renderer, drawn = Renderer(scene), {}
    for t in range(len(places) - 1, -1, -1):
        drawn[t] = renderer.draw(places[t], turns[t])
    images = [np.stack([drawn[t][k] for t in range(len(places))]) for k in range(3)]
    print(hashlib.sha256(b"".join(image.tobytes() for image in images)).hexdigest())
"""
    paths = []
    for name in SCENARIOS:
        scene, states, _ = rolled(name)
        paths.append(tmp_path / f"{name}.npz")
        np.savez(
            paths[-1],
            scene=scene.to_json(),
            places=states.position_m,
            turns=states.orientation_xyzw,
        )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.split()[::-1] == [digest(rolled(name)[2]) for name in SCENARIOS]


@pytest.mark.slow
def test_compiling_is_announced_once_and_kept(tmp_path: Path) -> None:
    code = (
        "import worldsim, sys; assert 'numba' not in sys.modules\n"
        "from worldsim.sim.scenarios import make_scene\n"
        "from worldsim.render import Renderer\n"
        "import numpy as np\n"
        "for name in ('push', 'arm'):\n"
        "    scene = make_scene(name, 0)\n"
        "    places = np.array([body.position_m for body in scene.bodies])\n"
        "    turns = np.array([body.orientation_xyzw for body in scene.bodies])\n"
        "    Renderer(scene).draw(places, turns)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        ).stderr
        for _ in range(2)
    ]
    assert said[0].count("compiling the renderer") == 1 and len(said[0].splitlines()) == 1
    assert said[1] == ""


@pytest.mark.parametrize(
    "position, orientation",
    [("nan", "whole"), ("inf", "whole"), ("whole", "nan"), ("short", "whole"), ("whole", "short")],
)
def test_poses_that_are_none(position: str, orientation: str) -> None:
    scene, states, live = rolled("push")
    renderer = Renderer(scene)

    def spoilt(values: Any, how: str) -> Any:
        values = values.copy()
        if how == "short":
            return values[:-1]
        if how != "whole":
            values[1, 1] = float(how)
        return values

    place, turn = states.position_m[0], states.orientation_xyzw[0]
    with pytest.raises(InputError, match="must be finite numbers"):
        renderer.draw(spoilt(place, position), spoilt(turn, orientation))
    assert_same(renderer.draw(place, turn), tuple(image[0] for image in live))


def test_the_look_tiny_is_the_simulators() -> None:
    scene, states, _ = rolled("push")
    with pytest.raises(InputError, match="choose another look"):
        Renderer(scene.with_look(LOOKS["tiny"]))
    with pytest.raises(InputError, match="choose another look"):
        draw_states(replace(scene, look=LOOKS["tiny"]), states)
