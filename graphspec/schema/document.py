"""The schema of a whole spec file."""

from __future__ import annotations

import inspect
import typing
from typing import Any, Literal

from pydantic import BaseModel

from graphspec.schema.component_schemas import component, component_definitions
from graphspec.schema.layer_schema import BLOCK_NAME, layer_definitions
from graphspec.schema.pieces import (
    EXPRESSION,
    IDENTIFIER,
    REFERENCE,
    Schema,
    list_of,
    or_expression,
    sentence,
    table_of,
)
from graphspec.spec.base import Component
from graphspec.spec.dims import DimRange
from graphspec.spec.model import MOST_IDS, BlockSpec, InputSpec, NetworkSpec
from graphspec.spec.tune import SearchSpec

#: A dynamic dim, or a multiple of one.
_NAMED_DIM = rf"(?:{IDENTIFIER}|\s*(?:[0-9]{{1,10}}\s*\*\s*{IDENTIFIER}|{IDENTIFIER}\s*\*\s*[0-9]{{1,10}})\s*)"

DRAFT = "http://json-schema.org/draft-07/schema#"


def json_schema() -> Schema:
    """The spec language as a JSON Schema of draft-07, which Taplo and VS Code read.

    Every layer type, data set, loss, … of the live tables is in it with its arguments. Two things it cannot know: which
    blocks a file defines (any capitalised name goes, unless it looks like a layer type mistyped), and that ``3.0`` is
    no integer (JSON Schema says that it is one). Whatever needs shapes is left to ``graphspec compile``.
    """
    body = _body()
    sections = {name: _section(NetworkSpec, name) for name in NetworkSpec.model_fields if name not in body}
    return {
        "$schema": DRAFT,
        "title": "graphspec",
        "description": sentence(inspect.getdoc(NetworkSpec) or ""),
        "type": "object",
        "properties": {"$schema": {"type": "string"}, **body, **sections},
        "additionalProperties": False,
        "required": _required(NetworkSpec),
        "definitions": {**layer_definitions(), **component_definitions(), "block": _block(), "search": _search()},
    }


def _body() -> dict[str, Schema]:
    """The sections that make the network; their values are tables by names of the file's own."""
    variables: Schema = table_of({"not": {"type": "null"}})
    named: Schema = {"type": "string", "pattern": f"^{_NAMED_DIM}$"}
    dim: Schema = {"anyOf": [{"type": "integer", "minimum": 1}, named, EXPRESSION]}
    shape = list_of(dim)
    names: Schema = {"type": "string", "pattern": f"^{IDENTIFIER}$"}
    dtype = _plain(InputSpec)["dtype"]
    typed: Schema = {
        "type": "object",
        "properties": {"shape": shape, "dtype": dtype},
        "additionalProperties": False,
        "required": _required(InputSpec),
    }
    return {
        "graphspec": {"const": 1, "description": "The version of the spec language."},
        "vars": {"description": "Values for expressions; variants and --set change them.", **variables},
        "inputs": {
            "description": 'forward\'s parameters in order. A name is a dynamic dim: ["N", 1, 28, "16*W"].',
            **table_of({"anyOf": [shape, typed]}, minProperties=1),
        },
        "dims": {
            "description": "The sizes that a dynamic dim may have, by its name.",
            **table_of(_model(DimRange)),
        },
        "vocabulary": {
            "description": "How many ids an input has, where no data are read to say it.",
            **table_of(or_expression({"type": "integer", "minimum": 1, "maximum": MOST_IDS})),
        },
        "layers": {"$ref": "#/definitions/layers"},
        "outputs": {
            "description": "What forward gives; the last layer otherwise.",
            "anyOf": [table_of(REFERENCE, minProperties=1), list_of(names, minItems=1, uniqueItems=True)],
        },
        "blocks": table_of({"$ref": "#/definitions/block"}, BLOCK_NAME),
        "variants": {"description": "Other values for vars, by name.", **table_of(variables, ".+")},
    }


def _block() -> Schema:
    body = _body()
    inputs = list_of({"type": "string", "pattern": f"^{IDENTIFIER}$"}, minItems=1)
    own = {"inputs": {"description": 'The names of its inputs; ["x"] otherwise.', **inputs}}
    return {
        "description": sentence(inspect.getdoc(BlockSpec) or ""),
        "type": "object",
        "properties": {name: own.get(name) or body[name] for name in BlockSpec.model_fields},
        "additionalProperties": False,
        "required": _required(BlockSpec),
    }


def _section(model: type[BaseModel], name: str) -> Schema:
    """One field of a model, nested models with their fields, components by their tables."""
    annotation = model.model_fields[name].annotation
    if _mentions(annotation, Component):
        listing, alone = list_of(component(name)), component(name)
        if typing.get_origin(annotation) is tuple:
            return listing
        listed = any(typing.get_origin(part) is tuple for part in typing.get_args(annotation))
        return {"anyOf": [alone, listing]} if listed else alone
    words = [w for part in typing.get_args(annotation) if typing.get_origin(part) is Literal for w in part.__args__]
    nested = next((part for part in (annotation, *typing.get_args(annotation)) if _is_model(part)), None)
    if nested is None:
        return or_expression(_plain(model)[name])
    if typing.get_origin(annotation) is dict:
        return {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/definitions/search"}}
    if words:
        return {"anyOf": [{"enum": words}, _model(nested)]}
    return _model(nested)


def _model(nested: type[BaseModel]) -> Schema:
    return {
        "description": sentence(inspect.getdoc(nested) or ""),
        "type": "object",
        "properties": {field.alias or key: _section(nested, key) for key, field in nested.model_fields.items()},
        "additionalProperties": False,
        "required": _required(nested),
    }


def _search() -> Schema:
    """An entry of ``[tune.space]``, or a table of them: a dotted key without quotes is a table in a table."""
    inner = {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/definitions/search"}}
    return {"anyOf": [_model(SearchSpec), inner]}


def _plain(model: type[BaseModel]) -> dict[str, Schema]:
    """pydantic's own schemas of a model's fields, without null, which no spec has."""
    properties = model.model_json_schema()["properties"]
    return {name: _without_null(schema) for name, schema in properties.items()}


def _without_null(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_null(item) for item in schema if item != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _without_null(item) for key, item in schema.items() if key != "title" and (key, item) != ("default", None)
    }
    choices = kept.get("anyOf", [])
    return kept if len(choices) != 1 else {**{key: kept[key] for key in kept if key != "anyOf"}, **choices[0]}


def _required(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if field.is_required()]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(part, wanted) for part in typing.get_args(annotation))
