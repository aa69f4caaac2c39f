"""A spec as TOML, one line a layer, as a person would write it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from graphspec.spec.model import NetworkSpec

_NETWORK = ("graphspec", "name", "vars", "inputs", "dims", "vocabulary", "layers", "outputs", "blocks")
_ORDER = (*_NETWORK, "data", "train", "export", "tune")


def dump(spec: NetworkSpec) -> str:
    """`spec` as TOML text that loads to an equal spec; the variants it was chosen from are not repeated."""
    return document(_data(spec))


def document(data: Mapping[str, Any]) -> str:
    """The tables of a spec as TOML text, in their order; a table without lines of its own has no head."""
    lines = [f"{key} = {toml_value(item)}" for key, item in data.items() if not isinstance(item, dict)]
    for key, item in data.items():
        if key == "blocks":
            for name, block in item.items():
                lines += _section(f"blocks.{_key(name)}", block)
        elif isinstance(item, dict):
            lines += _section(key, item)
    return "\n".join(lines) + "\n"


def digest(spec: NetworkSpec) -> str:
    """sha256 (hex) of what `spec` says, whatever its format, spacing or line ends."""
    return hashlib.sha256(json.dumps(_data(spec), separators=(",", ":")).encode()).hexdigest()


def _data(spec: NetworkSpec) -> dict[str, Any]:
    data = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"variants"})
    return {key: data[key] for key in _ORDER if data.get(key) not in (None, {}, [])}


def _section(name: str, table: Mapping[str, Any], first: bool = True) -> Iterator[str]:
    """``[name]`` with its lines; a block's ``layers`` and ``outputs``, and a search's ``space``, are sections."""
    is_block = name.startswith("blocks.") and name.count(".") == 1  # its layers may be called "layers", too
    own = ("layers", "outputs") if is_block else ("space",) if name == "tune" else ()
    nested = {key for key in table if key in own and isinstance(table[key], dict)}
    flat = {_key(key): item for key, item in table.items() if key not in nested and item != {}}
    width = max((len(key) for key in flat), default=0)
    if flat or not nested:
        yield f"\n[{name}]" if first else f"[{name}]"
        first = False
    yield from (f"{key:<{width}} = {toml_value(item)}" for key, item in flat.items())
    for key in table:
        if key in nested:
            yield from _section(f"{name}.{key}", table[key], first)
            first = False


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key)


def toml_value(value: Any) -> str:
    """A string, number, boolean, list or table as TOML writes it on one line."""
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
            if value
            else "{}"
        )
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
