"""Episodes of schema 1: zips of .npy members, as worldsim 0.1 wrote them. Read, never written."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from worldsim.data.chunks import MOST_BYTES
from worldsim.errors import InputError

SUFFIX = ".npz"
SCHEMA = 1


def read_legacy(path: Path) -> dict[str, NDArray[Any]]:
    """The members by name, scene and source among them; InputError where it is no such file."""
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(entry.file_size for entry in archive.infolist())
            if claimed > MOST_BYTES:
                raise ValueError(f"it claims {claimed} bytes, {MOST_BYTES} are the most")
            arrays = {
                entry.filename.removesuffix(".npy"): _member(archive.read(entry))
                for entry in archive.infolist()
            }
    # Damaged bytes reach zipfile's parser, zlib and numpy's header reader alike.
    except (
        zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, KeyError, IndexError,
        NotImplementedError, RuntimeError, SyntaxError, MemoryError, OverflowError, TypeError,
    ) as error:  # fmt: skip
        raise InputError(
            f"{path} is truncated, damaged or not an episode file ({error}); record it again"
        ) from error
    schema = arrays.pop("schema", None)
    if schema is None:
        raise InputError(f"{path} is not a worldsim episode: it has no schema number")
    if schema.shape != () or schema != SCHEMA:
        raise InputError(f"{path} has episode schema {schema}, this version reads {SCHEMA} and 2")
    return arrays


def _member(content: bytes) -> NDArray[Any]:
    """A .npy file whose header says no more than there is: no pickle, no memory on its word."""
    file = io.BytesIO(content)
    if npy.read_magic(file) != (1, 0):
        raise ValueError("a member is not of .npy version 1.0")
    shape, fortran, dtype = npy.read_array_header_1_0(file)
    rest = len(content) - file.tell()
    if dtype.hasobject or fortran or math.prod(shape) * dtype.itemsize != rest:
        raise ValueError(f"a member of {rest} bytes claims {shape} of {dtype}")
    return np.frombuffer(bytearray(content[file.tell() :]), dtype).reshape(shape)
