"""Where each key and value of a TOML or JSON text stands. tree-sitter is loaded only to report something."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from graphspec.diagnostics import Path, Position


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """The syntax nodes of a key (None for a list's item) and of its value."""

    key: Any
    value: Any


class Places:
    """Where every key and list item of a text that parses stands. A position is computed when it is asked for."""

    def __init__(self, text: str, language: str) -> None:
        self.lines = text.split("\n")
        self.spans = {path: Span(key, value) for path, key, value in _walk(text, language)}
        for path, span in list(self.spans.items()):
            # [blocks.B.layers] alone also says where blocks.B stands
            for cut in range(1, len(path)):
                self.spans.setdefault(path[:cut], Span(span.key, span.key or span.value))

    def locate(self, path: Path, at_key: bool = False) -> Position | None:
        """The value at `path`, or the nearest thing around it; the key where asked for, and of a whole table."""
        for cut in range(len(path), 0, -1):
            span = self.spans.get(path[:cut])
            if span:
                whole = cut == len(path) or (cut == len(path) - 1 and path[-1] == "type")
                by_key = span.key and (at_key or not whole or span.value.type in _TABLES)
                return _position(span.key if by_key else span.value, self.lines)
        return None


def repeated_key(text: str, language: str) -> tuple[str, Position, Position] | None:
    """The first key that stands twice in one table, with both places; None where none is found."""
    lines = text.split("\n")
    seen: dict[Path, Any] = {}
    for path, key, _ in _walk(text, language):
        if key is None or path not in seen:
            seen[path] = key
        elif not key.type == seen[path].type == "dotted_key":
            return str(path[-1]), _position(seen[path], lines), _position(key, lines)
    return None


#: tree-sitter's names for tables written in place.
_TABLES = frozenset(["inline_table", "object"])


def _walk(text: str, language: str) -> Iterator[tuple[Path, Any, Any]]:
    root = _tree(text, language)
    return _walk_json(root) if language == "json" else _walk_toml(root)


def _tree(text: str, language: str) -> Any:
    from tree_sitter import Language, Parser

    if language == "json":
        from tree_sitter_json import language as grammar
    else:
        from tree_sitter_toml import language as grammar
    return Parser(Language(grammar())).parse(text.encode()).root_node


def _position(node: Any, lines: list[str]) -> Position:
    row, byte = node.start_point
    line = lines[row] if row < len(lines) else ""
    start = len(line.encode()[:byte].decode(errors="ignore"))
    end_row, end_byte = node.end_point
    end = len(line.encode()[:end_byte].decode(errors="ignore")) if end_row == row else len(line)
    return Position(row + 1, start + 1, max(end, start + 1) + 1, line)


def _walk_json(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    if node.type == "object":
        for pair in node.named_children:
            if pair.type == "pair":
                key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
                name = None if key is None or value is None else _json_key(key)
                if name is not None:
                    yield (*path, name), key, value
                    yield from _walk_json(value, (*path, name))
    elif node.type == "array":
        for index, item in enumerate(child for child in node.named_children if child.type != "comment"):
            yield (*path, index), None, item
            yield from _walk_json(item, (*path, index))
    elif node.type == "document":
        for child in node.named_children:
            yield from _walk_json(child, path)


def _json_key(node: Any) -> str | None:
    """A key; None for what the grammar made of a text that is no JSON: a key may stand twice before the fault."""
    try:
        key = json.loads(node.text.decode())
    except ValueError:
        return None
    return key if isinstance(key, str) else None


def _walk_toml(document: Any) -> Iterator[tuple[Path, Any, Any]]:
    counts: dict[Path, int] = {}
    for child in document.named_children:
        if child.type == "pair":
            yield from _toml_pair(child, ())
        elif child.type in ("table", "table_array_element"):
            key, *rest = [node for node in child.named_children if node.type != "comment"]
            path: Path = _toml_key(key)
            if child.type == "table_array_element":
                counts[path] = counts.get(path, -1) + 1
                path = (*path, counts[path])
            else:
                path = _through_arrays(path, counts)
            yield path, key, key
            for pair in rest:
                yield from _toml_pair(pair, path)


def _through_arrays(path: Path, counts: dict[Path, int]) -> Path:
    """``[layers.sub]`` behind ``[[layers]]`` belongs to the last item."""
    for cut in range(len(path) - 1, 0, -1):
        if path[:cut] in counts:
            return (*path[:cut], counts[path[:cut]], *path[cut:])
    return path


def _toml_pair(pair: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    children = [node for node in pair.named_children if node.type != "comment"]
    if len(children) < 2:
        return
    key, value = children[0], children[1]
    names = _toml_key(key)
    for cut in range(1, len(names)):
        yield (*path, *names[:cut]), key, value
    yield (*path, *names), key, value
    yield from _toml_value(value, (*path, *names))


def _toml_value(value: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if value.type == "inline_table":
        for pair in value.named_children:
            if pair.type == "pair":
                yield from _toml_pair(pair, path)
    elif value.type == "array":
        for index, item in enumerate(node for node in value.named_children if node.type != "comment"):
            yield (*path, index), None, item
            yield from _toml_value(item, (*path, index))


def _toml_key(node: Any) -> tuple[str, ...]:
    if node.type == "dotted_key":
        return tuple(part for child in node.named_children for part in _toml_key(child))
    text = node.text.decode()
    if text.startswith('"'):
        import tomli

        try:
            return (tomli.loads(f"key = {text}")["key"],)
        except tomli.TOMLDecodeError:  # as with _json_key
            return (text,)
    return (text.strip("'"),)
