"""Same: an object and what belongs to it as a key, so that what is made of it is made once."""

from __future__ import annotations

from typing import Generic, TypeVar

One = TypeVar("One")
Of = TypeVar("Of")


class Same(Generic[One, Of]):
    """Keys are equal where `one` is the same object; `of` must be the same then, or not matter."""

    def __init__(self, one: One, of: Of) -> None:
        self.one, self.of = one, of

    def __hash__(self) -> int:
        return id(self.one)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.one is self.one
