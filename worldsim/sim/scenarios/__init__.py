"""Scenarios: a seed and a split make a scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

from worldsim.errors import InputError, unknown
from worldsim.sim.scenarios import push
from worldsim.sim.scene import Scene, Split

SCENARIOS: dict[str, Callable[[int, Split], Scene]] = {"push": push.make_scene}


def make_scene(
    scenario: str, seed: int, split: Split = "id", width_px: int = 64, height_px: int = 64
) -> Scene:
    """The scene of a scenario for a seed: the same on every machine and in every process.

    Raises InputError on an unknown scenario or split, a negative seed or an empty image.
    """
    if scenario not in SCENARIOS:
        raise unknown("scenario", scenario, SCENARIOS)
    if split not in get_args(Split):
        raise unknown("split", split, get_args(Split))
    if seed < 0:
        raise InputError(f"a seed is 0 or more, got {seed}")
    if min(width_px, height_px) < 1:
        raise InputError(f"an image needs at least 1 x 1 px, got {width_px} x {height_px}")
    scene = SCENARIOS[scenario](seed, split)
    return replace(scene, camera=scene.camera.resized(width_px, height_px))


__all__ = ["SCENARIOS", "make_scene"]
