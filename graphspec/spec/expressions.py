"""The expressions inside ``"${…}"``: arithmetic, comparison, ``and or not``, ``a if c else b``, ``min max len``.

A precedence-climbing parser over a handful of tokens and a tree that evaluates itself: nothing hands text to Python.
A name is a variable, the repeat index ``i``, or a value whose ``.shape`` is read (``x.shape[1]``).
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from graphspec.diagnostics import Diagnostic, Path, quoted

LONGEST = 1000
GREATEST = 2**63
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.\d*(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")|(?P<sign>\*\*|//|<=|>=|==|!=|[-+*/%<>()\[\],.]))"
)
_BINARY: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "<": (4, operator.lt), "<=": (4, operator.le), ">": (4, operator.gt), ">=": (4, operator.ge),
    "==": (4, operator.eq), "!=": (4, operator.ne), "+": (5, operator.add), "-": (5, operator.sub),
    "*": (6, operator.mul), "/": (6, operator.truediv), "//": (6, operator.floordiv), "%": (6, operator.mod),
    "**": (8, operator.pow),
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max, "len": len}
_CONSTANTS = {"true": True, "True": True, "false": False, "False": False}


class ExpressionError(Exception):
    """The expression is not one, or has no value."""

    code = "bad-expression"
    hint = ""

    def diagnostic(self, text: Any, at: Path, subject: str = "") -> Diagnostic:
        """This as a fault of the expression `text` at `at`."""
        return Diagnostic(self.code, f"{subject}{quoted(text)}: {self}", at, self.hint)


class UnknownVariable(ExpressionError):
    """The expression names what no scope defines; `hint` says what is near."""

    code = "unknown-variable"

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(f"there is no variable {quoted(name)}")
        self.hint = hint


class NeedsShape(Exception):
    """The expression reads a shape, and shapes are not known yet."""


class Scope(Protocol):
    """What names mean."""

    def variable(self, name: str) -> Any:
        """The value of a variable; raises :class:`ExpressionError` for an unknown one."""

    def shape(self, reference: str) -> Sequence[Any]:
        """The sizes of the value called `reference`; raises :class:`NeedsShape` before they are known."""


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """A string with ``${…}`` in it: literal pieces and expressions in turn. Alone, an expression keeps its type."""

    text: str
    pieces: tuple[str | Expression, ...]

    def value(self, scope: Scope) -> Any:
        """The value in `scope`: of any type for a lone ``${…}``, else a string."""
        if len(self.pieces) == 1 and not isinstance(self.pieces[0], str):
            return self.pieces[0](scope)
        return "".join(piece if isinstance(piece, str) else _plain(piece(scope)) for piece in self.pieces)


Expression = Callable[[Scope], Any]


@functools.lru_cache(maxsize=4096)
def template(text: str) -> Template | None:
    """`text` as a template, None where it has no ``${``; raises :class:`ExpressionError` for a malformed one."""
    if "${" not in text:
        return None
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
        pieces.append(_Parser(text[start + 2 : end]).whole())
        at = end + 1
    if at < len(text):
        pieces.append(text[at:])
    return Template(text, tuple(pieces))


def resolve(value: Any, scope: Scope) -> Any:
    """`value` with every ``${…}`` in it, nested ones too, replaced by its value in `scope`."""
    if isinstance(value, str):
        found = template(value)
        return found.value(scope) if found else value
    if isinstance(value, dict):
        return {key: resolve(item, scope) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(resolve(item, scope) for item in value)
    return value


def check_length(value: Any) -> None:
    """Refuse a list of more than ``LONGEST`` values in all, nested ones counted.

    Raises:
        ExpressionError: it is longer.
    """
    waiting, count = [value], 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, list | tuple):
            count += len(item)
            if count > LONGEST:
                raise ExpressionError(f"the value is longer than {LONGEST}")
            waiting += item


def _shown(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else str(value)[:80]


def _plain(value: Any) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    raise ExpressionError("only strings and numbers go into the middle of a string")


class _Parser:
    """One expression. Each method takes what it can from `tokens` and gives an evaluator."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    def whole(self) -> Expression:
        if not self.tokens:
            raise ExpressionError("empty expression")
        result = self.ternary()
        if self.at < len(self.tokens):
            raise ExpressionError(f"unexpected {quoted(self.tokens[self.at][1])}")
        return result

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, *words: str) -> bool:
        if self.peek() in words and self.tokens[self.at][0] != "text":
            self.at += 1
            return True
        return False

    def need(self, word: str) -> None:
        if not self.take(word):
            raise ExpressionError(
                f"{quoted(word)} expected" + (f" before {quoted(self.peek())}" if self.peek() else " at the end")
            )

    def ternary(self) -> Expression:
        self.depth += 1
        if self.depth > 40:
            raise ExpressionError("nested too deep")
        value = self.either()
        if self.take("if"):
            condition = self.either()
            self.need("else")
            value = _choose(condition, value, self.ternary())
        self.depth -= 1
        return value

    def either(self) -> Expression:
        value = self.both()
        while self.take("or"):
            value = _lazy(value, self.both(), stop_at=True)
        return value

    def both(self) -> Expression:
        value = self.negation()
        while self.take("and"):
            value = _lazy(value, self.negation(), stop_at=False)
        return value

    def negation(self) -> Expression:
        inverted = False
        while self.take("not"):
            inverted = not inverted
        value = self.binary(4)
        return (lambda scope: not value(scope)) if inverted else value

    def binary(self, least: int) -> Expression:
        left = self.unary()
        while (found := _BINARY.get(self.peek())) and found[0] >= least and self.tokens[self.at][0] == "sign":
            precedence, apply = found
            self.at += 1
            # ** binds to the right
            left = _apply(apply, left, self.binary(precedence if precedence == 8 else precedence + 1))
        return left

    def unary(self) -> Expression:
        signs = 0
        while self.peek() in ("-", "+"):
            signs += self.take("-")
            self.take("+")
        value = self.binary(8) if signs else self.atom()
        return (lambda scope: -value(scope)) if signs % 2 else value

    def atom(self) -> Expression:
        if self.at >= len(self.tokens):
            raise ExpressionError("something is missing at the end")
        kind, word = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            number = int(word) if word.isdigit() else float(word)
            return lambda scope: number
        if kind == "text":
            return lambda scope: word[1:-1]
        if word == "(":
            inner = self.ternary()
            self.need(")")
            return self.indexed(inner)
        if word == "[":
            items = self.items("]")
            return self.indexed(lambda scope: [item(scope) for item in items])
        if kind != "name":
            raise ExpressionError(f"unexpected {quoted(word)}")
        return self.named(word)

    def named(self, word: str) -> Expression:
        if word in _CONSTANTS:
            constant = _CONSTANTS[word]
            return lambda scope: constant
        if word in _FUNCTIONS and self.take("("):
            return _call(_FUNCTIONS[word], self.items(")"))
        if self.peek() == "(":
            raise ExpressionError(f"there is no function {quoted(word)}, only min, max and len")
        reference = [word]
        while self.take("."):
            reference.append(self.peek())
            self.at += 1
        if len(reference) == 1:
            return self.indexed(lambda scope: scope.variable(word))
        if reference[-1] != "shape":
            raise ExpressionError(f"{quoted('.'.join(reference))}: only .shape can be read of a value")
        value = ".".join(reference[:-1])
        return self.indexed(lambda scope: list(scope.shape(value)))

    def indexed(self, value: Expression) -> Expression:
        while self.take("["):
            value = _item(value, self.ternary())
            self.need("]")
        return value

    def items(self, end: str) -> list[Expression]:
        found: list[Expression] = []
        while not self.take(end):
            found.append(self.ternary())
            if not self.take(","):
                self.need(end)
                break
        return found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match or not match.lastgroup:
            raise ExpressionError(f"unexpected {quoted(text[at:].lstrip()[:1])}")
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


