"""PyBullet, loaded on first use and without the banner it prints."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from worldsim.errors import InputError


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere: PyBullet prints its build time from C."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no stderr to silence
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@cache
def load_bullet() -> Any:
    """The pybullet module. Raises InputError where it is not installed."""
    try:
        with _silent_stderr():
            return importlib.import_module("pybullet")
    except ModuleNotFoundError as error:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InputError(
            f"the simulator needs pybullet, which is not installed for this Python {python}; its "
            "wheels are for CPython 3.9-3.11 on Linux x86-64: use Python 3.11 and "
            "`pip install pybullet`"
        ) from error
