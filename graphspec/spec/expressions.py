"""The language inside ``${…}``: arithmetic, comparison, ``and or not``, ``a if c else b``, ``min max len``.

Python's own parser reads it, and only the nodes in one table have a value: nothing hands text to Python to run. A name
is a variable, the repeat index ``i``, a value whose ``.shape`` is read (``x.shape[1]``), or ``vocabulary.NAME``, the
number of ids that the data give the input NAME. Every size has a limit that holds before memory is taken.
"""

from __future__ import annotations

import ast
import contextlib
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from graphspec.diagnostics import Code, Diagnostic, Part, Path, quoted

LONGEST = 1000
DEEPEST = 100
GREATEST = 2**63
#: The table whose entries say how many ids an input has.
VOCABULARY = "vocabulary"
_ARITHMETIC: Mapping[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add), ast.Sub: ("-", operator.sub), ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv), ast.FloorDiv: ("//", operator.floordiv), ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
}  # fmt: skip
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {"min": min, "max": max, "len": len}
_CONSTANTS = {"true": True, "false": False}


class ExpressionError(Exception):
    """The expression is not one, or has no value; ``span`` says which characters of it are at fault."""

    code: Code = "bad-expression"
    hint = ""
    span: tuple[int, int] | None = None

    def diagnostic(self, text: Any, at: Path, subject: str = "") -> Diagnostic:
        """This as a fault of the value `text` at `at`."""
        part = Part(text, *self.span) if isinstance(text, str) and self.span else None
        return Diagnostic(self.code, f"{subject}{quoted(text)}: {self}", at, self.hint, part=part)


class UnknownVariable(ExpressionError):
    """The expression names what no scope defines; `hint` says what is near."""

    code: Code = "unknown-variable"

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(f"there is no variable {quoted(name)}")
        self.hint = hint


class NeedsShape(Exception):
    """The expression reads a shape, and shapes are not known yet."""


class Scope(Protocol):
    """What names mean, and how much may be computed."""

    def variable(self, name: str) -> Any:
        """The value of a variable; raises :class:`ExpressionError` for an unknown one."""

    def shape(self, reference: str) -> Sequence[Any]:
        """The sizes of the value called `reference`; raises :class:`NeedsShape` before they are known."""

    def spend(self, count: int) -> None:
        """Note `count` steps or values; raises :class:`ExpressionError` where there are too many."""


class Expression:
    """One expression, read once and computed in any scope; `offset` characters stand before it in its string.

    Raises:
        ExpressionError: `text` is not in the language.
    """

    def __init__(self, text: str, offset: int = 0) -> None:
        self._offset = offset + len(text) - len(text.lstrip())
        with self._placed():
            self._tree = _parse(text.strip())
            _check(self._tree)

    def __call__(self, scope: Scope) -> Any:
        """The value in `scope`; raises :class:`ExpressionError` where there is none."""
        with self._placed():
            return _value(self._tree, scope)

    @contextlib.contextmanager
    def _placed(self) -> Iterator[None]:
        """Inside this context the spans of errors count from the beginning of the whole string."""
        try:
            yield
        except ExpressionError as error:
            if error.span:
                error.span = (error.span[0] + self._offset, error.span[1] + self._offset)
            raise


def _parse(text: str) -> ast.expr:
    if not text:
        raise ExpressionError("empty expression")
    if "\\" in text:
        raise ExpressionError("a backslash has no meaning here")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as "1if x": it is computed, or refused
            return ast.parse(re.sub(r"\s", " ", text), mode="eval").body
    except SyntaxError as error:
        raise _syntax_error(error, text) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError("nested too deep") from None


def _syntax_error(error: SyntaxError, text: str) -> ExpressionError:
    """Python's objection, with its place in `text`."""
    at = error.offset - 1 if error.offset else len(text)
    word = re.match(r"\w+|.|$", text[at:], re.S)
    token = word[0] if word else ""
    unexpected = f"unexpected {quoted(token)}" if token else "something is missing at the end"
    fault = ExpressionError(unexpected if error.msg.startswith("invalid syntax") else error.msg)
    fault.span = (at, at + max(1, len(token)))
    return fault


