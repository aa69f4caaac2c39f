"""Reductions, and what goes along one dim."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import as_list, is_host

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call


def axes_of(call: Call, rank: int, place: int = 1) -> list[int]:
    """The dims, which are an attribute or, in newer opsets, an input; all of them where none is given."""
    axes = call.attribute("axes")
    if axes is None and call.has(place):
        axes = as_list(call.host(place))
    if not axes:
        return [] if call.attribute("noop_with_empty_axes", 0) else list(range(rank))
    return [int(axis) % rank for axis in axes]


@operator(
    "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
    "ReduceLogSum", "ReduceLogSumExp",
)  # fmt: skip
def reduce(call: Call) -> Any:
    """Mean, sum, extreme, product or norm over ``axes``, which stay as 1 with ``keepdims``; all of them by default."""
    kind = call.node.op.removeprefix("Reduce")
    value = call.value(0)
    if is_host(value):
        return _host(call, kind, as_list(value))
    x = call.tensor()
    dims, keep = axes_of(call, x.dim()), bool(call.attribute("keepdims", 1))
    if not dims:
        return x
    if kind in ("Mean", "Sum", "Max", "Min"):
        functions: dict[str, Any] = {"Mean": torch.mean, "Sum": torch.sum, "Max": torch.amax, "Min": torch.amin}
        return functions[kind](x, dims, keep)
    if kind == "Prod":
        for dim in sorted(dims, reverse=True):
            x = torch.prod(x, dim, keep)
        return x
    if kind == "L2":
        return torch.norm(x, 2.0, dims, keep)
    if kind == "LogSum":
        return torch.log(torch.sum(x, dims, keep))
    if kind == "LogSumExp":
        return torch.log(torch.sum(torch.exp(x), dims, keep))
    return torch.sum(torch.abs(x) if kind == "L1" else x * x, dims, keep)


def _host(call: Call, kind: str, items: list[Any]) -> Any:
    functions: dict[str, Any] = {"Prod": math.prod, "Sum": sum, "Max": max, "Min": min}
    if kind not in functions:
        raise call.refuse("of sizes")
    found: Any = 1
    if kind == "Prod":
        for item in items:
            found = item * found if found != 1 else item
    else:
        found = functions[kind](items)
    return [found] if call.attribute("keepdims", 1) else found


@operator("ArgMax", "ArgMin")
def arg(call: Call) -> Tensor:
    """``argmax`` or ``argmin`` along ``axis``. Refused where the last of equal ones is wanted."""
    if call.attribute("select_last_index", 0):
        raise call.refuse("it takes the last of equal ones")
    function = torch.argmax if call.node.op == "ArgMax" else torch.argmin
    return function(call.tensor(), call.attribute("axis", 0), bool(call.attribute("keepdims", 1)))


@operator("Softmax", "LogSoftmax")
def softmax(call: Call) -> Tensor:
    """Softmax or LogSoftmax along ``axis``, as ONNX has it since opset 13."""
    axis = call.attribute("axis", -1)
    kind = nn.Softmax if call.node.op == "Softmax" else nn.LogSoftmax
    return call.layer(lambda: kind(axis))(call.tensor())


@operator("CumSum", "CumProd")
def cumulated(call: Call) -> Tensor:
    """``cumsum`` or ``cumprod`` along an axis. Refused where it is exclusive or in reverse."""
    if call.attribute("exclusive", 0) or call.attribute("reverse", 0):
        raise call.refuse("it is exclusive or in reverse")
    function = torch.cumsum if call.node.op == "CumSum" else torch.cumprod
    return function(call.tensor(), int(as_list(call.host(1))[0]))


@operator("TopK")
def topk(call: Call) -> Any:
    """The ``k`` greatest or least along ``axis``: values and their places."""
    k = as_list(call.host(1))[0]
    largest, in_order = (bool(call.attribute(name, 1)) for name in ("largest", "sorted"))
    return tuple(torch.topk(call.tensor(), k, call.attribute("axis", -1), largest, in_order))
