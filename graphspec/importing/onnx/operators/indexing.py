"""Numbers put where indices name, and rows of ones and zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import as_list, short

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call


@operator("ScatterElements")
def scatter_elements(call: Call) -> Tensor:
    """``scatter``, or ``scatter_add`` where values are added up; refused where they are multiplied or compared."""
    reduction, axis = call.attribute("reduction", "none"), call.attribute("axis", 0)
    x, index, updates = (call.tensor(place) for place in range(3))
    if reduction == "add":
        return torch.scatter_add(x, axis, index.long(), updates)
    if reduction != "none":
        raise call.refuse(f"its reduction is {reduction}")
    return torch.scatter(x, axis, index.long(), updates)


@operator("OneHot")
def one_hot(call: Call) -> Tensor:
    """``one_hot`` of so many classes along ``axis``, other numbers than 0 and 1 by a factor. Ids are not below 0."""
    ids, values = call.tensor(), call.constant(2)
    if values is None:
        raise call.refuse("its values are computed")
    found = F.one_hot(ids.long(), int(as_list(call.host(1))[0])).to(values.dtype)
    axis = call.attribute("axis", -1)
    if axis not in (-1, ids.dim()):
        found = found.movedim(-1, axis)
    off, on = values.tolist()
    if values.dtype.is_floating_point:
        off, on = short(off), short(on)
    found = found if on - off == 1 else found * (on - off)
    return found if off == 0 else found + off


@operator("Hardmax")
def hardmax(call: Call) -> Tensor:
    """1 at the greatest along ``axis``, the first of equal ones, and 0 elsewhere."""
    x, axis = call.tensor(), call.attribute("axis", -1)
    found = F.one_hot(x.argmax(axis), x.shape[axis]).to(x.dtype)
    return found if axis in (-1, x.dim() - 1) else found.movedim(-1, axis)
