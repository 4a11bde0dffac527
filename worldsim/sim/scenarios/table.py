"""What a seed varies: one table for each scenario, and the draw from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from numpy.random import Generator

from worldsim.errors import InputError
from worldsim.sim.scene import Split

Span = tuple[float, float]


@dataclass(frozen=True)
class Range:
    """A number: uniform in `seen` for id and combo, in `below` or in `above` for ood.

    Where only one of the two is given, ood always takes that one. Raises InputError where neither
    is, or where they are not apart from `seen` and in this order.
    """

    seen: Span
    below: Span | None = None
    above: Span | None = None

    def __post_init__(self) -> None:
        spans = [span for span in (self.below, self.seen, self.above) if span is not None]
        ordered = all(low <= high for low, high in spans)
        if len(spans) < 2 or not ordered or any(a[1] >= b[0] for a, b in pairwise(spans)):
            raise InputError(f"a range is (below <) seen (< above), each (low, high): {self}")

    @property
    def unseen(self) -> tuple[Span, ...]:
        return tuple(span for span in (self.below, self.above) if span is not None)


@dataclass(frozen=True)
class Choice:
    """One of some values (numbers or words): of `seen` for id and combo, of `ood` for ood.

    Raises InputError where either is empty or they have a value in common.
    """

    seen: tuple[float | str, ...]
    ood: tuple[float | str, ...]

    def __post_init__(self) -> None:
        if not (self.seen and self.ood) or set(self.seen) & set(self.ood):
            raise InputError(f"a choice has values that are seen and others that are ood: {self}")


Table = Mapping[str, Range | Choice]
Reserved = Sequence[tuple[str, str]]


class Drawn(dict[str, float | str]):
    """The values of one scene by the names of its table."""

    def __getitem__(self, name: str) -> float:
        """The number of that name."""
        return float(super().__getitem__(name))

    def count(self, name: str) -> int:
        return int(super().__getitem__(name))

    def word(self, name: str) -> str:
        return str(super().__getitem__(name))


def draw(rng: Generator, table: Table, reserved: Reserved, split: Split) -> Drawn:
    """Values of a split.

    `reserved` holds pairs of names. A scene with the upper half of the first one's seen values and
    the lower half of the second one's, in any of the pairs, belongs to combo; id has the others.
    Raises InputError for combo where nothing is reserved.
    """
    if split == "combo" and not reserved:
        raise InputError("no pairs of factors are reserved for combo, so there is no such split")
    while True:
        shares = {name: float(rng.uniform()) for name in table}
        above = {name: bool(rng.integers(2)) for name in table}
        if split == "ood":
            return Drawn({n: _unseen(f, shares[n], above[n]) for n, f in table.items()})
        held_back = any(shares[one] > 0.5 and shares[other] < 0.5 for one, other in reserved)
        if held_back == (split == "combo"):
            return Drawn({name: _seen(factor, shares[name]) for name, factor in table.items()})


def _seen(factor: Range | Choice, share: float) -> float | str:
    if isinstance(factor, Choice):
        return _pick(factor.seen, share)
    low, high = factor.seen
    return float(low + share * (high - low))


def _unseen(factor: Range | Choice, share: float, above: bool) -> float | str:
    if isinstance(factor, Choice):
        return _pick(factor.ood, share)
    low, high = factor.unseen[-1 if above else 0]
    return float(low + share * (high - low))


def _pick(values: tuple[float | str, ...], share: float) -> float | str:
    return values[min(int(share * len(values)), len(values) - 1)]
