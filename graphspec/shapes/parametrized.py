"""``parametrize``: the parameters of a layer whose weight is computed from others."""

from __future__ import annotations

from typing import Any

from torch import nn

from graphspec.diagnostics import Diagnostic, quoted, suggest
from graphspec.graph import Layer
from graphspec.ops.arguments import BadArgument
from graphspec.ops.parametrizations import parametrizations, parametrized_shapes
from graphspec.shapes.parameters import Shapes, arguments_of
from graphspec.spec.expressions import ExpressionError, NeedsShape

#: The function and its arguments.
Computed = tuple[str, dict[str, Any]]


def close_parametrize(node: Layer, parameters: Shapes) -> tuple[Computed | None, Shapes, list[Diagnostic]]:
    """``parametrize`` as (function, arguments), the parameters that the layer then has, and what is wrong.

    It is a name, or a table of ``type`` and the function's arguments; ``name`` says which parameter is computed.
    """
    if node.parametrize is None:
        return None, parameters, []
    at = (*node.at, "parametrize")
    try:
        written = node.scope.close(node.parametrize)
        if written is None:
            return None, parameters, []
        function, arguments = _function(written)
        name = arguments.get("name", "weight")
        _check(node, parameters, function, name, arguments)
    except ExpressionError as error:
        return None, parameters, [error.diagnostic(node.parametrize, at, f"layer {quoted(node.label)}: ")]
    except NeedsShape:
        message = f"layer {quoted(node.label)}: parametrize reads a shape, which only `if` and arguments can"
        return None, parameters, [Diagnostic("bad-expression", message, at)]
    except BadArgument as error:
        return None, parameters, [Diagnostic(error.code, f"layer {quoted(node.label)}: {error}", at, error.hint)]
    return (function, arguments), parametrized_shapes(function, name, arguments, parameters), []


def _function(written: Any) -> Computed:
    table = {"type": written} if isinstance(written, str) else written
    if not isinstance(table, dict) or not isinstance(table.get("type"), str):
        raise BadArgument("parametrize wants a name, or { type = … }", "wrong-type")
    function, known = table["type"], parametrizations()
    if function not in known:
        hint = suggest(function, known) or f"it has: {', '.join(known)}"
        raise BadArgument(f"there is no parametrization {quoted(function)}", "unknown-component", hint)
    return function, arguments_of(table, function, known[function])


def _check(node: Layer, parameters: Shapes, function: str, name: str, arguments: dict[str, Any]) -> None:
    own = [key for key in parameters if "." not in key]
    if issubclass(node.op.factory, nn.RNNBase) or node.op.is_leaf or not own:
        raise BadArgument(f"{node.op.name} has no weight that could be computed", "bad-value")
    if name not in own:
        hint = suggest(name, own) or f"its parameters: {', '.join(own)}"
        raise BadArgument(f"{node.op.name} has no parameter {quoted(name)}", "unknown-argument", hint)
    rank, dim = len(parameters[name]), arguments.get("dim")
    if dim is not None and not -rank <= dim < rank:
        raise BadArgument(f"dim is {dim}, but {quoted(name)} has {rank} dims", "shape-mismatch")
