"""The schema of one layer: its reserved keys, and for each type of the vocabulary its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from torch.nn import init as torch_init

from graphspec.ops import Op, Parameter, lookup, names
from graphspec.ops.backbones import backbones
from graphspec.ops.inferred import INFERRED
from graphspec.ops.initializers import initializers
from graphspec.ops.parametrizations import parametrizations
from graphspec.schema.argument_schema import argument, documented
from graphspec.schema.pieces import (
    ANY_EXPRESSION,
    EXPRESSION,
    REFERENCE,
    Schema,
    list_of,
    name_or_table,
    named,
    near_misses,
    or_expression,
    sentence,
    table_of,
)

#: What a layer may be called; with ``${i}`` in it the copies of a repeat are siblings.
LAYER_NAME = r"(?!__)[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*|[0-9]{1,64}|.*\$\{[^}]+\}.*"
BLOCK_NAME = "[A-Z][A-Za-z0-9_]{0,63}"


def layer_definitions() -> dict[str, Schema]:
    """The definitions ``layer``, ``layers`` and what they refer to."""
    ops = {name: lookup(name) for name in names()} | dict(backbones())
    shared = {key: {"$ref": f"#/definitions/{key}"} for key in (*_RESERVED, "name")}
    layer = name_or_table(
        {"$ref": "#/definitions/layerType"},
        {name: _entry(op) for name, op in ops.items()},
        shared,
        {"anyOf": [{"required": ["type"]}, {"required": ["reuse"], "propertyNames": {"enum": list(shared)}}]},
    )
    layer["else"]["not"] = {"required": ["type", "reuse"]}
    return {
        "expression": ANY_EXPRESSION,
        "reference": {
            "type": "string",
            "description": "The name of an earlier layer or input, lstm.h_n for one value.",
        },
        "blockName": {
            "description": "A block of this file. A name one letter away from a layer type's is taken for a typo.",
            "pattern": f"^{BLOCK_NAME}$",
            "not": {
                "pattern": near_misses(name for name, op in ops.items() if name[0].isupper() and not _shadowed(op))
            },
        },
        "layerType": {
            "type": "string",
            "anyOf": [
                named({name: sentence(op.summary) for name, op in ops.items()}),
                {"$ref": "#/definitions/blockName"},
                {"description": "A network of timm, where it is installed.", "pattern": r"^timm\.[a-z0-9_]+$"},
                EXPRESSION,
            ],
        },
        **_RESERVED,
        "init": _init(),
        "name": {"type": "string", "pattern": f"^(?:{LAYER_NAME})$"},
        "layer": layer,
        "layers": _layers(),
    }


#: The reserved keys; ``init`` comes from torch.nn.init.
_RESERVED: Mapping[str, Schema] = {
    "from": {
        "description": "The values that go in: the layer before this one unless named.",
        "anyOf": [REFERENCE, list_of(REFERENCE), table_of({"anyOf": [REFERENCE, list_of(REFERENCE)]})],
    },
    "repeat": or_expression(
        {
            "description": "So many copies in a chain; i counts from 0.",
            "type": "integer",
            "minimum": 1,
            "maximum": 10000,
        }
    ),
    "if": or_expression({"description": "Where false, the first input passes through.", "type": "boolean"}),
    "reuse": {"type": "string", "description": "Apply this layer again, with the same weights."},
    "tie": {
        "description": "The parameter of an earlier layer that is this one's too: embed.weight.",
        "anyOf": [REFERENCE, table_of({"type": "string"}, r"[\w.]+", minProperties=1)],
    },
    "init": {},
    "parametrize": {
        "description": "A function of torch.nn.utils.parametrizations that computes the weight.",
        "anyOf": [{"enum": [*parametrizations()]}, table_of({}) | {"required": ["type"]}, EXPRESSION],
    },
    "freeze": or_expression({"description": "Keep the parameters as they are in training.", "type": "boolean"}),
    "keep": {"type": "boolean", "description": "Nothing uses the layer; its weights stay in the state_dict."},
}


def _entry(op: Op) -> Schema:
    """The arguments of a layer type, those of its variant with a number included."""
    texts = documented(inspect.getdoc(op.factory) or "")
    parameters: Mapping[str, Parameter] = op.written
    optional = {**op.scalar[1].options, **parameters} if op.scalar else parameters
    schemas = {name: argument(op.name, entry, texts.get(name, "")) for name, entry in optional.items()}
    properties = {name: schema for name, schema in schemas.items() if schema is not None and name[0] != "_"}
    if op.broadcasts:
        properties["broadcast"] = {"type": "boolean", "description": "Let torch stretch dims of size 1."}
    if not _shadowed(op):
        properties["from"] = {"propertyNames": {"enum": [port.name for port in op.ports]}}
    required = [name for name, entry in parameters.items() if entry.required and name not in INFERRED]
    return {"properties": properties, "required": [] if _shadowed(op) else required, "open": _shadowed(op)}


def _shadowed(op: Op) -> bool:
    """Whether files have blocks of that name, with arguments of their own: torchvision's layers are such."""
    return op.origin == "torchvision.ops"


def _init() -> Schema:
    """A function of torch.nn.init, by name or with arguments, for the weight; a table by parameter name; a file."""
    entries = {}
    for name, parameters in initializers().items():
        schemas = {key: argument(name, parameter) for key, parameter in parameters.items()}
        properties = {key: schema for key, schema in schemas.items() if schema is not None}
        required = [key for key, parameter in parameters.items() if parameter.required]
        entries[name] = {"properties": properties, "required": required}
    described = named({name: sentence(inspect.getdoc(vars(torch_init)[name]) or "") for name in entries})
    types: Schema = {"type": "string", "anyOf": [described, EXPRESSION]}
    function = name_or_table(types, entries, {}, {"required": ["type"]})
    by_parameter = table_of(function, r"(?!type$|file$|weights$|except$)[\w.]+", minProperties=1)
    weights = {"type": "string", "description": "Weights from a file of yours.", "pattern": r"\.(safetensors|pt|pth)$"}
    from_file: Schema = {"type": "object", "properties": {"file": weights}, "additionalProperties": False}
    published: Schema = {
        "type": "object",
        "properties": {
            "weights": {"type": "string", "description": "torchvision's, as ResNet18_Weights.IMAGENET1K_V1."},
            "except": {"description": "The parts that keep new weights.", **list_of({"type": "string"})},
        },
        "additionalProperties": False,
    }
    by_name: Schema = {"if": {"required": ["weights"]}, "then": published, "else": by_parameter}
    return {
        "description": "How parameters start, by torch.nn.init: the weight, or a table by parameter name.",
        "if": {"type": "object", "not": {"required": ["type"]}},
        "then": {"if": {"required": ["file"]}, "then": from_file, "else": by_name},
        "else": function,
    }


def _layers() -> Schema:
    """A table by name, or the same as a list of tables with a ``name``."""
    layer: Schema = {"$ref": "#/definitions/layer"}
    unnamed: Schema = {"allOf": [layer, {"not": {"type": "object", "required": ["name"]}}]}
    listed: Schema = {"allOf": [layer, {"type": "object", "required": ["name"]}]}
    return {
        "description": "One line a layer, read top to bottom like a forward pass.",
        "type": ["object", "array"],
        "if": {"type": "array"},
        "then": list_of(listed, minItems=1),
        "else": table_of(unnamed, LAYER_NAME, minProperties=1),
    }
