"""Dataclasses as JSON values and back, with the infinities that JSON lacks."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints


def plain(value: Any) -> Any:
    """A value of dataclasses, dicts, tuples and numbers as JSON has it.

    NaN and the infinities become strings, keys of dicts too.
    """
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def built(kind: Any, value: Any) -> Any:
    """The inverse of `plain` for a type: a dataclass, dict, tuple, X | None or a plain one.

    Fields that are missing have their defaults.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        hints, names = get_type_hints(kind), [field.name for field in fields(kind)]
        return kind(**{name: built(hints[name], value[name]) for name in names if name in value})
    if origin is UnionType:
        (other,) = (argument for argument in arguments if argument is not type(None))
        return None if value is None else built(other, value)
    if origin is dict:
        return {arguments[0](key): built(arguments[1], item) for key, item in value.items()}
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(built(each, item) for each, item in zip(kinds, value, strict=True))
    return float(value) if kind is float else value
