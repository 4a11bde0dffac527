"""What no scene can hold is refused where it enters, in one line, and not by PyBullet later."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from worldsim.actions import ActionChannel
from worldsim.errors import InputError
from worldsim.sim.actuators import Force, Torque
from worldsim.sim.scenarios import make_scene
from worldsim.sim.scene import Body, Light, Scene
from worldsim.sim.simulator import Simulator

SCENE = make_scene("push", 0)
BOX = SCENE.body("box")


def with_box(**values: Any) -> Scene:
    """The scene with another box."""
    bodies = tuple(replace(b, **values) if b is BOX else b for b in SCENE.bodies)
    return replace(SCENE, bodies=bodies)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"size_m": (nan, 0.1, 0.1)}, "size_m"),
        ({"size_m": (-0.1, 0.1, 0.1)}, "size_m .* above 0"),
        ({"size_m": (0.1,)}, "size_m of a box must be 3"),
        ({"mass_kg": -1.0}, "mass_kg"),
        ({"friction": inf}, "friction"),
        ({"restitution": nan}, "restitution"),
        ({"position_m": (0.0, 0.0)}, "position_m"),
        ({"velocity_m_s": (nan, 0.0, 0.0)}, "velocity_m_s"),
        ({"orientation_xyzw": (0.0, 0.0, 0.0, 0.0)}, "length 1"),
        ({"color_rgb": (255.0, 0.0, 0.0)}, "color_rgb"),
        ({"shape": "blob"}, "unknown shape 'blob'; did you mean box"),
        ({"role": "king"}, "unknown role"),
        ({"shape": "mesh"}, "has a mesh or an asset"),
        ({"attached_to": "box"}, "attached itself"),
    ],
)
def test_bodies(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        with_box(**values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"bodies": ()}, "unknown body 'pusher'"),
        ({"split": "odd"}, "did you mean ood"),
        ({"physics_rate_hz": 0}, "rates"),
        ({"frame_rate_hz": 10.0}, "whole numbers"),
        ({"gravity_m_s2": (0.0, 0.0, nan)}, "gravity_m_s2"),
        ({"bodies": tuple(replace(BOX, name=f"box_{i}") for i in range(256))}, "255 are the most"),
    ],
)
def test_scenes(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(SCENE, **values)


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(SCENE.camera, position_m=SCENE.camera.target_m),
        lambda: replace(SCENE.camera, position_m=(0.0, 0.0, 2.0), target_m=(0.0, 0.0, 0.0)),
        lambda: replace(SCENE.camera, near_m=9.0),
        lambda: replace(SCENE.camera, fov_y_rad=4.0),
        lambda: replace(SCENE.camera, width_px=0),
        lambda: Light(direction=(nan, 0.0, 1.0)),
        lambda: ActionChannel("x", "N", nan),
        lambda: ActionChannel("x", "N", 0.0),
        lambda: Torque("bob", pivot_m=(nan, 0.0, 0.0)),
        lambda: Force("ball", axes="xx"),
    ],
)
def test_the_rest(make: Callable[[], object]) -> None:
    with pytest.raises(InputError):
        make()


def damaged(harm: Callable[[dict[str, Any]], Any]) -> str:
    values = SCENE.to_dict()
    values = json.loads(json.dumps(values))
    harm(values)
    return json.dumps(values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "JSON"),
        ("null", "not a scene"),
        ("[]", "schema"),
        (damaged(lambda v: v.pop("bodies")), "'bodies' is missing"),
        (damaged(lambda v: v.pop("scenario")), "scenario"),
        (damaged(lambda v: v.update(foo=1)), "foo"),
        (damaged(lambda v: v.update(schema=99)), "schema 99, this version reads 1"),
        (damaged(lambda v: v.update(camera=None)), "not a scene"),
        (damaged(lambda v: v["camera"].update(foo=1)), "foo"),
        (damaged(lambda v: v["bodies"][0].update(foo=1)), "foo"),
        (damaged(lambda v: v["bodies"][0].pop("size_m")), "size_m"),
        (damaged(lambda v: v["bodies"][0].update(mesh={})), "vertices"),
        (damaged(lambda v: v["actuator"].update(kind="forse")), "did you mean force"),
        (damaged(lambda v: v["actuator"].update(foo=1)), "foo"),
    ],
)
def test_damaged_json(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Scene.from_json(text)


def test_a_name_that_no_body_has() -> None:
    with pytest.raises(InputError, match="unknown body 'boxx'; did you mean box"):
        SCENE.body("boxx")


def test_what_cannot_be_built_leaves_no_world(simulator: Simulator) -> None:
    swing = make_scene("swing", 0)
    undriven = tuple(replace(b, role="free") if b.name == "pusher" else b for b in SCENE.bodies)
    weightless = with_box(mass_kg=0.0)
    crooked = replace(swing, actuator=replace(swing.actuator, axis=(0.0, 2.0, 0.0)))  # type: ignore[call-arg]
    asset = with_box(shape="mesh", asset="duck.obj")
    for scene, said in (
        (asset, "does not build"),
        (replace(SCENE, bodies=undriven), "its role must be"),
        (weightless, "needs a mass"),
        (crooked, "length 1"),
    ):
        simulator.reset(SCENE)
        with pytest.raises(InputError, match=said):
            simulator.reset(scene)
        for use in (simulator.state, simulator.render, lambda: simulator.step(np.zeros(2))):
            with pytest.raises(InputError, match="no scene yet"):
                use()
    simulator.reset(SCENE)
    simulator.step(np.zeros(2))


def test_a_body_may_be_attached_to_one_that_is_not() -> None:
    swing = make_scene("swing", 0)
    mark = Body("mark", "box", (0.1, 0.1, 0.01), (1.0, 0.0, 0.0), (0.0, 0.0, 0.5), "marker")
    assert replace(swing, bodies=(*swing.bodies, replace(mark, attached_to="bob"))).moving
    with pytest.raises(InputError, match="attach both to the same one"):
        replace(swing, bodies=(*swing.bodies, replace(mark, attached_to="rod")))
