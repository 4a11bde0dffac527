"""Whole experiments as typed values: `worldsim train NAME`."""

from __future__ import annotations

from collections.abc import Callable

from worldsim.errors import unknown
from worldsim.training.settings import Architecture, Recipe, Settings


def tiny() -> Recipe:
    """2.9M parameters: learns Push on two CPU cores in 20 minutes."""
    return Recipe("tiny")


def small() -> Recipe:
    """4.1M parameters: what `push-64` is, one to two hours on two CPU cores."""
    return Recipe(
        "small",
        Architecture(width=192, heads=6),
        Settings(history_passes=4, ema_decay=0.9995),
    )


def base() -> Recipe:
    """17M parameters, for one GPU."""
    return Recipe(
        "base",
        Architecture(width=320, layers=12, heads=10),
        Settings(clips_per_worker=32, muon_rate=2e-3, adamw_rate=6e-4, ema_decay=0.9995),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {"tiny": tiny, "small": small, "base": base}


def recipe(name: str) -> Recipe:
    """The recipe of that name. Raises InputError naming the near ones."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]()
