"""Strings with ``${…}`` in them, and what they may become: so much for one network, whatever its text says."""

from __future__ import annotations

import copy
import dataclasses
import functools
import operator
from collections.abc import Sequence
from typing import Any, Protocol

from graphspec.diagnostics import Code
from graphspec.spec.expressions import LONGEST, Expression, ExpressionError, Scope, check_length
from graphspec.spec.limits import most_layers


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """A string with ``${…}`` in it: literal pieces and expressions in turn. An expression alone keeps its type."""

    text: str
    pieces: tuple[str | Expression, ...]

    def value(self, scope: Scope) -> Any:
        """The value in `scope`: of any type for a lone ``${…}``, else a string.

        Raises:
            ExpressionError: no value, or a longer one than ``LONGEST``.
        """
        if len(self.pieces) == 1 and isinstance(self.pieces[0], Expression):
            value = self.pieces[0](scope)
            scope.spend(check_length(value))
            return value
        parts = [piece if isinstance(piece, str) else _plain(piece(scope)) for piece in self.pieces]
        length = sum(map(len, parts))
        scope.spend(length)
        if length > LONGEST:
            raise ExpressionError(f"the text is longer than {LONGEST} characters")
        return "".join(parts)


def template(text: str) -> Template | None:
    """`text` as a template, None where it has no ``${``; raises :class:`ExpressionError` for a malformed one."""
    if "${" not in text:
        return None
    found = _read(text)
    if isinstance(found, ExpressionError):
        raise copy.copy(found)  # whoever catches it may change its span
    return found


@functools.lru_cache(maxsize=512)
def _read(text: str) -> Template | ExpressionError:
    """`text` as a template, or why it is none: a line that is copied 9,000 times is read once, also where it fails."""
    try:
        return _template(text)
    except ExpressionError as error:
        return error.with_traceback(None)


def _template(text: str) -> Template:
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters")
    pieces: list[str | Expression] = []
    at = 0
    while (start := text.find("${", at)) >= 0:
        end = text.find("}", start)
        if end < 0:
            raise ExpressionError("`${` without `}`")
        if start > at:
            pieces.append(text[at:start])
        pieces.append(Expression(text[start + 2 : end], start + 2))
        at = end + 1
    if at < len(text):
        pieces.append(text[at:])
    return Template(text, tuple(pieces))


class Closing(Scope, Protocol):
    """A scope that knows which lists hold no expression, so that those of a copied line are looked at once."""

    def is_plain(self, value: Sequence[Any]) -> bool:
        """Whether this very list is known to hold none."""

    def note_plain(self, value: Sequence[Any]) -> None:
        """Note that it holds none."""


def is_closed(value: Any) -> bool:
    """Whether `value` is seen to have no ``${…}`` in it without looking into lists and tables."""
    return "${" not in value if isinstance(value, str) else not isinstance(value, dict | list | tuple)


def resolve(value: Any, scope: Closing) -> Any:
    """`value` with every ``${…}`` in it, nested ones too, replaced by its value in `scope`."""
    if isinstance(value, str):
        found = template(value)
        return found.value(scope) if found else value
    if isinstance(value, dict):
        return {key: resolve(item, scope) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if scope.is_plain(value):
            return value
        scope.spend(len(value))
        items = [resolve(item, scope) for item in value]
        # what stands there as it is is shared, not copied for each use
        if all(map(operator.is_, items, value)):
            scope.note_plain(value)
            return value
        return type(value)(items)
    return value


def _plain(value: Any) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    raise ExpressionError("only strings and numbers go into the middle of a string")


#: Steps and values for each layer that a network may have; all of them together take about a second.
STEPS_PER_LAYER = 60


class TooMuch(ExpressionError):
    """The expressions of one network take too many steps, or give too many values."""

    code: Code = "too-large"


@dataclasses.dataclass(eq=False)
class Meter:
    """What the expressions of one network may still take: steps, values and characters together."""

    most: int = dataclasses.field(default_factory=lambda: STEPS_PER_LAYER * most_layers())
    spent: int = 0
    #: lists that are the same wherever they stand, by their identity: those of a line that is copied are read once
    plain: dict[int, Any] = dataclasses.field(default_factory=dict)

    def spend(self, count: int) -> None:
        """Note `count` more; raises :class:`TooMuch` beyond ``most``."""
        self.spent += count
        if self.spent > self.most:
            raise TooMuch(f"the expressions of this network take more than {self.most:,} steps and values")
