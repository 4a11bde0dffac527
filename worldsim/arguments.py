"""Checks of what a command is given; each says in one line what does not fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast, get_args

from worldsim.errors import InputError, unknown
from worldsim.sim.look import Look, Renderer, find_look
from worldsim.sim.scene import Split

MOST_EPISODES = 1_000_000  # their files are named with six digits
MOST_WORKERS = 256
LEAST_PX, MOST_PX = 16, 1024


def split(name: str) -> Split:
    for known in get_args(Split):
        if known == name:
            return cast("Split", known)
    raise unknown("split", name, get_args(Split))


def look(renderer: str, name: str | None) -> Look:
    """The look of --renderer and --look."""
    if renderer not in get_args(Renderer):
        raise unknown("renderer", renderer, get_args(Renderer))
    if renderer == "tiny" and name not in (None, "tiny"):
        raise InputError("--look is for the renderer worldsim; leave --renderer tiny out")
    return find_look(name or ("tiny" if renderer == "tiny" else "studio"))


def folder(out: Path) -> Path:
    """`out`, if it is or can become a folder that takes new files."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; name a folder")
    _check_writable(out, out)
    return out


def file(out: Path) -> Path:
    """`out`, if it is or can become a file."""
    if out.is_dir():
        raise InputError(f"--out {out} is a folder; name a file")
    _check_writable(out, out.parent)
    return out


def _check_writable(out: Path, where: Path) -> None:
    # Said before the work, not after it: the nearest folder there is must take new files.
    near = next(path for path in (where, *where.absolute().parents) if path.exists())
    if not near.is_dir() or not os.access(near, os.W_OK | os.X_OK):
        raise InputError(f"--out {out}: cannot write in {near}; choose another folder")


def size_px(value: int) -> None:
    at_least(LEAST_PX, size_px=value)
    at_most(MOST_PX, size_px=value)


def positive(**values: int | None) -> None:
    """Those that were given."""
    at_least(1, **{name: value for name, value in values.items() if value is not None})


def at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise InputError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")


def at_most(most: int, **values: int) -> None:
    for name, value in values.items():
        if value > most:
            raise InputError(f"--{name.replace('_', '-')} must be at most {most}, got {value}")


def not_negative(**values: int) -> None:
    for name, value in values.items():
        if value < 0:
            raise InputError(f"--{name.replace('_', '-')} must be 0 or more, got {value}")
