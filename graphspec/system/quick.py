"""Values of which a large network has tens of thousands, made in a fifth of the time."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

T = TypeVar("T")


def quick(value: type[T]) -> type[T]:
    """A frozen dataclass whose freezing the type checker alone sees to.

    Python's own is a call for each field of each value: half of the time that the layers of a large graph take. All
    else stays as the dataclass has it.
    """
    if hasattr(value, "__post_init__"):
        raise TypeError(f"{value.__name__} does more than to keep its fields: __post_init__ would not be called")
    fields: list[Any] = [
        (field.name, field.type, dataclasses.field(default=field.default, default_factory=field.default_factory))
        for field in dataclasses.fields(value)  # type: ignore[arg-type]
    ]
    type.__setattr__(value, "__init__", vars(dataclasses.make_dataclass(value.__name__, fields))["__init__"])
    for guard in ("__setattr__", "__delattr__"):
        type.__delattr__(value, guard)
    return value
