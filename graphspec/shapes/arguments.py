"""A layer's arguments: closed, checked against the signature, and the omitted ones filled from the input."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from graphspec.diagnostics import Diagnostic, Path, quoted, suggest
from graphspec.graph import Layer
from graphspec.ops import Op
from graphspec.ops.arguments import BadArgument, convert, describe
from graphspec.ops.inferred import inferred
from graphspec.shapes.dims import SizeExpr, readable
from graphspec.shapes.shaped import TensorType
from graphspec.spec.expressions import ExpressionError
from graphspec.spec.model import RESERVED
from graphspec.spec.scope import ShapeOf

#: Arguments that are graphspec's own, for functions that broadcast.
_OWN = "broadcast"


@dataclasses.dataclass(frozen=True, slots=True)
class Arguments:
    """What goes to the constructor, what goes to every call, and what is wrong."""

    constructor: Mapping[str, Any]
    options: Mapping[str, Any]
    faults: list[Diagnostic]
    broadcast: bool = False


def close_arguments(layer: Layer, inputs: Mapping[str, TensorType], shape_of: ShapeOf) -> Arguments:
    """The arguments of `layer`, given the types of its inputs by port."""
    faults: list[Diagnostic] = []
    constructor: dict[str, Any] = {}
    options: dict[str, Any] = {}
    op = layer.op
    for name, raw in layer.arguments.items():
        at = (*layer.at, name)
        parameter = op.arguments.get(name) or op.options.get(name)
        if name == _OWN and op.broadcasts:
            continue
        if parameter is None:
            faults.append(_unknown(op, layer, name, at))
            continue
        try:
            value = layer.scope.close(raw, shape_of)
            value = _run_time_size(value) if name in op.options else _known(value)
            converted = value if isinstance(value, SizeExpr) else convert(op.name, parameter, value)
            (constructor if name in op.arguments else options)[name] = converted
        except (ExpressionError, BadArgument) as error:
            code = "bad-expression" if isinstance(error, ExpressionError) else "bad-value"
            faults.append(Diagnostic(code, f"layer {quoted(layer.name)}: {error}", at))
    if not faults:
        faults += _infer(layer, constructor, inputs)
        faults += _missing(layer, constructor, options)
    return Arguments(constructor, options, faults, layer.arguments.get(_OWN) is True)


def _known(value: Any) -> Any:
    """Constructor arguments are numbers when the module is built."""
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, SizeExpr):
            raise BadArgument(f"{item} is known only at run time, and a module is built before")
    return value


def _run_time_size(value: Any) -> Any:
    return value


def _unknown(op: Op, layer: Layer, name: str, at: Path) -> Diagnostic:
    known = [*op.arguments, *op.options, *RESERVED]
    message = f"layer {quoted(layer.name)}: {op.name} has no argument {quoted(name)}"
    if name in {port.name for port in op.ports}:
        return Diagnostic("unknown-argument", message, at, f'{name} is an input: from = {{ {name} = "…" }}')
    arguments = ", ".join([*op.arguments, *op.options]) or "none"
    return Diagnostic("unknown-argument", message, at, suggest(name, known) or f"its arguments: {arguments}")


def _infer(layer: Layer, constructor: dict[str, Any], inputs: Mapping[str, TensorType]) -> list[Diagnostic]:
    """Fill what follows from the input; check it where it is written."""
    faults = []
    shapes = {port: kind.shape for port, kind in inputs.items() if kind.shape}
    try:
        found = inferred(layer.op, shapes)
    except IndexError:
        return []
    for name, dim in found.items():
        value = readable(dim) if not isinstance(dim, list) else dim
        written = constructor.get(name)
        if isinstance(value, SizeExpr) or (isinstance(value, list) and not isinstance(value[0], int)):
            text = str(value) if isinstance(value, SizeExpr) else str(readable(value[0]))
            message = (
                f"layer {quoted(layer.name)}: {layer.op.name} needs a fixed {name}, but its input has {text} there"
            )
            shown = next(iter(inputs.values()))
            faults.append(
                Diagnostic(
                    "dynamic-dim",
                    message,
                    layer.at,
                    "a pooling layer or a fixed input size helps",
                    (f"input: {shown}",),
                )
            )
        elif written is None:
            constructor[name] = value
        elif not _agrees(name, written, value, shapes):
            faults.append(_disagreement(layer, name, written, value, inputs))
    return faults


def _agrees(name: str, written: Any, value: Any, shapes: Mapping[str, Any]) -> bool:
    if name == "normalized_shape":
        shape = next(iter(shapes.values()))
        sizes = [written] if isinstance(written, int) else list(written)
        return list(shape[-len(sizes) :]) == sizes
    return bool(written == value)


def _disagreement(layer: Layer, name: str, written: Any, value: Any, inputs: Mapping[str, TensorType]) -> Diagnostic:
    kind = next(iter(inputs.values()))
    message = f"layer {quoted(layer.name)}: {name} is {written}, but the input gives {value}"
    flat = [dim for dim in kind.shape[1:] if isinstance(dim, int)]
    hint = f"leave {name} out: it is inferred"
    if name == "in_features" and len(flat) == len(kind.shape) - 1 and math.prod(flat) == written and len(flat) > 1:
        hint = "add a Flatten layer before it"
    return Diagnostic("inferred-mismatch", message, (*layer.at, name), hint, (f"input: {kind}",))


def _missing(layer: Layer, constructor: Mapping[str, Any], options: Mapping[str, Any]) -> list[Diagnostic]:
    wanted = {**layer.op.arguments, **layer.op.options}
    missing = [
        entry for name, entry in wanted.items() if entry.required and name not in constructor and name not in options
    ]
    return [
        Diagnostic(
            "missing-argument",
            f"layer {quoted(layer.name)}: {layer.op.name} needs {quoted(entry.name)}",
            layer.at,
            f"add {entry.name} = … ({describe(entry)})",
        )
        for entry in missing
    ]
