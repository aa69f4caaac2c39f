"""A layer's constructor and its call, as Python source."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import torch

from graphspec.module.build import positional
from graphspec.ops import Op
from graphspec.shapes.dims import SizeExpr
from graphspec.shapes.shaped import ShapedLayer, ValueRef

#: What gives the variable of a value, and the text of a run-time size.
NameOf = Callable[[ValueRef | SizeExpr], str]


def literal(value: Any) -> str:
    """A constant as source."""
    if isinstance(value, torch.dtype):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, str):
        # repr, but in double quotes
        return '"' + repr("'" + value)[2:-1].replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        inner = ", ".join(literal(item) for item in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    return repr(value)


def constructor_arguments(layer: ShapedLayer) -> list[tuple[str, bool, Any]]:
    """Arguments as (name, whether by keyword, value): required ones by position, defaults left out."""
    found = []
    for name, parameter in layer.op.arguments.items():
        if name not in layer.arguments:
            continue
        value = layer.arguments[name]
        if parameter.required:
            found.append((name, False, value))
        elif value != parameter.default or type(value) is not type(parameter.default):
            found.append((name, True, value))
    return found


def can_inline(op: Op) -> bool:
    """Whether a function is one expression over its operands, with no state of its own."""
    return (
        op.is_function
        and "self." not in inspect.getsource(op.factory.forward)
        and len(_forward(op.factory.forward).body) == 1
    )


def _forward(forward: Any) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(forward))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return tree


def function_call(layer: ShapedLayer, name_of: NameOf) -> str:
    """A function layer's body with its operands put in: ``torch.add(x, y)``."""
    (body,) = _forward(layer.op.factory.forward).body
    assert isinstance(body, ast.Return)
    assert body.value is not None
    values = {name: operand(value, name_of) for name, value in layer.operands.items()}
    defaults = {name: parameter.default for name, parameter in layer.op.options.items() if name not in values}
    optional = {port.name: None for port in layer.op.ports if port.name not in values}
    return ast.unparse(_Substitute(values, defaults | optional).visit(body.value))


class _Substitute(ast.NodeTransformer):
    """Operands for names; keyword arguments that were left out stay left out."""

    def __init__(self, values: Mapping[str, str], omitted: Mapping[str, Any]) -> None:
        self.values = values
        self.omitted = omitted

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "list":
            return self.visit(node.args[0])
        node.keywords = [
            word for word in node.keywords if not (isinstance(word.value, ast.Name) and word.value.id in self.omitted)
        ]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.values:
            return ast.parse(self.values[node.id], mode="eval").body
        if node.id in self.omitted:
            return ast.Constant(self.omitted[node.id])
        return node


def module_call(layer: ShapedLayer, target: str, name_of: NameOf) -> str:
    """``self.conv1(x)``."""
    args, kwargs = positional(layer)
    texts = [operand(value, name_of) for value in args]
    texts += [f"{name}={operand(value, name_of)}" for name, value in kwargs.items()]
    return f"{target}({', '.join(texts)})"


def operand(value: Any, name_of: NameOf) -> str:
    """A value's variable, a run-time size, or a constant."""
    if isinstance(value, ValueRef):
        return name_of(value)
    if isinstance(value, SizeExpr):
        return name_of(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(operand(item, name_of) for item in value)}]"
    return literal(value)
