"""Files appear whole or not at all: temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worldsim.errors import InputError


class DiskFull(InputError):
    """There is no room for a file."""


LOCK_FILE = ".lock"
_PREFIX, _SUFFIX = ".", ".tmp"


def temporary(path: Path) -> Path:
    """The name, in the same folder, under which this thread writes what becomes `path`."""
    owner = f"{os.getpid()}-{threading.get_native_id()}"
    return path.with_name(f"{_PREFIX}{path.name}.{owner}{_SUFFIX}")


def is_temporary(name: str) -> bool:
    """True for a name made by `temporary`: what a killed process may have left behind."""
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path`; a reader sees the old file or the new one, never a part.

    Raises InputError naming the file where the disk is full or the folder cannot be written;
    nothing is left behind then.
    """
    draft = temporary(path)
    try:
        try:
            with open(draft, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def locked(folder: Path, doing: str) -> Iterator[None]:
    """Hold `folder`, made if it is not there, for this process alone.

    Raises InputError where another process is at it, "`doing` FOLDER", or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / LOCK_FILE, "w")
    except OSError as error:
        raise unwritable(folder, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another process is {doing} {folder}; wait for it or choose another folder"
            ) from error
        yield


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(path: Path, error: OSError) -> InputError:
    """The error for a file that could not be written, with what to do about it."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"cannot write {path}: disk full ({reason}); free space and run it again")
    return InputError(f"cannot write {path}: {reason}; choose a folder that can be written")
