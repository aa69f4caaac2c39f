"""The specs that ``graphspec init`` writes: one file each, its first line says what it is."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable


def templates() -> dict[str, str]:
    """Name → text of every template, in alphabetical order."""
    files = {file.name.removesuffix(".toml"): file for file in _folder().iterdir() if file.name.endswith(".toml")}
    return {name: files[name].read_text(encoding="utf-8") for name in sorted(files)}


def title(text: str) -> str:
    """A template's first line: what it is."""
    return text.partition("\n")[0].removeprefix("# ")


def _folder() -> Traversable:
    return resources.files(__name__)
