"""The small schemas that all others are made of."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

Schema = dict[str, Any]

IDENTIFIER = "[A-Za-z][A-Za-z0-9_]{0,63}"
EXPRESSION: Schema = {"$ref": "#/definitions/expression"}
REFERENCE: Schema = {"$ref": "#/definitions/reference"}
ANY_EXPRESSION: Schema = {
    "type": "string",
    "pattern": r"\$\{[^}]+\}",
    "description": "An expression over the variables: ${2 * width}.",
}


def or_expression(schema: Schema) -> Schema:
    """`schema`, or a ``${…}`` in its place."""
    if schema.get("type") == "string" and len(schema.keys() - {"description", "default"}) == 1:
        return schema
    outside: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    inside = {key: value for key, value in schema.items() if key not in outside}
    choices = inside["anyOf"] if inside.keys() == {"anyOf"} else [inside]
    return {**outside, "anyOf": [*choices, EXPRESSION]}


def list_of(items: Schema, **limits: int) -> Schema:
    """A list whose items all fit `items`."""
    return {"type": "array", "items": items, **limits}


def table_of(values: Schema, names: str = IDENTIFIER, **limits: int) -> Schema:
    """A table from names (a regular expression for the whole name) to `values`."""
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^(?:{names})$"},
        "additionalProperties": values,
        **limits,
    }


def name_or_table(types: Schema, entries: Mapping[str, Schema], shared: Mapping[str, Schema], other: Schema) -> Schema:
    """Something written as a bare name or as a table with a ``type``: a layer, a loss, a transform.

    `types` says what a type's name may be; `entries` has for each type ``properties`` (its arguments), ``required``,
    and ``open`` where it may have others; `shared` are the keys that every table may have, and `other` is the schema
    of a table of no known type.
    """
    keys = {"type": types, **shared}
    allowed: Schema = dict.fromkeys(keys, True)
    cases = [
        {
            "if": _of_type({"const": name}),
            "then": {
                "properties": {**allowed, **entry["properties"]},
                "additionalProperties": entry.get("open", False),
                "required": entry["required"],
            },
        }
        for name, entry in entries.items()
    ]
    known = _of_type({"enum": list(entries)})
    table = {
        "type": "object",
        "properties": keys,
        "allOf": [*cases, {"if": {"not": known}, "then": other}],
    }
    needs = [name for name, entry in entries.items() if entry["required"]]
    name: Schema = {"allOf": [types, {"not": {"enum": needs}}]} if needs else types
    return {
        "type": ["string", "object"],
        "if": {"type": "string"},
        "then": name,
        "else": table,
    }


def named(description: Mapping[str, str]) -> Schema:
    """One of the names in `description`, each with its text for editors (VS Code's and Taplo's own keys)."""
    texts = list(description.values())
    return {"enum": list(description), "enumDescriptions": texts, "x-taplo": {"docs": {"enumValues": texts}}}


def sentence(text: str) -> str:
    """The first sentence of a docstring on one line, without reStructuredText's marks."""
    return re.split(r"(?<=[a-z\d)]\.)\s+(?=[A-Z])", plain(text.strip().split("\n\n")[0]))[0]


def plain(text: str) -> str:
    """A paragraph of a docstring on one line, without reStructuredText's marks."""
    text = re.sub(r":\w+:`~?\.?([^`<]*?)(?:\s*<[^`]*>)?`", r"\1", text)
    text = re.sub(r"`([^`<]+?)\s*<[^`]*>`_+", r"\1", text)
    return re.sub(r"\s+", " ", re.sub(r"``?|\\text|\\", "", text)).strip()


def near_misses(names: Iterable[str]) -> str:
    """A regular expression for names that look like one of `names` mistyped.

    That is: the same but for case, or, in names of five letters and more, one letter too many, missing, wrong, or two
    exchanged. Shorter names have too many neighbours that are words of their own.
    """
    return f"^(?:{'|'.join(part for name in names for part in _misspellings(name))})$"


def _misspellings(name: str) -> list[str]:
    found = ["".join(f"[{char.lower()}{char.upper()}]" if char.isalpha() else char for char in name)]
    if len(name) >= 5:
        found += [f"{name[:at]}[A-Za-z0-9_]{{0,2}}{name[at + 1 :]}" for at in range(len(name))]
        found += [
            name[:at] + second + first + name[at + 2 :]
            for at, (first, second) in enumerate(itertools.pairwise(name))
            if first != second
        ]
    return found


def _of_type(type_: Schema) -> Schema:
    return {"properties": {"type": type_}, "required": ["type"]}
