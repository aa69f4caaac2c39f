"""Powers: of whole numbers by multiplication, as torch has them, where onnxruntime goes by way of float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from graphspec.exporting.onnx.translations.values import cast, constant, op

#: By the bits of a whole number: the dtype that powers are computed in, and the squarings until an exponent is 0.
_WIDE = {8: (ir.DataType.INT32, 8), 16: (ir.DataType.INT32, 16), 32: (ir.DataType.INT32, 31)}
_WIDEST = (ir.DataType.INT64, 63)


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {aten.pow.Tensor_Tensor: _pow, aten.pow.Tensor_Scalar: _pow_by_number}


def _pow(base: Any, exponent: Any) -> Any:
    dtype = _promoted(base.dtype, exponent.dtype)
    if not dtype.is_integer():
        if not base.dtype.is_floating_point() or exponent.dtype.is_floating_point():
            base, exponent = cast(base, dtype), cast(exponent, dtype)
        return op.Pow(base, exponent)
    wide, rounds = _WIDE.get(dtype.bitwidth, _WIDEST)
    base, exponent = cast(base, wide), cast(exponent, wide)
    zero, one, odd = (_number(value, wide) for value in (0, 1, 2))
    power = _multiplied(base, op.Max(exponent, zero), wide, rounds)
    if dtype.is_signed():
        units = op.Where(op.Equal(op.Mod(exponent, odd), zero), op.Mul(base, base), base)  # of 1 and −1
        inverse = op.Where(op.Equal(op.Mul(base, base), one), units, zero)
        power = op.Where(op.Less(exponent, zero), inverse, power)
    return op.Cast(power, to=dtype) if dtype != wide else power


def _pow_by_number(base: Any, exponent: float) -> Any:
    """A few products; torch refuses exponents of whole numbers below 0."""
    whole = base.dtype.is_integer() or base.dtype == ir.DataType.BOOL
    if not whole or not isinstance(exponent, int):
        dtype = ir.DataType.FLOAT if whole else base.dtype
        return op.Pow(cast(base, dtype), ir.tensor(exponent, dtype=dtype))
    dtype = base.dtype if base.dtype.is_integer() else ir.DataType.INT64
    wide, _ = _WIDE.get(dtype.bitwidth, _WIDEST)
    square, power = cast(base, wide), None
    for bit in reversed(f"{exponent:b}"):
        if bit == "1":
            power = square if power is None else op.Mul(power, square)
        square = op.Mul(square, square)
    if power is None:
        power = op.Add(op.Mul(square, _number(0, wide)), _number(1, wide))
    return op.Cast(power, to=dtype) if dtype != wide else power


def _promoted(one: ir.DataType, other: ir.DataType) -> ir.DataType:
    from onnx_ir.tensor_adapters import from_torch_dtype, to_torch_dtype

    return from_torch_dtype(torch.promote_types(to_torch_dtype(one), to_torch_dtype(other)))


def _number(value: int, dtype: ir.DataType) -> Any:
    return constant(value, dtype.numpy())


def _multiplied(base: Any, exponent: Any, dtype: ir.DataType, rounds: int) -> Any:
    """Square and multiply, for each bit of the exponent; the loop keeps power, square and what is left in one value."""
    ones = op.Add(op.Mul(op.Add(base, exponent), _number(0, dtype)), _number(1, dtype))
    first = constant([0], np.int64)
    values = (op.Unsqueeze(value, first) for value in (ones, op.Mul(base, ones), op.Mul(exponent, ones)))
    bits = constant(np.zeros(rounds), np.int64)
    state = op.Scan(op.Concat(*values, axis=0), bits, body=_round(dtype), num_scan_inputs=1)
    return op.Gather(state, constant(0, np.int64), axis=0)


def _round(dtype: ir.DataType) -> ir.Graph:
    """The body of the loop: the power so far, times the square where the exponent is odd; the next square."""
    kind = ir.TensorType(dtype)
    nodes = []

    def step(operator: str, *inputs: ir.Value, name: str, **attributes: Any) -> ir.Value:
        result = ir.Value(name=f"pow/{name}", type=kind)
        nodes.append(ir.node(operator, list(inputs), attributes, outputs=[result], name=f"pow/{name}"))
        return result

    state = ir.Value(name="pow/state", type=kind)
    bit = ir.Value(name="pow/bit", type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([]))
    one, two = (
        step("Constant", name=name, value=ir.tensor(np.array([k], dtype.numpy())))
        for name, k in (("one", 1), ("two", 2))
    )
    places = [ir.Value(name=f"pow/place_{k}", type=ir.TensorType(ir.DataType.INT64)) for k in range(3)]
    nodes += [
        ir.node("Constant", [], {"value": ir.tensor(np.array([k]))}, outputs=[place], name=place.name)
        for k, place in enumerate(places)
    ]
    power, square, left = (step("Gather", state, place, name=f"state_{k}", axis=0) for k, place in enumerate(places))
    odd = step("Mod", left, two, name="odd")
    factor = step("Add", step("Mul", odd, step("Sub", square, one, name="less"), name="taken"), one, name="factor")
    after = step(
        "Concat", step("Mul", power, factor, name="power"), step("Mul", square, square, name="square"),
        step("Div", left, two, name="left"), name="next", axis=0,
    )  # fmt: skip
    return ir.Graph([state, bit], [after], nodes=nodes, name="multiply")
