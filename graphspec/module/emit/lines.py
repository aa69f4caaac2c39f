"""Long lines broken the way formatters do: arguments on a line of their own, then one a line with a trailing comma."""

from __future__ import annotations

from collections.abc import Iterator

LONGEST = 120
_OPEN, _CLOSE = "([{", ")]}"


def wrapped(line: str, indent: str) -> list[str]:
    """`line`, which starts with `indent`, as lines of at most 120 characters."""
    if len(line) <= LONGEST:
        return [line]
    start, end = _outer_brackets(line)
    if start < 0:
        return [line]
    inside = indent + "    "
    arguments = list(_split(line[start + 1 : end]))
    joined = inside + ", ".join(arguments)
    head, tail = line[: start + 1], indent + line[end:]
    if len(joined) <= LONGEST and "(self" not in line:
        return [head, joined, tail]
    return [head, *(part for argument in arguments for part in wrapped(f"{inside}{argument},", inside)), tail]


def _outer_brackets(line: str) -> tuple[int, int]:
    """The last top-level pair of brackets."""
    depth, start, found = 0, -1, (-1, -1)
    for at, char in _code(line):
        if char in _OPEN:
            start = at if depth == 0 else start
            depth += 1
        elif char in _CLOSE:
            depth -= 1
            if depth == 0:
                found = (start, at)
    return found


def _split(text: str) -> Iterator[str]:
    """Arguments between commas on the top level."""
    depth, last = 0, 0
    for at, char in _code(text):
        depth += (char in _OPEN) - (char in _CLOSE)
        if char == "," and depth == 0:
            yield text[last:at].strip()
            last = at + 1
    if text[last:].strip():
        yield text[last:].strip()


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Characters outside strings, with their places."""
    quote, escaped = "", False
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and not escaped else quote
            escaped = char == "\\" and not escaped
        elif char in "\"'":
            quote = char
        else:
            yield at, char
