"""Sums and products of whole numbers, to the last digit, for onnxruntime adds and multiplies up in float64; quotients.

Running products, which ONNX has not, of every dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnxscript.function_libs.torch_lib.ops import core

from graphspec.exporting.onnx.translations.values import cast, constant, op, rank, size, without

#: Of these, as many as an axis can hold have a sum that float64 holds too.
_SMALL = (ir.DataType.BOOL, ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.INT32)
#: What torch multiplies up in on the CPU (`at::acc_type`).
_ACCUMULATED = {ir.DataType.FLOAT: ir.DataType.DOUBLE, ir.DataType.FLOAT16: ir.DataType.FLOAT}


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten.sum.dim_IntList: _sum, aten.prod.dim_int: _product, aten.cumprod.default: _running_product,
        aten.floor_divide.Scalar: _floor_divide,
    }  # fmt: skip


def _floor_divide(values: Any, other: float) -> Any:
    """By a number with a fraction, as torch keeps it of whole numbers alone: what it gives is a float."""
    values = values if values.dtype.is_floating_point() else cast(values, ir.DataType.FLOAT)
    return core.aten_floor_divide(values, constant(other, values.dtype.numpy()))


def _sum(values: Any, dim: Any = None, keepdim: bool = False, dtype: int = -1) -> Any:
    """One product with ones for each dim: integer products are added up as integers."""
    values = cast(values, dtype)
    if values.dtype != ir.DataType.INT64 or _small(values) or not dim:
        return core.aten_sum_dim_IntList(values, dim, keepdim=keepdim)
    count = rank(values)
    axes = sorted(axis % count for axis in dim)
    order = [axis for axis in range(count) if axis not in axes] + axes
    total = op.Transpose(values, perm=order)
    for axis in reversed(axes):
        one = ir.tensor(np.array([1]))
        total = op.MatMul(total, op.ConstantOfShape(op.Reshape(size(values, axis), constant([1], np.int64)), value=one))
    return op.Unsqueeze(total, constant(axes, np.int64)) if keepdim else total


def _small(values: Any) -> bool:
    """Whether the numbers were made int64 from fewer bits."""
    maker = values.producer()
    return maker is not None and maker.op_type == "Cast" and maker.inputs[0].dtype in _SMALL


def _product(values: Any, dim: int, keepdim: bool = False, dtype: int = -1) -> Any:
    """One factor after another."""
    values = cast(values, dtype)
    if values.dtype is None or not values.dtype.is_integer():
        return core.aten_prod_dim_int(values, dim, keepdim=keepdim)
    count = rank(values)
    axis = dim % count
    one = ir.tensor(np.array([1], dtype=values.dtype.numpy()))
    body = _multiply(values.dtype, count - 1)
    start = op.ConstantOfShape(without(values, axis), value=one)
    product = op.Scan(start, values, body=body, num_scan_inputs=1, scan_input_axes=[axis])
    return op.Unsqueeze(product, constant([axis], np.int64)) if keepdim else product


def _running_product(values: Any, dim: int, *, dtype: int = -1) -> Any:
    """One factor after another, and each product kept, in the dtypes that torch takes for it."""
    values = cast(values, dtype)
    if dtype in (-1, None) and not values.dtype.is_floating_point():
        values = cast(values, ir.DataType.INT64)
    result, wide = values.dtype, _ACCUMULATED.get(values.dtype, values.dtype)
    values = cast(values, wide) if wide != result else values
    count = rank(values)
    if not count:
        return op.Identity(values)
    axis = dim % count
    one = ir.tensor(np.array([1], dtype=values.dtype.numpy()))
    start = op.ConstantOfShape(without(values, axis), value=one)
    body = _multiply(values.dtype, count - 1, kept=True)
    places = {"num_scan_inputs": 1, "scan_input_axes": [axis], "scan_output_axes": [axis]}
    products = _second(op.Scan(start, values, body=body, **places))
    return op.Cast(products, to=result) if wide != result else products


def _second(first: Any) -> Any:
    """The second output of a node, of which onnxscript makes one."""
    node = first.producer()
    node.resize_outputs(2)
    return node.outputs[1]


def _multiply(dtype: ir.DataType, count: int, kept: bool = False) -> ir.Graph:
    """The body of the loop, of values of `count` dims: so far × the next; and the same as what is `kept`."""
    shape = [f"scan/{k}" for k in range(count)]
    so_far, factor, product, copy = (
        ir.Value(name=f"scan/{name}", type=ir.TensorType(dtype), shape=ir.Shape(shape))
        for name in ("so_far", "factor", "product", "kept")
    )
    nodes = [ir.node("Mul", [so_far, factor], outputs=[product], name="scan/Mul")]
    if kept:
        nodes.append(ir.node("Identity", [product], outputs=[copy], name="scan/Identity"))
    return ir.Graph([so_far, factor], [product, copy] if kept else [product], nodes=nodes, name="multiply")
