"""Bad input, said in one line."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """What the user gave does not fit; the message says what to do about it."""


def unknown(kind: str, name: str, names: Iterable[str]) -> InputError:
    """The error for a name that does not exist, with the nearest names that do."""
    known = sorted(names)
    lowered = {key.lower(): key for key in known}
    near = [lowered[key] for key in get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return InputError(f"unknown {kind} {name!r}; {hint}")
