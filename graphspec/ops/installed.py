"""Layer types of installed packages: the entry points of the group ``graphspec.layers``, each loaded when it is used.

A package declares them in its ``pyproject.toml``, the layer's name before the class that it is::

    [project.entry-points."graphspec.layers"]
    Gate = "my_package.layers:Gate"
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from graphspec.diagnostics import fail, quoted

GROUP = "graphspec.layers"


@functools.cache
def installed() -> Mapping[str, EntryPoint]:
    """The layer types that packages offer, by name; none of their code has run yet."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def load(name: str) -> Any:
    """The class behind an entry point.

    Raises:
        GraphspecError: the package fails to import, with its last line.
    """
    entry = installed()[name]
    try:
        return entry.load()
    except Exception as error:  # a package's import can fail in any way
        package = entry.dist.name if entry.dist else entry.value
        message = f"the layer {quoted(name)} of the package {quoted(package)}: {type(error).__name__}: {error}"
        raise fail("bad-import", message, hint=f"it is declared as {entry.value}") from error
