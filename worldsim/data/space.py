"""Room on the disk for what is still to be recorded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worldsim.data.atomic import DiskFull


class Space:
    """What the rest of `total` episodes will take in `folder`, judged by those that are done."""

    def __init__(self, folder: Path, total: int) -> None:
        self._folder, self._total = folder, total
        self._bytes = self._done = 0
        self._asked = False

    def add(self, bytes: int, made: bool) -> None:
        """One episode is done. Raises DiskFull at the first that was made, if the rest won't fit.

        Later ones do not ask: that room goes to other programs is met when it happens.
        """
        self._bytes += bytes
        self._done += 1
        free = shutil.disk_usage(self._folder).free if made and not self._asked else None
        self._asked |= made
        if free is not None and free < self.needed:
            raise DiskFull(
                f"{self._folder}: {self._rest()} needs about {in_words(self.needed)}, "
                f"{in_words(free)} are free; free space and run it again to go on, or ask for fewer"
            )

    @property
    def needed(self) -> int:
        """Bytes, about."""
        return (self._total - self._done) * self._bytes // max(self._done, 1)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Adds to a DiskFull how much is still needed, where that is known."""
        try:
            yield
        except DiskFull as error:
            if not self._done:
                raise
            raise DiskFull(
                f"{error}; {self._rest()} needs about {in_words(self.needed)}"
            ) from error

    def _rest(self) -> str:
        return f"what is left of {self._total} episodes ({self._total - self._done})"


def in_words(bytes: int) -> str:
    """A size for people: 1.5 GB."""
    size, unit = float(bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000.0:
            break
        size, unit = size / 1000.0, larger
    return f"{size:.3g} {unit}"
