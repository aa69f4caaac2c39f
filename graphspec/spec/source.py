"""A spec's text and where everything in it stands."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from graphspec.diagnostics import Path, Position
from graphspec.spec.positions import Places


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
    def _places(self) -> Places:
        return Places(self.text, self.language)

    def locate(self, path: Path, at_key: bool = False) -> Position | None:
        """The value (or the key) at `path`, or the nearest thing around it that stands in the text."""
        if not self.text or self.origin(path) != self.name:
            return None
        return self._places.locate(self._real(path), at_key)

    def _real(self, path: Path) -> Path:
        """`path` with names of items of a list as indices: of ``[[layers]]``, and of outputs given as a list."""
        value: Any = self.data
        real: list[str | int] = []
        for part in path:
            if isinstance(value, list) and isinstance(part, str):
                names = [item.get("name") if isinstance(item, dict) else item for item in value]
                part = names.index(part) if part in names else part
            real.append(part)
            value = _item(value, part)
        return tuple(real)


def _item(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None
