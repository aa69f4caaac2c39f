"""From text to plain data. What the standard parsers let through is refused: duplicate keys, NaN, their slow cases."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import tomli

from graphspec.diagnostics import Code, Diagnostic, GraphspecError, Path, Position, fail, quoted
from graphspec.spec.toml_hints import toml_hint

DEEPEST = 32
LONGEST_NUMBER = 64
_TOKENS = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}=,.\n]|[^\s\[\]{}=,.\'"#]+',
    re.S,
)

#: In JSON a colon may stand before it without a blank.
_NUMBER = re.compile(r":?([-+]?[0-9_]+|0[xob][0-9a-fA-F_]+)")


def parse(text: str, language: str) -> dict[str, Any]:
    """The document in `text` as dicts, lists and scalars. `language` is ``"toml"`` or ``"json"``."""
    if not text.strip():
        raise fail("empty", "the spec is empty", hint="`graphspec init mlp` writes one to start from")
    _guard(text)
    data = _json(text) if language == "json" else _toml(text)
    if not isinstance(data, dict):
        raise fail("wrong-type", f"a spec is a table, not {type_name(data)}")
    faults = list(_illegal_values(data, ()))
    if faults:
        raise GraphspecError(faults)
    return data


def type_name(value: object) -> str:
    """What a person calls the type of a TOML or JSON value."""
    names = {dict: "a table", list: "a list", tuple: "a list", str: "a string", bool: "a boolean", int: "an integer"}
    return names.get(type(value), {float: "a float", type(None): "null"}.get(type(value), "a date or time"))


def _guard(text: str) -> None:
    """One linear pass for what makes the parsers quadratic or recursive: nesting, long dotted keys, huge numbers."""
    depth = parts = 0
    for place, token in enumerate(_TOKENS.findall(text)):
        if len(token) > 1:
            if len(token) > LONGEST_NUMBER and (number := _NUMBER.fullmatch(token)):
                start, end = number.span(1)
                at = _start(text, place) + start
                raise _at(text, at, "too-large", f"a number of {end - start:,} digits", length=end - start)
            continue
        if token in "[{":
            depth += 1
            parts = 0
        elif token in "]}":
            depth -= 1
        elif token == ".":
            parts += 1
        elif token in "=,\n":
            parts = 0
        if depth > DEEPEST or parts > DEEPEST:
            what = "brackets nested" if depth > DEEPEST else "a key dotted"
            raise _at(text, _start(text, place), "too-deep", f"{what} more than {DEEPEST} deep")


def _start(text: str, place: int) -> int:
    """The offset of the token at `place`."""
    return next(itertools.islice(_TOKENS.finditer(text), place, None)).start()


def _at(text: str, offset: int, code: Code, message: str, hint: str = "", length: int = 1) -> GraphspecError:
    """A fault at `offset` of `text`; the parsers know offsets, not paths."""
    line = text.count("\n", 0, offset) + 1
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    source = text[start : end if end >= 0 else len(text)]
    column = offset - start + 1
    place = Position(line, column, column + length, source)
    return GraphspecError([Diagnostic(code, message, hint=hint, position=place)])


def _toml(text: str) -> Any:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
        offset = len(text.rstrip())
        if place and place[1]:
            offset = sum(len(line) + 1 for line in text.split("\n")[: int(place[1]) - 1]) + int(place[2]) - 1
        cause = message[: place.start()] if place else message
        if re.match(r"Cannot (overwrite|declare|mutate)|Duplicate", cause):
            raise _duplicate(text, "toml", offset, cause) from None
        bracket = _unclosed(text, offset)
        cause, in_braces = cause[:1].lower() + cause[1:], text[bracket : bracket + 1] == "{"
        hint = toml_hint(text, offset, cause, in_braces)
        if in_braces and cause.startswith("unclosed") and hint:  # the table is not, but something in it is wrong
            cause = "expected ',' or '}' in an inline table"
        elif cause.startswith("unclosed"):
            offset = bracket
        raise _at(text, min(offset, len(text)), "syntax", f"TOML: {cause}", hint) from None


def _unclosed(text: str, offset: int) -> int:
    """Where the bracket stands that is still open at `offset`."""
    brackets: list[int] = []
    for match in _TOKENS.finditer(text, 0, offset):
        if match[0] in "[{":
            brackets.append(match.start())
        elif match[0] in "]}" and brackets:
            brackets.pop()
    return brackets[-1] if brackets else offset


def _json(text: str) -> Any:
    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise _Duplicate
        return found

    def no_constant(name: str) -> None:
        raise _Constant(name)

    try:
        return json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        message = f"JSON: {error.msg[0].lower()}{error.msg[1:]}"
        raise _at(text, error.pos, "syntax", message, _json_hint(text, error)) from None
    except _Duplicate:
        raise _duplicate(text, "json", 0, "a key stands twice") from None
    except _Constant as error:
        word = error.args[0].lstrip("-")
        at = next((match.start() for match in _TOKENS.finditer(text) if match[0].lstrip(":-") == word), 0)
        raise _at(text, text.find(word, at), "not-finite", f"JSON has no {word}", length=len(word)) from None


class _Duplicate(Exception):
    """An object has a key twice."""


class _Constant(Exception):
    """NaN or Infinity, which JSON does not have."""


def _json_hint(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos :].lstrip()
    if rest.startswith(("/", "#")):
        return "JSON has no comments; use .toml"
    if "Extra data" in error.msg:
        return "one document a file"
    if re.search(r",\s*$", text[: error.pos]) and rest[:1] in ("}", "]", ""):
        return "JSON has no trailing comma"
    return ""


def _duplicate(text: str, language: str, offset: int, cause: str) -> GraphspecError:
    """Both places of the first repeated key; the parser's own words where it is not found."""
    from graphspec.spec.positions import repeated_key

    found = repeated_key(text, language)
    if not found:
        return _at(text, min(offset, len(text)), "duplicate-key", f"{language.upper()}: {cause[0].lower()}{cause[1:]}")
    key, first, second = found
    message = f"the key {quoted(key)} stands twice, first on line {first.line}"
    return GraphspecError([Diagnostic("duplicate-key", message, position=second, hint="remove one of them")])


def _illegal_values(table: dict[str, Any] | list[Any], at: Path) -> Iterator[Diagnostic]:
    """Diagnostics for scalars that no field of a spec may hold."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if isinstance(value, str) and value.isascii():
            continue
        if isinstance(value, dict | list):
            yield from _illegal_values(value, (*at, key))
        else:
            yield from _illegal(value, (*at, key))


def _illegal(value: Any, at: Path) -> Iterator[Diagnostic]:
    if isinstance(value, float) and value - value != 0 and (value != value or not _may_be_infinite(at)):
        yield Diagnostic("bad-value", f"{_name(at)} is not a finite number", at)
    elif isinstance(value, int) and abs(value) >= 2**63:
        yield Diagnostic("too-large", f"{_name(at)} does not fit 64 bits", at)
    elif isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        yield Diagnostic("encoding", f"{_name(at)} holds half of a surrogate pair", at)
    elif not isinstance(value, str | int | float):
        yield Diagnostic("wrong-type", f"{_name(at)} is {type_name(value)}, which a spec does not use", at)


def _may_be_infinite(at: Path) -> bool:
    """Whether a number there is what a layer puts where a mask or a border is, or compares with: ``value = -inf``."""
    return "layers" in at and at[-1] in ("value", "fill_value", "other")


def _name(at: Path) -> str:
    return quoted(".".join(str(part) for part in at))
