"""Orders: ONNX sorts stably, always; the k-th, the place in an order, the greatest and least so far, which it lacks.

Where the greatest stands: in torch at the first NaN if there is one; onnxruntime's ArgMax and ArgMin pass over NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnxscript.function_libs.torch_lib.ops import core

from graphspec.exporting.onnx.translations.values import constant, fixed, op, rank, size, without


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten.sort.stable: _sort, aten.median.dim: _median, aten.kthvalue.default: _kth_value,
        aten.searchsorted.Tensor: _found, aten.cummax.default: _greatest_so_far, aten.cummin.default: _least_so_far,
        aten.argmax.default: partial(_place, core.aten_argmax), aten.argmin.default: partial(_place, core.aten_argmin),
    }  # fmt: skip


def _sort(values: Any, *, stable: bool | None = None, dim: int = -1, descending: bool = False) -> Any:
    return core.aten_sort(values, dim, descending)


def _median(values: Any, dim: int, keepdim: bool = False) -> Any:
    """Of an even number the lesser: the place is half of the last, rounded down."""
    axis = dim % rank(values)
    middle = op.Div(op.Sub(size(values, axis), constant(1, np.int64)), constant(2, np.int64))
    return _at(values, axis, middle, keepdim)


def _kth_value(values: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    return _at(values, dim % rank(values), constant(k - 1, np.int64), keepdim)


def _found(
    in_order: Any, values: Any, *, out_int32: bool = False, right: bool = False, side: Any = None, sorter: Any = None
) -> Any:  # torch's own parameters, of which a spec has one
    """By torch's own search, which halves, so that it is the same in what is not in order; in an open size by counting.

    What is no number goes behind all.
    """
    compare = op.Greater if right else op.GreaterOrEqual
    count = fixed(in_order, -1)
    if count is None:
        row = in_order if rank(in_order) == 1 else op.Unsqueeze(in_order, constant([-2], np.int64))
        before = op.Not(compare(row, op.Unsqueeze(values, constant([-1], np.int64))))
        return op.ReduceSum(op.Cast(before, to=ir.DataType.INT64), constant([-1], np.int64), keepdims=0)
    start, end = (op.Expand(constant(place, np.int64), op.Shape(values)) for place in (0, count))
    for _ in range(count.bit_length()):
        middle = op.Div(op.Add(start, end), constant(2, np.int64))
        at = op.Min(middle, constant(count - 1, np.int64))
        there = op.Gather(in_order, at) if rank(in_order) == 1 else op.GatherElements(in_order, at, axis=-1)
        behind = op.And(op.Less(start, end), op.Not(compare(there, values)))
        start = op.Where(behind, op.Add(middle, constant(1, np.int64)), start)
        end = op.Where(behind, end, middle)
    return start


def _at(values: Any, axis: int, place: Any, keepdim: bool) -> Any:
    """What stands at `place` in order, and where it stood."""
    in_order = core.aten_sort(values, axis, False)
    place = op.Reshape(place, constant([1] if keepdim else [], np.int64))
    return tuple(op.Gather(each, place, axis=axis) for each in in_order)


def _place(found: Callable[..., Any], values: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Where the greatest or the least stands, as `found` writes it of numbers, or the first that is none."""
    place = found(values, dim, keepdim)
    if not values.dtype.is_floating_point():
        return place
    strange = op.Cast(op.IsNaN(values), to=ir.DataType.FLOAT)  # tract has no ArgMax of whole numbers
    strange.shape, strange.type = values.shape, ir.TensorType(ir.DataType.FLOAT)
    along = () if dim is None else (constant([dim], np.int64),)
    is_any = op.Cast(op.ReduceMax(strange, *along, keepdims=keepdim), to=ir.DataType.BOOL)
    return op.Where(is_any, core.aten_argmax(strange, dim, keepdim), place)


def _greatest_so_far(values: Any, dim: int) -> Any:
    return _so_far(values, dim, "LessOrEqual")


def _least_so_far(values: Any, dim: int) -> Any:
    return _so_far(values, dim, "GreaterOrEqual")


def _so_far(values: Any, dim: int, compare: str) -> Any:
    """One after another: the next one is taken where so far `compare` next, as torch does, or where it is no number."""
    axis = dim % rank(values)
    dtype = values.dtype
    start = op.Gather(values, constant(0, np.int64), axis=axis)
    zero = ir.tensor(np.array([0], dtype=np.int64))
    where = op.ConstantOfShape(without(values, axis), value=zero)
    body = _body(dtype, rank(values) - 1, compare)
    places = {"num_scan_inputs": 1, "scan_input_axes": [axis], "scan_output_axes": [axis, axis]}
    node = op.Scan(start, where, constant(0, np.int64), values, body=body, **places).producer()
    node.resize_outputs(5)
    return node.outputs[3], node.outputs[4]


def _body(dtype: ir.DataType, count: int, compare: str) -> ir.Graph:
    """The body of the loop, of values of `count` dims."""
    shape = ir.Shape([f"scan/{k}" for k in range(count)])

    def value(name: str, kind: ir.DataType = ir.DataType.INT64, of: ir.Shape = shape) -> ir.Value:
        return ir.Value(name=f"scan/{name}", type=ir.TensorType(kind), shape=of)

    one = ir.Shape([])
    best, following, found, copy = (value(name, dtype) for name in ("best", "next", "found", "found_kept"))
    where, place, step = value("where"), value("place", of=one), value("step", of=one)
    at, at_copy, after = value("at"), value("at_kept"), value("after", of=one)
    taken = value("taken", ir.DataType.BOOL)
    nodes = [ir.node(compare, [best, following], outputs=[taken], name="scan/compare")]
    if dtype.is_floating_point():
        strange, either = value("strange", ir.DataType.BOOL), value("either", ir.DataType.BOOL)
        nodes += [
            ir.node("IsNaN", [following], outputs=[strange], name="scan/IsNaN"),
            ir.node("Or", [taken, strange], outputs=[either], name="scan/Or"),
        ]
        taken = either
    nodes += [
        ir.node("Where", [taken, following, best], outputs=[found], name="scan/Where"),
        ir.node("Where", [taken, place, where], outputs=[at], name="scan/Where_at"),
        ir.node("Constant", [], {"value": ir.tensor(np.array(1))}, outputs=[step], name="scan/Constant"),
        ir.node("Add", [place, step], outputs=[after], name="scan/Add"),
        ir.node("Identity", [found], outputs=[copy], name="scan/Identity"),
        ir.node("Identity", [at], outputs=[at_copy], name="scan/Identity_at"),
    ]
    return ir.Graph([best, where, place, following], [found, at, after, copy, at_copy], nodes=nodes, name="so_far")
