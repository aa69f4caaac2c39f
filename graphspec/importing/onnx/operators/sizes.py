"""Sizes, and tensors made from them. Numbers computed from sizes become expressions of the spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from graphspec.importing.onnx.operators.elementwise import dtype_of
from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import Filled, as_list, is_host

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

#: So many whole numbers computed from sizes are a shape, and no tensor.
_MOST_HOST = 16


@operator("Shape")
def shape(call: Call) -> Any:
    """The sizes of its input as numbers with their formulas, from ``start`` to ``end``."""
    value = call.value(0)
    if isinstance(value, Filled):
        sizes = list(value.shape)
    elif is_host(value):
        sizes = [len(value)] if isinstance(value, list) else []
    else:
        sizes = list(call.tensor().shape)
    end = call.attribute("end")
    return sizes[call.attribute("start", 0) : end]


@operator("Size")
def size(call: Call) -> Any:
    """How many numbers its input has, as a formula of its sizes."""
    found: Any = 1
    for each in call.tensor().shape:
        found = each * found if found != 1 else each
    return found


@operator("ConstantOfShape")
def constant_of_shape(call: Call) -> Any:
    """One value in a shape, kept as that; a short list of whole numbers becomes sizes."""
    from graphspec.importing.onnx.file import tensor_of

    given = call.attribute("value")
    number = tensor_of(given) if given is not None else torch.zeros(1)
    sizes = as_list(call.host(0))
    if len(sizes) == 1 and not number.is_floating_point() and int(sizes[0]) <= _MOST_HOST and type(sizes[0]) is int:
        return [number.item()] * sizes[0]
    return Filled(sizes, number.item(), number.dtype)


@operator("Range")
def range_(call: Call) -> Any:
    """``arange``. Refused where its ends are computed from the numbers of a tensor."""
    start, end, step = (call.number(n) for n in range(3))
    if start is None or end is None or step is None:
        raise call.refuse("its ends are computed from the numbers of a tensor")
    return torch.arange(start, end, step)


@operator("EyeLike")
def eye(call: Call) -> Any:
    """``eye`` of the size of its input, a matrix."""
    dtype = dtype_of(call, "dtype", 1)
    rows, columns = (int(each) for each in call.tensor().shape)
    return torch.eye(rows, columns, dtype=dtype)


@operator("If")
def if_(call: Call) -> Any:
    """A branch on sizes: the one that is taken at these. Another size that takes the other is found by the proof."""
    taken = call.host(0)
    branch = call.attribute("then_branch" if (any(taken) if isinstance(taken, list) else taken) else "else_branch")
    values = dict(call.values)
    call.network.run(branch.nodes, values)
    constants = call.network.constants
    return tuple(call.network.tensor(name) if name in constants else values[name] for name in branch.outputs)


@operator("Identity")
def identity(call: Call) -> Any:
    """Inside a branch."""
    return call.value(0) if call.constant(0) is None else call.tensor()
