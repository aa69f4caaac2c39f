"""Where elements stand: shapes, joins, cuts, selections. Lists of sizes are joined and cut as lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphspec.importing.onnx.operators.layers import embedded
from graphspec.importing.onnx.operators.reductions import axes_of
from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import Filled, as_list, is_host

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

#: An end beyond this is the end of the dim.
_NO_END = 2**31 - 1


@operator("Reshape")
def reshape(call: Call) -> Any:
    """``reshape``, in which a size of 0 is the input's own at that place, unless ``allowzero``."""
    sizes = as_list(call.host(1))
    value = call.value(0)
    if is_host(value):
        return as_list(value) if len(sizes) == 1 else value
    if isinstance(value, Filled) and all(s not in (0, -1) for s in sizes):
        return Filled(sizes, value.value, value.dtype)
    x = call.tensor()
    if not call.attribute("allowzero", 0):
        sizes = [x.shape[n] if type(size) is int and size == 0 else size for n, size in enumerate(sizes)]
    return x.reshape(sizes)


@operator("Flatten")
def flatten(call: Call) -> Tensor:
    """Two dims: those before ``axis`` and those from it on."""
    x = call.tensor()
    axis = call.attribute("axis", 1)
    axis = axis + x.dim() if axis < 0 else axis
    if axis == 0:
        return x.reshape(1, -1)
    if axis > 1:
        x = torch.flatten(x, 0, axis - 1)
    return x.unsqueeze(1) if x.dim() == 1 else torch.flatten(x, 1) if x.dim() > 2 else x


@operator("Transpose")
def transpose(call: Call) -> Any:
    """``permute``, by default all dims reversed."""
    value = call.value(0)
    if isinstance(value, Filled):
        order = call.attribute("perm", list(reversed(range(len(value.shape)))))
        return Filled([value.shape[n] for n in order], value.value, value.dtype)
    x = call.tensor()
    order = call.attribute("perm", list(reversed(range(x.dim()))))
    return x if order == sorted(order) else x.permute(order)


@operator("Squeeze")
def squeeze(call: Call) -> Any:
    """Without the dims of size 1 at ``axes``, by default all of them."""
    value = call.value(0)
    if is_host(value):
        return as_list(value)[0]
    if isinstance(value, Filled):
        rank = len(value.shape)
        dims = (
            axes_of(call, rank)
            if call.has(1) or call.attribute("axes")
            else [n for n in range(rank) if value.shape[n] == 1]
        )
        return Filled([size for n, size in enumerate(value.shape) if n not in dims], value.value, value.dtype)
    x = call.tensor()
    given = call.has(1) or call.attribute("axes")
    dims = axes_of(call, x.dim()) if given else [n for n in range(x.dim()) if x.shape[n] == 1]
    for dim in sorted(dims, reverse=True):
        x = x.squeeze(dim)
    return x


@operator("Unsqueeze")
def unsqueeze(call: Call) -> Any:
    """With new dims of size 1 at ``axes``, counted in the result."""
    axes = call.attribute("axes") or as_list(call.host(1))
    value = call.value(0)
    if is_host(value) and not isinstance(value, list):
        return [value]
    if isinstance(value, Filled):
        shape = list(value.shape)
        for axis in sorted(axis % (len(shape) + len(axes)) for axis in axes):
            shape.insert(axis, 1)
        return Filled(shape, value.value, value.dtype)
    x = call.tensor()
    for dim in sorted(int(axis) % (x.dim() + len(axes)) for axis in axes):
        x = x.unsqueeze(dim)
    return x


@operator("Concat")
def concat(call: Call) -> Any:
    """``cat`` along ``axis``; of sizes one list."""
    count = len(call.node.inputs)
    values = [call.value(n) for n in range(count)]
    if any(map(is_host, values)) and all(is_host(v) or call.constant(n) is not None for n, v in enumerate(values)):
        return [item for n in range(count) for item in as_list(call.host(n))]
    tensors = [call.tensor(n) for n in range(count)]
    return torch.cat(tensors, call.attribute("axis")) if count > 1 else tensors[0]


