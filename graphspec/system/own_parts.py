"""Parts of the user's own, by the names that a spec gives them: what a file of ``--import`` has marked.

Layers, data sets, losses, metrics, callbacks and transforms are registered alike: under the name of their class or
function, never one of torch's or graphspec's, and never one that another file has taken.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Entry = TypeVar("Entry")


class OwnParts(dict[str, Entry], Generic[Entry]):
    """What is registered of one `kind` (``"a loss"``); `taken` says whose a name is already, if anyone's."""

    def __init__(self, kind: str, taken: Callable[[str], str]) -> None:
        super().__init__()
        self.kind, self.taken = kind, taken
        self._parts: dict[str, Any] = {}

    def add(self, part: Any, entry: Entry, name: str = "") -> None:
        """Register `entry` for the class or function `part` under its own name, or under `name`.

        Raises:
            ValueError: the name is torch's or graphspec's, or that of a part in another file.
        """
        name, word = name or part.__name__, "class" if inspect.isclass(part) else "function"
        if owner := self.taken(name):
            raise ValueError(f"{name} is {owner}'s name; call the {word} something else")
        other = self._parts.get(name)
        if name in self and other is not None and other.__module__ != part.__module__:
            raise ValueError(f"{name} is {self.kind} of {other.__module__} already; call the {word} something else")
        self._parts[name], self[name] = part, entry

    def source_hash(self, name: str) -> str:
        """The sha256 of the text of the part `name`, empty where there is none to be read."""
        try:
            return hashlib.sha256(inspect.getsource(self._parts[name]).encode()).hexdigest()
        except (OSError, TypeError, KeyError):
            return ""


def first_parameters(function: Callable[..., Any]) -> list[str]:
    """The parameters of `function` that take what graphspec gives: those by position, without a default."""
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind in by_position and parameter.default is parameter.empty
    ]


def arguments_of(function: Callable[..., Any], given: int) -> inspect.Signature:
    """The signature that is left to the spec of a `function` whose first `given` parameters graphspec fills."""
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[given:])
