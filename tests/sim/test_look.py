"""Looks: values that travel with scenes, and scenes from before there were any."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from worldsim.errors import InputError
from worldsim.sim.look import LOOKS, Look, find_look
from worldsim.sim.scenarios import make_scene
from worldsim.sim.scene import Scene


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_travels_with_its_scene(name: str) -> None:
    scene = make_scene("push", 0).with_look(LOOKS[name])
    again = Scene.from_json(scene.to_json())
    assert again == scene and again.look == LOOKS[name]
    assert again.camera.sample_px == LOOKS[name].sample_px


def test_a_scene_without_a_look_is_tinyrenderers() -> None:
    values = make_scene("push", 0).with_look(LOOKS["tiny"]).to_dict()
    del values["look"]
    for body in values["bodies"]:
        del body["asset_yaw_rad"], body["chequer_m"]
    old = Scene.from_dict(json.loads(json.dumps(values)))
    assert old.look.renderer == "tiny" and old.camera.sample_px == (0.0, 1.0)


def test_a_look_is_found_by_name() -> None:
    assert find_look("metal") is LOOKS["metal"] and find_look(LOOKS["noon"]) is LOOKS["noon"]
    with pytest.raises(InputError, match="unknown look 'studoi'; did you mean studio"):
        find_look("studoi")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"samples": 3}, "samples must be one of"),
        ({"shadows": "hrad"}, "did you mean hard"),
        ({"renderer": "worldsin"}, "did you mean worldsim"),
        ({"texture": 1.5}, "texture, gloss, mirror"),
        ({"gloss": float("nan")}, "texture, gloss, mirror"),
        ({"sun_rgb": (1.0, 1.0)}, "sun_rgb"),
        ({"sun_direction": (0.0, 0.0, 0.0)}, "sun_direction must not be zero"),
    ],
)
def test_an_impossible_look_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Look(**values)


def test_a_negative_chequer_is_refused() -> None:
    table = make_scene("push", 0).body("table")
    with pytest.raises(InputError, match="chequer_m"):
        replace(table, chequer_m=-0.1)
