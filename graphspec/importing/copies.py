"""The values that one argument has in several places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Missing:
    """Stands for the arguments of a layer that one of several alike scopes lacks: any value would do."""


MISSING = Missing()


class Each(tuple[Any, ...]):
    """The values that an argument has in the copies of a repeat."""


def of_copies(values: Sequence[Any]) -> Any:
    """One value where all agree, else all of them."""
    return values[0] if all(repr(value) == repr(values[0]) for value in values) else Each(values)
