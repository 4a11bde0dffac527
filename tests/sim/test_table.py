"""Tables and scenarios that make no sense are refused when they are written, not when they run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from worldsim.errors import InputError
from worldsim.sim.scenarios import SCENARIOS, Choice, Range
from worldsim.sim.scene import Scene

PUSH = SCENARIOS["push"]


@pytest.mark.parametrize(
    "spans",
    [
        {"seen": (0.0, 1.0)},
        {"seen": (1.0, 0.0), "above": (2.0, 3.0)},
        {"seen": (0.0, 1.0), "above": (0.5, 3.0)},
        {"seen": (0.0, 1.0), "below": (2.0, 3.0)},
        {"seen": (0.0, 1.0), "below": (-1.0, 0.0)},
    ],
)
def test_ranges_are_apart_and_in_order(spans: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(InputError, match="range"):
        Range(**spans)


@pytest.mark.parametrize(("seen", "ood"), [((), ()), ((1,), ()), ((1, 2), (2, 3))])
def test_choices_are_apart(seen: tuple[float, ...], ood: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="choice"):
        Choice(seen, ood)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "my scenario"}, "lower case"),
        ({"name": "_"}, "lower case"),
        ({"name": "a__b"}, "lower case"),
        ({"name": 3}, "lower case"),
        ({"reserved": (("box_mas_kg", "box_edge_m"),)}, "did you mean box_mass_kg"),
        ({"reserved": (("box_edge_m", "box_edge_m"),)}, "two different"),
    ],
)
def test_scenarios(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(PUSH, **values)


def test_without_reserved_pairs_there_is_no_combo() -> None:
    """The draw would go on for ever."""
    plain = replace(PUSH, reserved=())
    assert plain.splits == ("id", "ood") and PUSH.splits == ("id", "combo", "ood")
    plain.make_scene(0)
    with pytest.raises(InputError, match="no such split"):
        plain.make_scene(0, "combo")


def test_a_scene_is_one_and_has_its_subject() -> None:
    with pytest.raises(InputError, match="unknown body 'sphear'; did you mean sphere"):
        replace(PUSH, subject="sphear").make_scene(0)

    def nothing(*_: object) -> Scene:
        return None  # type: ignore[return-value]

    with pytest.raises(InputError, match="build must make a Scene, not NoneType"):
        replace(PUSH, build=nothing).make_scene(0)
