"""An argument's schema, from its annotation, its bounds and its documentation."""

from __future__ import annotations

import math
import re
import textwrap
import typing
from collections.abc import Mapping
from typing import Any, Literal

import torch

from graphspec.ops.arguments import DTYPES, GREATEST, INFINITE, bounds_of
from graphspec.ops.op import Number, Parameter, alternatives
from graphspec.schema.pieces import EXPRESSION, Schema, list_of, or_expression, sentence

#: What a description says of the default, which stands beside it anyway.
_DEFAULT = re.compile(r"\s*(?:\([Dd]efaults?\s*[:=][^()]*(?:\([^()]*\)[^()]*)?\)|\bDefault: \S+)\.?$")


def argument(op: str, parameter: Parameter, text: str = "") -> Schema | None:
    """The schema of one argument of `op`; None where no value of a spec can be it (a function, a tensor)."""
    bounds = bounds_of(op, parameter.name)
    choices = [_annotated(kind, parameter.default, bounds) for kind in alternatives(parameter.annotation)]
    found = [choice for choice in choices if choice is not None]
    if not found:
        return None
    schema: Schema = {"description": text} if text else {}
    if isinstance(parameter.default, bool | int | float | str):
        schema["default"] = parameter.default
    if math.isinf(bounds[1]):
        found.append({"enum": [*INFINITE]})
    distinct = [choice for n, choice in enumerate(found) if choice not in found[:n]]
    return or_expression({**schema, **(distinct[0] if len(distinct) == 1 else {"anyOf": distinct})})


def untyped(default: Any) -> Schema:
    """The schema of an argument that has no annotation: its default's type; any plain value where that says nothing."""
    if isinstance(default, bool):
        return {"type": "boolean"}
    if isinstance(default, int | float):
        return {"type": "number"}
    if isinstance(default, str):
        return {"type": "string"}
    return {"type": ["boolean", "number", "string", "array"]}


def documented(documentation: str) -> dict[str, str]:
    """Argument → first sentence, from the ``Args:`` part of a docstring in Google's style."""
    match = re.search(
        r"^([ \t]*)(?:Args|Arguments|Parameters):[ \t]*\n((?:\1[ \t]+\S.*\n?|[ \t]*\n)+)", documentation, re.M
    )
    if not match:
        return {}
    body = textwrap.dedent(match[2])
    entries = re.finditer(
        r"^ {0,2}(\w+)\s*(?:\([^\n]*?\))?\s*:\s+(.*?)(?=^ {0,2}\w+\s*(?:\([^\n]*\))?\s*:|\Z)", body, re.S | re.M
    )
    return {entry[1]: _DEFAULT.sub("", sentence(entry[2])) for entry in entries}


def _annotated(annotation: Any, default: Any, bounds: tuple[float, float]) -> Schema | None:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    limits: Schema = {"maximum": bounds[1]} if math.isfinite(bounds[1]) else {}
    if bounds[0] not in (-GREATEST, -math.inf):
        limits["minimum"] = bounds[0]
    if annotation is Any:
        plain = untyped(default)
        return {**plain, **limits} if plain["type"] == "number" else plain
    if origin is Literal:
        return {"enum": list(inner)}
    if annotation is torch.dtype:
        return {"enum": sorted(DTYPES)}
    if annotation is torch.Size:
        origin, inner = list, (int,)
    if origin in (tuple, list) or annotation in (tuple, list):
        return _sequence(origin or annotation, inner, bounds)
    scalars: Mapping[Any, Schema] = {
        bool: {"type": "boolean"},
        int: {"type": "integer", **limits},
        float: {"type": "number", **limits},
        Number: {"type": "number", **limits},
        str: {"type": "string"},
    }
    return scalars.get(annotation)


def _sequence(origin: Any, inner: tuple[Any, ...], bounds: tuple[float, float]) -> Schema | None:
    """A list; a number alone stands for a list of one, as torch has it."""
    if not inner:
        return {"type": "array"}
    kinds = [kind for part in inner if part is not Ellipsis for kind in alternatives(part)]
    items = [item for kind in dict.fromkeys(kinds) if (item := _annotated(kind, None, bounds)) is not None]
    if not items:
        return None
    fixed = origin is tuple and Ellipsis not in inner
    array = list_of(
        {"anyOf": [*items, EXPRESSION]}, **({"minItems": len(inner), "maxItems": len(inner)} if fixed else {})
    )
    return {"anyOf": [array, items[0]]} if origin is list and inner == (int,) else array