@operator("Split")
def split(call: Call) -> Any:
    """``split`` along ``axis`` by sizes, or into equal parts, the last of which may be smaller."""
    axis = call.attribute("axis", 0)
    sizes = call.attribute("split") or call.maybe_host(1)
    count = call.attribute("num_outputs") or len(call.node.outputs)
    value = call.value(0)
    if is_host(value):
        items = as_list(value)
        sizes = sizes or [len(items) // count] * count
        ends = [sum(sizes[: n + 1]) for n in range(count)]
        return tuple(items[end - size : end] for size, end in zip(sizes, ends, strict=True))
    x = call.tensor()
    if not sizes:
        whole = x.shape[axis]
        part = -(-int(whole) // count)
        if part * count == whole:
            return tuple(torch.chunk(x, count, axis))
        sizes = [part] * (count - 1) + [int(whole) - part * (count - 1)]
    return tuple(torch.split(x, list(sizes), axis))


@operator("Slice")
def slice_(call: Call) -> Any:
    """From ``starts`` to ``ends`` in ``steps`` along ``axes``. Refused where it steps back by more than 1."""
    starts, ends = (as_list(call.host(n)) for n in (1, 2))
    value = call.value(0)
    if is_host(value):
        (start,), (end,) = starts, ends
        step = as_list(call.host(4))[0] if call.has(4) else 1
        return as_list(value)[_cut(start, end, step)]
    axes = as_list(call.host(3)) if call.has(3) else list(range(len(starts)))
    steps = as_list(call.host(4)) if call.has(4) else [1] * len(starts)
    if isinstance(value, Filled) and all(type(value.shape[axis]) is int for axis in axes):
        shape = list(value.shape)
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            shape[axis] = len(range(*_cut(start, end, step).indices(shape[axis])))
        return Filled(shape, value.value, value.dtype)
    x = call.tensor()
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        dim = axis % x.dim()
        if step < 0:
            if step != -1 or end > -_NO_END or (start != -1 and start < x.shape[dim] - 1):
                raise call.refuse(f"it steps back by {-step}")
            x = torch.flip(x, [dim])
            continue
        cut = _cut(start, end, step)
        if cut != slice(0, None, 1):
            x = x[(*[slice(None)] * dim, cut)]
    return x


def _cut(start: Any, end: Any, step: Any) -> slice:
    if step < 0:
        return slice(None if start >= _NO_END else start, None if end <= -_NO_END else end, step)
    return slice(start, None if type(end) is int and end >= _NO_END else end, step)


@operator("Gather")
def gather(call: Call) -> Any:
    """Chosen along ``axis``: Embedding for rows of a constant table, else ``index_select``; below 0 from the end."""
    axis, value = call.attribute("axis", 0), call.value(0)
    table, index = call.constant(0), call.constant(1)
    if is_host(value):
        chosen = call.host(1)
        items = as_list(value)
        return [items[n] for n in chosen] if isinstance(chosen, list) else items[chosen]
    if table is not None and table.dim() == 2 and axis == 0 and index is None and table.is_floating_point():
        return embedded(call, table, call.tensor(1))
    x = call.tensor()
    axis %= x.dim()
    number = call.host(1) if (index is not None and index.dim() == 0) or is_host(call.value(1)) else None
    if number is not None and not isinstance(number, list):
        return x.select(axis, number)
    ids = call.tensor(1)
    if index is not None and bool((index < 0).any()):
        ids = torch.where(index < 0, index + int(x.shape[axis]), index)
    if ids.dim() == 1:
        return x.index_select(axis, ids)
    shape = [*x.shape[:axis], *ids.shape, *x.shape[axis + 1 :]]
    return x.index_select(axis, ids.flatten()).reshape(shape)


@operator("GatherElements")
def gather_elements(call: Call) -> Tensor:
    """``gather`` along ``axis``."""
    return torch.gather(call.tensor(), call.attribute("axis", 0), call.tensor(1))


@operator("Expand")
def expand(call: Call) -> Any:
    """``expand`` to a shape; a dim that is greater than the shape's stays."""
    sizes = as_list(call.host(1))
    value = call.value(0)
    if isinstance(value, Tensor) and value.numel() == 1 and call.constant(0) is not None and value.dim() <= len(sizes):
        return Filled(sizes, value.item(), value.dtype)
    x = call.tensor()
    extra = x.dim() - len(sizes)
    sizes = [1] * extra + sizes
    wanted = []
    for n, size in enumerate(sizes):
        own = x.shape[n - (len(sizes) - x.dim())] if n >= len(sizes) - x.dim() else None
        wanted.append(-1 if own is not None and (size in (1, -1) or (own == size and own != 1)) else size)
    return x if all(size == -1 for size in wanted) else x.expand(wanted)


@operator("Tile")
def tile(call: Call) -> Tensor:
    """``repeat``, a count a dim."""
    return call.tensor().repeat(as_list(call.host(1)))


@operator("Pad")
def pad(call: Call) -> Tensor:
    """``pad`` at both ends of ``axes``: constant, reflect, replicate, circular. Refused where the value is computed."""
    x, mode = call.tensor(), call.attribute("mode", "constant")
    pads = as_list(call.host(1)) if call.has(1) else call.attribute("pads")
    axes = [axis % x.dim() for axis in as_list(call.host(3))] if call.has(3) else list(range(x.dim()))
    before, after = dict(zip(axes, pads[: len(axes)], strict=True)), dict(zip(axes, pads[len(axes) :], strict=True))
    flat: list[Any] = []
    for dim in reversed(range(x.dim())):
        flat += [before.get(dim, 0), after.get(dim, 0)]
    while flat and all(type(size) is int and size == 0 for size in flat[-2:]):
        flat = flat[:-2]
    if not flat:
        return x
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    if mode == "constant":
        value = call.number(2) if call.has(2) else 0.0
        if value is None:
            raise call.refuse("it pads by what is computed")
        return F.pad(x, flat, "constant", value)
    if len(flat) < 2 * (x.dim() - 2):
        flat += [0] * (2 * (x.dim() - 2) - len(flat))
    return F.pad(x, flat, modes[mode])


@operator("Trilu")
def trilu(call: Call) -> Tensor:
    """``triu`` or ``tril`` from the diagonal ``k`` on."""
    k = int(as_list(call.host(1))[0]) if call.has(1) else 0
    return torch.triu(call.tensor(), k) if call.attribute("upper", 1) else torch.tril(call.tensor(), k)