def _check(node: ast.expr, depth: int = 1) -> None:
    """Refuse what the language does not have, wherever it stands."""
    try:
        if depth > DEEPEST:
            raise ExpressionError("nested too deep")
        for part in _parts(node):
            _check(part, depth + 1)
    except ExpressionError as error:
        error.span = error.span or _span(node)
        raise


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The expressions inside `node`, of which the language knows the kind."""
    if type(node) not in _VALUES:
        raise ExpressionError(f"{quoted(ast.unparse(node))} is not in the language of expressions")
    if isinstance(node, ast.Attribute):
        _ids_of(node) or _shaped_value(node)
    elif isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name not in _FUNCTIONS or node.keywords:
            raise ExpressionError(f"there is no function {quoted(name)}, only min, max and len")
        yield from node.args
    elif isinstance(node, ast.Constant):
        _constant(node, None)
    else:
        operators = [node.op] if isinstance(node, ast.UnaryOp) else getattr(node, "ops", [])
        if any(type(sign) not in (ast.UAdd, ast.USub, ast.Not, *_COMPARISONS) for sign in operators) or (
            isinstance(node, ast.BinOp) and type(node.op) not in _ARITHMETIC
        ):
            raise ExpressionError(f"{quoted(ast.unparse(node))} is not in the language of expressions")
        yield from (part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))


def _span(node: ast.expr) -> tuple[int, int]:
    return node.col_offset, node.end_col_offset or node.col_offset + 1


def _value(node: ast.expr, scope: Scope) -> Any:
    """The value of a checked node; an error says where in the text it came up."""
    try:
        scope.spend(1)
        return _VALUES[type(node)](node, scope)
    except ExpressionError as error:
        error.span = error.span or _span(node)
        raise


def _constant(node: ast.Constant, scope: Any) -> Any:
    if not isinstance(node.value, bool | int | float | str):
        raise ExpressionError(f"{quoted(ast.unparse(node))} is not in the language of expressions")
    return _within_limits(node.value)


def _named(node: ast.Name, scope: Scope) -> Any:
    return _CONSTANTS[node.id] if node.id in _CONSTANTS else scope.variable(node.id)


def _attribute(node: ast.Attribute, scope: Scope) -> Any:
    name = _ids_of(node)
    return scope.variable(name) if name else list(scope.shape(_shaped_value(node)))


def _ids_of(node: ast.Attribute) -> str:
    """The whole of ``vocabulary.NAME``, which is a variable; empty for any other attribute."""
    table = isinstance(node.value, ast.Name) and node.value.id == VOCABULARY and node.attr != "shape"
    return f"{VOCABULARY}.{node.attr}" if table else ""


def _shaped_value(node: ast.Attribute) -> str:
    """``lstm.h_n`` of ``lstm.h_n.shape``."""
    inner = node.value
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    if node.attr != "shape" or not isinstance(inner, ast.Name):
        raise ExpressionError(f"{quoted(ast.unparse(node))}: only .shape can be read of a value")
    return ast.unparse(node.value)


def _list(node: ast.List, scope: Scope) -> list[Any]:
    items = [_value(item, scope) for item in node.elts]
    check_length(items)
    return items


def _item(node: ast.Subscript, scope: Scope) -> Any:
    items, position = _value(node.value, scope), _value(node.slice, scope)
    if not isinstance(items, list | tuple):
        raise ExpressionError("only a list has items")
    if not isinstance(position, int) or not -len(items) <= position < len(items):
        raise ExpressionError(f"index {_shown(position)} of {len(items)} items")
    return items[position]


def _choice(node: ast.IfExp, scope: Scope) -> Any:
    return _value(node.body if _value(node.test, scope) else node.orelse, scope)


def _logic(node: ast.BoolOp, scope: Scope) -> Any:
    for part in node.values[:-1]:
        value = _value(part, scope)
        if bool(value) is isinstance(node.op, ast.Or):
            return value
    return _value(node.values[-1], scope)


def _sign(node: ast.UnaryOp, scope: Scope) -> Any:
    value = _value(node.operand, scope)
    if isinstance(node.op, ast.Not):
        return not value
    if isinstance(value, str | list | tuple | dict):
        raise ExpressionError(f"{_shown(value)} has no sign")
    return -value if isinstance(node.op, ast.USub) else +value


def _comparison(node: ast.Compare, scope: Scope) -> Any:
    left = _value(node.left, scope)
    for sign, part in zip(node.ops, node.comparators, strict=True):
        right = _value(part, scope)
        try:
            holds = _COMPARISONS[type(sign)](left, right)
        except TypeError:
            raise ExpressionError(f"cannot compare {_shown(left)} with {_shown(right)}") from None
        if not holds:
            return False
        left = right
    return True


def _arithmetic(node: ast.BinOp, scope: Scope) -> Any:
    left, right = _value(node.left, scope), _value(node.right, scope)
    sign, function = _ARITHMETIC[type(node.op)]
    sized = [side for side in (left, right) if isinstance(side, str | list | tuple | dict)]
    if sized and (sign != "+" or type(left) is not type(right) or isinstance(left, dict)):
        raise ExpressionError(f"cannot combine {_shown(left)} with {_shown(right)}")
    if sum(map(len, sized)) > LONGEST:
        raise ExpressionError(f"the value is longer than {LONGEST}")
    if sign == "**" and not (isinstance(right, int | float) and abs(right) <= 64):
        raise ExpressionError("an exponent is a number of at most 64")
    try:
        return _within_limits(function(left, right))
    except ZeroDivisionError:
        raise ExpressionError("division by zero") from None
    except (TypeError, OverflowError):
        raise ExpressionError(f"cannot compute {_shown(left)} {sign} {_shown(right)}") from None


def _call(node: ast.Call, scope: Scope) -> Any:
    values = [_value(argument, scope) for argument in node.args]
    try:
        return _FUNCTIONS[ast.unparse(node.func)](*values)
    except (TypeError, ValueError) as error:
        raise ExpressionError(str(error)) from None


#: Every node of Python's syntax that an expression may have.
_VALUES: Mapping[type[ast.expr], Callable[[Any, Scope], Any]] = {
    ast.Constant: _constant, ast.Name: _named, ast.Attribute: _attribute, ast.Subscript: _item, ast.List: _list,
    ast.UnaryOp: _sign, ast.BinOp: _arithmetic, ast.BoolOp: _logic, ast.Compare: _comparison, ast.IfExp: _choice,
    ast.Call: _call,
}  # fmt: skip


def _within_limits(value: Any) -> Any:
    if isinstance(value, complex):
        raise ExpressionError("the value is not a real number")
    if isinstance(value, int | float) and not abs(value) < GREATEST:
        raise ExpressionError("the value does not fit 64 bits")
    return value


def check_length(value: Any) -> int:
    """How many values a list or table holds in all, nested ones counted.

    Raises:
        ExpressionError: more than ``LONGEST``.
    """
    waiting, count = [value], 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, list | tuple | dict):
            count += len(item)
            if count > LONGEST:
                raise ExpressionError(f"the value is longer than {LONGEST}")
            waiting += item.values() if isinstance(item, dict) else item
    return count


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_shown(item) for item in value[:10])}{', …' if len(value) > 10 else ''}]"[:80]
    return quoted(value) if isinstance(value, str) else str(value)[:80]