def _choose(condition: Expression, yes: Expression, no: Expression) -> Expression:
    return lambda scope: yes(scope) if condition(scope) else no(scope)


def _lazy(left: Expression, right: Expression, stop_at: bool) -> Expression:
    def value(scope: Scope) -> Any:
        first = left(scope)
        return first if bool(first) is stop_at else right(scope)

    return value


def _apply(function: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    def value(scope: Scope) -> Any:
        first, second = left(scope), right(scope)
        for side in (first, second):
            if (
                isinstance(side, str | list)
                and function not in (operator.eq, operator.ne)
                and type(first) is not type(second)
            ):
                raise ExpressionError(f"cannot combine {_shown(first)} with {_shown(second)}")
        if function is operator.pow and not (isinstance(second, int | float) and abs(second) <= 64):
            raise ExpressionError("an exponent is a number of at most 64")
        try:
            result = function(first, second)
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            raise ExpressionError(str(error)) from None
        if isinstance(result, int | float) and abs(result) >= GREATEST:
            raise ExpressionError("the value does not fit 64 bits")
        if isinstance(result, str | list) and len(result) > LONGEST:
            raise ExpressionError(f"the value is longer than {LONGEST}")
        return result

    return value


def _call(function: Callable[..., Any], arguments: list[Expression]) -> Expression:
    def value(scope: Scope) -> Any:
        try:
            return function(*(argument(scope) for argument in arguments))
        except (TypeError, ValueError) as error:
            raise ExpressionError(str(error)) from None

    return value


def _item(value: Expression, index: Expression) -> Expression:
    def item(scope: Scope) -> Any:
        items, position = value(scope), index(scope)
        if not isinstance(items, list | tuple):
            raise ExpressionError("only a list has items")
        if not isinstance(position, int) or not -len(items) <= position < len(items):
            raise ExpressionError(f"index {position} of {len(items)} items")
        return items[position]

    return item
