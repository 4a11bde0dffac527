"""numba with what makes pixels the same everywhere: no fast maths, no threads of its own.

Compiled code is kept on disk. numba looks only at the file of the outermost function to see
whether what it kept still holds, so `digest` of all kernels goes into that function's closure.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import event

# Without numba's runtime nothing can be allocated in a kernel, and no references are counted: that
# took a quarter of the time.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False}

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """A function that others call in compiled code."""
    compiled = numba.njit(**_OPTIONS, forceinline=True)(function)
    return cast(Function, compiled)


def entry(function: Function) -> Function:
    """A function that Python calls; its machine code is kept on disk."""
    compiled = numba.njit(**_OPTIONS, cache=True)(function)
    return cast(Function, compiled)


def digest(folder: Path = Path(__file__).parent) -> int:
    """A number that changes with any Python file of a folder, this one's if none is given."""
    hashed = hashlib.sha256(numba.__version__.encode())
    for path in sorted(folder.glob("*.py")):
        hashed.update(path.read_bytes())
    return int.from_bytes(hashed.digest()[:4], "big")


class _Announcer(event.Listener):
    """Says once that something is being compiled: it takes a while."""

    said = False

    def on_start(self, event: event.Event) -> None:
        if not _Announcer.said:
            _Announcer.said = True
            message = "worldsim: compiling, once on this machine (about half a minute)"
            print(message, file=sys.stderr, flush=True)

    def on_end(self, event: event.Event) -> None:
        """Nothing to say."""


@contextmanager
def announced() -> Iterator[None]:
    """Within it a compilation is announced on stderr; code kept on disk loads silently."""
    with event.install_listener("numba:compile", _Announcer()):
        yield
