"""PyBullet, loaded on first use and without the banner it prints."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

from worldsim.errors import InputError
from worldsim.quiet import silent_stderr


@cache
def load_bullet() -> Any:
    """The pybullet module. Raises InputError where it is not installed."""
    try:
        with silent_stderr():
            return importlib.import_module("pybullet")
    except ModuleNotFoundError as error:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InputError(
            f"the simulator needs pybullet, which is not installed for this Python {python}; its "
            "wheels are for CPython 3.9-3.11 on Linux x86-64: use Python 3.11 and "
            "`pip install pybullet`"
        ) from error


@cache
def data_path() -> Path:
    """The folder of robots and meshes that comes with pybullet. Raises InputError without it."""
    load_bullet()
    return Path(importlib.import_module("pybullet_data").getDataPath())
