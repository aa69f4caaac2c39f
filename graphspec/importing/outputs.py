"""What a forward gives, a tensor, a tuple, a dict or an object of them, as values by name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from graphspec.spec.names import fault_in


def flat(result: Any, leaf: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every `leaf` in nested results, with the keys that lead to it, joined; ``""`` for one alone."""
    if isinstance(result, leaf):
        yield prefix, result
    elif isinstance(result, Mapping):
        for key, item in result.items():
            yield from flat(item, leaf, _joined(prefix, str(key)))
    elif isinstance(result, tuple | list):
        names = getattr(result, "_fields", [str(n) for n in range(len(result))])
        for key, item in zip(names, result, strict=True):
            yield from flat(item, leaf, _joined(prefix, key))
    elif dataclasses.is_dataclass(result) and not isinstance(result, type):
        for field in dataclasses.fields(result):
            yield from flat(vars(result)[field.name], leaf, _joined(prefix, field.name))


def _joined(prefix: str, key: str) -> str:
    return f"{prefix}_{key}" if prefix else key


def named(result: Any, leaf: type, inputs: set[str]) -> dict[str, Any]:
    """The values of `result` by names that a spec's outputs can have."""
    found: dict[str, Any] = {}
    for key, value in flat(result, leaf):
        name = re.sub(r"\W", "_", key).strip("_") or "output"
        name = f"output_{name}" if name[0].isdigit() else name
        name = f"{name}_" if fault_in(name, "output", ()) else name
        while name in found or name in inputs:
            name += "_"
        found[name] = value
    return found
