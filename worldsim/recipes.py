"""Whole experiments as typed values: `worldsim train NAME`."""

from __future__ import annotations

from collections.abc import Callable

from worldsim.errors import unknown
from worldsim.training.settings import Architecture, Recipe, Settings

FOR_A_GPU = Settings(
    clips_per_worker=64,
    muon_rate=2e-3,
    adamw_rate=6e-4,
    history_passes=4,
    ema_decay=0.999,
)


def tiny() -> Recipe:
    """2.9M parameters: learns Push on two CPU cores in 20 minutes."""
    return Recipe("tiny")


def mini() -> Recipe:
    """4.1M parameters: what `push-64` is, one to two hours on two CPU cores."""
    return Recipe(
        "mini",
        Architecture(width=192, heads=6),
        Settings(history_passes=4, ema_decay=0.9995),
    )


def small() -> Recipe:
    """15M parameters, for minutes on a GPU."""
    return Recipe("small", Architecture(width=384, layers=8, heads=6, refine=64), FOR_A_GPU)


def base() -> Recipe:
    """22M parameters, for an hour on a GPU."""
    return Recipe("base", Architecture(width=384, layers=12, heads=6, refine=64), FOR_A_GPU)


def large() -> Recipe:
    """40M parameters, for hours on a GPU."""
    return Recipe("large", Architecture(width=512, layers=12, heads=8, refine=64), FOR_A_GPU)


RECIPES: dict[str, Callable[[], Recipe]] = {
    each.__name__: each for each in (tiny, mini, small, base, large)
}


def recipe(name: str) -> Recipe:
    """The recipe of that name. Raises InputError naming the near ones."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]()
