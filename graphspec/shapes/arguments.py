"""A layer's arguments: closed, checked against the signature, and the omitted ones filled from the input."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from graphspec.diagnostics import Diagnostic, Path, quoted, suggest
from graphspec.graph import Layer
from graphspec.ops import Op, Parameter
from graphspec.ops.arguments import BadArgument, convert, describe
from graphspec.ops.inferred import inferred
from graphspec.shapes.dims import SizeExpr, readable
from graphspec.shapes.shaped import TensorType
from graphspec.spec.expressions import ExpressionError, NeedsShape
from graphspec.spec.interpolation import is_closed
from graphspec.spec.model import RESERVED
from graphspec.spec.scope import ShapeOf

#: graphspec's own argument of functions that broadcast.
_BROADCAST = Parameter("broadcast", bool, False)


@dataclasses.dataclass(frozen=True, slots=True)
class Arguments:
    """What goes to the constructor, what goes to every call, and what is wrong."""

    constructor: Mapping[str, Any]
    options: Mapping[str, Any]
    faults: list[Diagnostic]
    broadcast: bool = False


#: The written arguments without expressions; in place of a value there may be the error that says why there is none.
Closed = Mapping[str, Any]


def close_arguments(layer: Layer, shape_of: ShapeOf | None) -> Closed:
    """The written arguments of `layer`; without `shape_of` those that read a shape are errors."""
    closed = {}
    for name, raw in layer.arguments.items():
        closed[name] = raw
        if not is_closed(raw) and _parameter(layer.op, name) is not None:
            try:
                closed[name] = layer.scope.close(raw, shape_of)
            except (ExpressionError, NeedsShape) as error:
                closed[name] = error
    return closed


def fit_arguments(layer: Layer, closed: Closed, inputs: Mapping[str, TensorType]) -> Arguments:
    """The arguments of `layer`, given the types of its inputs by port."""
    found = _fit(layer, closed)
    given = {**found.constructor, **found.options}
    faults = list(found.faults)
    if not faults:
        faults += _infer(layer, given, inputs) or _missing(layer, given)
    constructor, options = (
        {name: value for name, value in given.items() if name in names}
        for names in (layer.op.arguments, layer.op.options)
    )
    return dataclasses.replace(found, constructor=constructor, options=options, faults=faults)


def faults_without_shapes(layer: Layer) -> list[Diagnostic]:
    """What is wrong with the arguments of a layer whose inputs are not known, for they come from a faulty one."""
    return _fit(layer, close_arguments(layer, None)).faults


def _parameter(op: Op, name: str) -> Parameter | None:
    own = _BROADCAST if name == _BROADCAST.name and op.broadcasts else None
    return own or op.arguments.get(name) or op.options.get(name)


def _fit(layer: Layer, closed: Closed) -> Arguments:
    """The written arguments as values of the right type, without those that read a shape that is not known."""
    found: dict[str, dict[str, Any]] = {"constructor": {}, "options": {}, "own": {}}
    faults: list[Diagnostic] = []
    op = layer.op
    for name, value in closed.items():
        at, parameter = (*layer.at, name), _parameter(op, name)
        if parameter is None:
            faults.append(_unknown(op, layer, name, at))
            continue
        kind = "own" if parameter is _BROADCAST else "constructor" if name in op.arguments else "options"
        try:
            if isinstance(value, ExpressionError | NeedsShape):
                raise value
            if kind == "constructor":
                _check_known(value)
            found[kind][name] = value if isinstance(value, SizeExpr) else convert(op.name, parameter, value)
        except ExpressionError as error:
            faults.append(error.diagnostic(layer.arguments[name], at, f"layer {quoted(layer.label)}: "))
        except BadArgument as error:
            faults.append(Diagnostic(error.code, f"layer {quoted(layer.label)}: {error}", at, error.hint))
        except NeedsShape:
            continue
    return Arguments(found["constructor"], found["options"], faults, found["own"].get(_BROADCAST.name, False))


def _check_known(value: Any) -> None:
    """Constructor arguments are numbers when the module is built."""
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, SizeExpr):
            raise BadArgument(f"{item} is known only at run time, and a module is built before")


def _unknown(op: Op, layer: Layer, name: str, at: Path) -> Diagnostic:
    known = [*op.arguments, *op.options, *RESERVED]
    message = f"layer {quoted(layer.label)}: {op.name} has no argument {quoted(name)}"
    if name in {port.name for port in op.ports}:
        return Diagnostic("unknown-argument", message, at, f'{name} is an input: from = {{ {name} = "…" }}')
    arguments = ", ".join([*op.arguments, *op.options]) or "none"
    return Diagnostic("unknown-argument", message, at, suggest(name, known) or f"its arguments: {arguments}")


def _infer(layer: Layer, given: dict[str, Any], inputs: Mapping[str, TensorType]) -> list[Diagnostic]:
    """Fill what follows from the input; check it where it is written."""
    faults = []
    shapes = {port: kind.shape for port, kind in inputs.items() if kind.shape}
    try:
        found = inferred(layer.op, shapes)
    except IndexError:
        return []
    for name, dim in found.items():
        value = readable(dim) if not isinstance(dim, list) else dim
        written = given.get(name)
        if isinstance(value, SizeExpr) or (isinstance(value, list) and not isinstance(value[0], int)):
            text = str(value) if isinstance(value, SizeExpr) else str(readable(value[0]))
            message = (
                f"layer {quoted(layer.label)}: {layer.op.name} needs a fixed {name}, but its input has {text} there"
            )
            hint = "an adaptive pooling layer before it or a fixed input size helps"
            faults.append(Diagnostic("dynamic-dim", message, layer.at, hint))
        elif written is None:
            given[name] = value
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
    message = f"layer {quoted(layer.label)}: {name} is {written}, but the input gives {value}"
    flat = [dim for dim in kind.shape[1:] if isinstance(dim, int)]
    hint = f"leave {name} out: it is inferred"
    if name == "in_features" and len(flat) == len(kind.shape) - 1 and math.prod(flat) == written and len(flat) > 1:
        hint = "add a Flatten layer before it"
    return Diagnostic("inferred-mismatch", message, (*layer.at, name), hint)


def _missing(layer: Layer, given: Mapping[str, Any]) -> list[Diagnostic]:
    wanted = {**layer.op.arguments, **layer.op.options}
    missing = [entry for name, entry in wanted.items() if entry.required and name not in given]
    return [
        Diagnostic(
            "missing-argument",
            f"layer {quoted(layer.label)}: {layer.op.name} needs {quoted(entry.name)}",
            layer.at,
            f"add {entry.name} = … ({describe(entry)})",
        )
        for entry in missing
    ]
