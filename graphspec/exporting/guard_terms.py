"""The guards of a captured program, torch's lines of Python, as conditions on the dims of the spec."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sympy
import torch
from torch.export import ExportedProgram

from graphspec.shapes.conditions import positive
from graphspec.shapes.evaluate import Unreadable
from graphspec.shapes.shaped import ShapedGraph
from graphspec.system.torch_private import FloorDiv, Max, Min, Mod, guards_of

_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: FloorDiv, ast.Mod: Mod,
    ast.Eq: sympy.Eq, ast.NotEq: sympy.Ne, ast.Lt: sympy.Lt, ast.LtE: sympy.Le, ast.Gt: sympy.Gt, ast.GtE: sympy.Ge,
    ast.And: sympy.And, ast.Or: sympy.Or, ast.Not: sympy.Not, ast.USub: operator.neg,
}  # fmt: skip
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {"torch.sym_min": Min, "torch.sym_max": Max, "min": Min, "max": Max}


def conditions(program: ExportedProgram, shaped: ShapedGraph) -> Iterator[Any]:
    """What `program` asks of the sizes: its guards, and the ranges of its inputs' sizes.

    A least size of 2 is none that is asked: it says that torch took no size for 1.

    Raises:
        Unreadable: a guard is no formula of sizes.
    """
    shapes = {name: kind.shape for name, kind in shaped.inputs.items()}
    for guard in guards_of(program):
        yield positive(_term(ast.parse(guard.strip(), mode="eval").body, shapes))
    for symbol, dim in sizes_of(program, shaped):
        span = program.range_constraints[symbol]
        if span.lower.is_Integer and span.lower > 2:
            yield sympy.Ge(dim, span.lower)
        if span.upper.is_Integer:
            yield sympy.Le(dim, span.upper)


def sizes_of(program: ExportedProgram, shaped: ShapedGraph) -> Iterator[tuple[Any, Any]]:
    """torch's symbol for each open size of an input, and the spec's dim."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    for captured, kind in zip(program.graph_signature.user_inputs, shaped.inputs.values(), strict=True):
        for size, dim in zip(values[str(captured)].shape, kind.shape, strict=True):
            if isinstance(size, torch.SymInt) and size.node.expr in program.range_constraints:
                yield size.node.expr, dim


def _term(node: ast.AST, shapes: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=bool() | int() as value):
            return sympy.sympify(value)
        case ast.Subscript(
            value=ast.Call(func=ast.Attribute(value=ast.Subscript(slice=ast.Constant(value=str(name))), attr="size")),
            slice=ast.Constant(value=int(axis)),
        ) if name in shapes:  # fmt: skip
            return sympy.sympify(shapes[name][axis])
        case ast.BinOp(left=left, op=op, right=right):
            return _operator(op)(_term(left, shapes), _term(right, shapes))
        case ast.UnaryOp(op=op, operand=operand):
            return _operator(op)(_term(operand, shapes))
        case ast.BoolOp(op=op, values=parts):
            return _operator(op)(*(_term(part, shapes) for part in parts))
        case ast.Compare(left=left, ops=ops, comparators=rest):
            terms = [_term(part, shapes) for part in (left, *rest)]
            pairs = zip(ops, terms, terms[1:], strict=False)
            return sympy.And(*(_operator(op)(one, other) for op, one, other in pairs))
        case ast.Call(func=function, args=args) if (found := _FUNCTIONS.get(ast.unparse(function))) is not None:
            return found(*(_term(part, shapes) for part in args))
    raise Unreadable(ast.unparse(node))


def _operator(node: ast.AST) -> Callable[..., Any]:
    if (found := _OPERATORS.get(type(node))) is None:
        raise Unreadable(type(node).__name__)
    return found
