"""A spec's text and where everything in it stands."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from graphspec.diagnostics import Path, Position
from graphspec.spec.positions import Span, spans


@dataclasses.dataclass(frozen=True)
class Source:
    """What was read: `data` as parsed from `text`. A spec given as a dict has no text and no positions."""

    name: str
    data: dict[str, Any]
    text: str = ""
    language: str = "toml"
    overridden: tuple[Path, ...] = ()

    def origin(self, path: Path) -> str:
        """The file, or the command line where ``--set`` gave the value at `path`."""
        given = next((over for over in self.overridden if path[: len(over)] == over), None)
        return f"--set {'.'.join(str(part) for part in given)}" if given else self.name

    @functools.cached_property
    def _spans(self) -> dict[Path, Span]:
        return spans(self.text, self.language) if self.text else {}

    def locate(self, path: Path, at_key: bool = False) -> Position | None:
        """The value (or the key) at `path`, or the nearest thing around it that stands in the text."""
        if self.origin(path) != self.name:
            return None
        real = self._real(path)
        for cut in range(len(real), 0, -1):
            span = self._spans.get(real[:cut])
            if span:
                whole = cut == len(real) or (cut == len(real) - 1 and real[-1] == "type")
                return span.key if span.key and (at_key or not whole or span.is_table) else span.value
        return None

    def _real(self, path: Path) -> Path:
        """`path` with names of ``[[layers]]`` items as indices."""
        value: Any = self.data
        real: list[str | int] = []
        for part in path:
            if isinstance(value, list) and isinstance(part, str):
                part = next(
                    (n for n, item in enumerate(value) if isinstance(item, dict) and item.get("name") == part), part
                )
            real.append(part)
            value = _item(value, part)
        return tuple(real)


def _item(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None
