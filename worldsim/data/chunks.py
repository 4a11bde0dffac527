"""Arrays cut along time and compressed piece by piece, so that a part can be read alone.

Zstandard keeps the length and a checksum of every piece. Before it, the bytes of floating-point
numbers are sorted: the sign and exponent bytes of neighbours are alike, the lowest are noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import zstandard
from numpy.typing import NDArray

MOST_BYTES = 4 << 30
"""What an episode may take in memory."""
_AS_IT_IS, _PLANES, _TRACKS = (0, 1, 2), (2, 0, 1), (2, 1, 0)  # of time, value and byte


@dataclass(frozen=True)
class Layout:
    """How an array lies in a file; `shape` names its sizes: F frames, T steps, N bodies, ...

    Measured at 128 px on all ten scenarios (bytes a frame): depth 3198 as it is, 2534 in planes,
    in less time than level 3 needs; states 295 as they are, 243 as tracks, time running fastest.
    """

    dtype: str
    shape: tuple[str | int, ...]
    rows: int = 128  # of a chunk
    order: tuple[int, int, int] = _TRACKS
    level: int = 3

    def sizes(self, known: dict[str, int]) -> tuple[int, ...]:
        return tuple(known[size] if isinstance(size, str) else size for size in self.shape)

    def bytes(self, known: dict[str, int]) -> int:
        return math.prod(self.sizes(known)) * np.dtype(self.dtype).itemsize


IMAGES = ("frames", "depth_m", "segmentation")
LAYOUTS: dict[str, Layout] = {
    "frames": Layout("uint8", ("F", "H", "W", 3), 16, _AS_IT_IS),
    "depth_m": Layout("float32", ("F", "H", "W"), 16, _PLANES, 1),
    "segmentation": Layout("uint8", ("F", "H", "W"), 16, _AS_IT_IS),
    "actions": Layout("float32", ("T", "A")),
    "rewards": Layout("float64", ("T",)),
    "terminated": Layout("bool", ("T",)),
    "truncated": Layout("bool", ("T",)),
    "states.position_m": Layout("float64", ("F", "N", 3)),
    "states.orientation_xyzw": Layout("float64", ("F", "N", 4)),
    "states.velocity_m_s": Layout("float64", ("F", "N", 3)),
    "states.angular_velocity_rad_s": Layout("float64", ("F", "N", 3)),
    "contacts.count": Layout("int32", ("F",)),
    "contacts.bodies": Layout("int32", ("F", "C", 2)),
    "contacts.point_m": Layout("float64", ("F", "C", 3)),
    "contacts.normal": Layout("float64", ("F", "C", 3)),
    "contacts.impulse_n_s": Layout("float64", ("F", "C")),
}


class Packer:
    """Compresses; one for an episode, since its contexts are not for several threads."""

    def __init__(self) -> None:
        levels = {layout.level for layout in LAYOUTS.values()}
        self._by_level = {
            level: zstandard.ZstdCompressor(level=level, write_checksum=True) for level in levels
        }

    def text(self, text: str) -> bytes:
        return self._by_level[Layout.level].compress(text.encode())

    def chunks(self, array: NDArray[Any], layout: Layout) -> Iterator[bytes]:
        """The pieces of an array, in order of time."""
        compress = self._by_level[layout.level].compress
        little = np.ascontiguousarray(array, np.dtype(layout.dtype).newbyteorder("<"))
        values = math.prod(array.shape[1:])
        for start in range(0, len(array), layout.rows):
            part = little[start : start + layout.rows]
            raw = part.reshape(len(part), values).view(np.uint8)
            split = raw.reshape(len(part), values, little.itemsize)
            yield compress(np.ascontiguousarray(split.transpose(layout.order)).data)


def unpack_text(content: bytes, most_bytes: int) -> str:
    """The text; ValueError or ZstdError where it is none, or longer."""
    return _raw(zstandard.ZstdDecompressor(), content, range(most_bytes + 1)).decode()


def unpack_rows(
    chunk: Callable[[int], bytes],
    layout: Layout,
    shape: tuple[int, ...],
    start: int,
    stop: int,
) -> NDArray[Any]:
    """Rows start..stop - 1 of an array of that shape; `chunk(k)` gives its k-th piece.

    Raises ValueError or ZstdError where a piece is damaged or not what `layout` says.
    """
    context = zstandard.ZstdDecompressor()  # not for several threads, so each call has its own
    dtype = np.dtype(layout.dtype).newbyteorder("<")
    values = math.prod(shape[1:])
    out = np.empty((stop - start, values), dtype)
    for first in range(start - start % layout.rows, stop, layout.rows):
        length = min(layout.rows, shape[0] - first)
        wanted = length * values * dtype.itemsize
        raw = _raw(context, chunk(first // layout.rows), range(wanted, wanted + 1))
        sizes = (length, values, dtype.itemsize)
        split = np.frombuffer(raw, np.uint8).reshape([sizes[axis] for axis in layout.order])
        if layout.order == _PLANES:
            whole: NDArray[Any] = np.asarray(cv2.merge(list(split)))  # 20 x numpy's pace
        else:
            whole = np.ascontiguousarray(split.transpose(np.argsort(layout.order)))
        part = whole.view(dtype).reshape(length, values)
        low, high = max(start - first, 0), min(stop - first, length)
        out[first + low - start : first + high - start] = part[low:high]
    return out.reshape(stop - start, *shape[1:]).astype(layout.dtype, copy=False)


def _raw(context: zstandard.ZstdDecompressor, content: bytes, sizes: range) -> bytes:
    # The claimed size is compared before any memory is taken for it.
    claimed = zstandard.get_frame_parameters(content).content_size
    if claimed not in sizes:
        raise ValueError(f"a piece claims {claimed} bytes, not {sizes[-1]}")
    return context.decompress(content, allow_extra_data=False)
