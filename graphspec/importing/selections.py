"""``x[…]``, read and written: a chain of selections, a line each, and back again to write into what was selected."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from graphspec.importing.forward_pass import Value
from graphspec.importing.functions import RESHAPES, SAME
from graphspec.importing.pair import Pair
from graphspec.importing.spec_lines import Lines
from graphspec.importing.step import Step
from graphspec.ops.arguments import dtype_name

_WHOLE = (torch.int64, torch.int32)
#: What writes back into that of which each selects.
_BACK = {"slice": "slice_scatter", "select": "select_scatter", "unsqueeze": "squeeze", "index_select": "index_copy"}


@dataclasses.dataclass(frozen=True)
class Selection:
    """One step of a chain: a function of the vocabulary, with its arguments, and the shape that comes out."""

    kind: str
    args: Mapping[str, Any]
    shape: tuple[int, ...]
    sources: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    before: tuple[Step, ...] = ()  # lines that make what it takes besides


def indexed(lines: Lines, pair: Pair) -> Iterator[Step]:
    """``x[…]``."""
    (source, given), _ = pair.args()
    if _mask(given) is not None:
        raise lines.lacks(pair, "indexing by a mask")
    chain = _chain(lines, pair, source, given, pair.first.args[1])
    if not chain:
        lines.alias(pair)
        return
    yield from _selected(lines, pair, source, chain, pair.first.outputs[0])[0]


def _selected(
    lines: Lines, pair: Pair, source: Value, chain: Sequence[Selection], last: Value | None = None
) -> tuple[list[Step], list[Value]]:
    """The lines that select, and what each step of the chain gives, `source` first."""
    values: list[Value] = [source]
    steps: list[Step] = []
    for number, each in enumerate(chain):
        output = last if last and number == len(chain) - 1 else lines.inner(pair, source, each.shape)
        steps += each.before
        steps.append(lines.step(pair, each.kind, {"input": values[-1], **each.sources}, each.args, [("", output)]))
        values.append(output)
    return steps, values


def _chain(lines: Lines, pair: Pair, source: Value, given: Any, plain: Any) -> list[Selection]:
    """The selections that ``source[given]`` is; `plain` is `given` with the numbers of the first recording."""
    items, numbers = _items(given, source), _items(plain, source)
    chain: list[Selection] = []
    shape, dim = list(source.shape), 0
    second = lines.second.get(source, source).shape
    place = 0  # among the dims of source
    for item, known in zip(items, numbers, strict=True):
        if item is None:
            shape.insert(dim, 1)
            chain.append(Selection("unsqueeze", {"dim": dim}, tuple(shape)))
            dim += 1
            continue
        size, fixed = shape[dim], source.shape[place] == second[place]
        place += 1
        if isinstance(item, slice):
            start, stop, step = known.indices(size)
            if not (fixed and (start, stop, step) == (0, size, 1)) and known not in (slice(None), slice(0, None)):
                shape[dim] = len(range(start, stop, step))
                args = {"dim": dim, "start": item.start or 0, "end": item.stop, "step": item.step or 1}
                chain.append(Selection("slice", args, tuple(shape)))
            dim += 1
        elif isinstance(item, Value) and _names_places(item):
            chain += _by_tensor(lines, pair, item, dim, shape)
            dim += len(item.shape)
        elif isinstance(item, list) and all(type(number) is int for number in known):
            chain += _by_list(lines, pair, item, known, dim, shape, fixed)
            dim += 1
        elif isinstance(item, bool | list | Value):
            named = "a list" if isinstance(item, list) else "a bool"
            what = f"{len(item.shape)} dims of {item.dtype}" if isinstance(item, Value) else named
            raise lines.lacks(pair, f"indexing by {what}")
        else:
            del shape[dim]
            chain.append(Selection("select", {"dim": dim, "index": item}, tuple(shape)))
    return chain


def _names_places(item: Value) -> bool:
    known = item.dtype == torch.bool and item.data is not None and len(item.shape) == 1
    return known or (item.dtype in _WHOLE and bool(item.shape))


def _by_tensor(lines: Lines, pair: Pair, index: Value, dim: int, shape: list[int]) -> Iterator[Selection]:
    """The places that a tensor of indices names: of several dims they are taken in one row, and laid out behind."""
    if index.data is not None and index.dtype == torch.bool:
        places = index.data.nonzero().flatten()
        index = Value(tuple(places.shape), places.dtype, data=places)
    if len(index.shape) == 1:
        shape[dim] = index.shape[0]
        yield Selection("index_select", {"dim": dim}, tuple(shape), {"index": index})
        return
    count = math.prod(index.shape)
    before: tuple[Step, ...] = ()
    if index.data is not None:
        row = Value((count,), index.dtype, data=index.data.flatten())
    elif lines.second.get(index, index).shape == index.shape:
        row = lines.inner(pair, index, (count,))
        before = (lines.step(pair, "flatten", {"input": index}, {}, [("", row)]),)
    else:
        raise lines.lacks(pair, f"indexing by {len(index.shape)} dims of {index.dtype}")
    shape[dim] = count
    yield Selection("index_select", {"dim": dim}, tuple(shape), {"index": row}, before)
    shape[dim : dim + 1] = index.shape
    yield Selection("Unflatten", {"dim": dim, "unflattened_size": list(index.shape)}, tuple(shape))


def _by_list(
    lines: Lines, pair: Pair, item: list[Any], known: list[int], dim: int, shape: list[int], fixed: bool
) -> Iterator[Selection]:
    """The places that a list names: one of them is a slice, several are places of a size that is always the same."""
    size = shape[dim]
    if len(known) == 1:
        shape[dim] = 1
        end = None if known[0] == -1 else item[0] + 1
        yield Selection("slice", {"dim": dim, "start": item[0], "end": end, "step": 1}, tuple(shape))
        return
    if not fixed:
        raise lines.lacks(pair, "indexing an open dim by a list")
    places = torch.tensor([number % size for number in known])
    yield from _by_tensor(lines, pair, Value(tuple(places.shape), places.dtype, data=places), dim, shape)


def _items(given: Any, source: Value) -> list[Any]:
    """One item a dim of `source`, ``None`` for a new one."""
    items = list(given) if isinstance(given, tuple) else [given]
    used = sum(1 for item in items if item is not None and item is not Ellipsis)
    if not any(item is Ellipsis for item in items):
        items.append(Ellipsis)
    rest = [slice(None)] * (len(source.shape) - used)
    return list(itertools.chain.from_iterable(rest if item is Ellipsis else [item] for item in items))


def _mask(given: Any) -> Value | None:
    only = given[0] if isinstance(given, tuple) and len(given) == 1 else given
    is_mask = isinstance(only, Value) and only.dtype == torch.bool
    return only if is_mask and (only.data is None or len(only.shape) > 1) else None


def put(lines: Lines, pair: Pair) -> Iterator[Step]:
    """``x[…] = value``."""
    (target, given, value), _ = pair.args()
    mask = _mask(given)
    if mask is not None:
        if isinstance(value, Value):
            raise lines.lacks(pair, "assignment by a mask of several numbers")
        yield lines.function_of(pair, "masked_fill", {"input": target, "mask": mask, "value": value})
        return
    chain = _chain(lines, pair, target, given, pair.first.args[1])
    yield from _put(lines, pair, target, chain, value)


def put_by_indices(lines: Lines, pair: Pair) -> Iterator[Step]:
    """``index_put`` of one index tensor a dim, as ``x[…] = value``."""
    given = lines.bound(pair, ["input", "indices", "values", "accumulate"])
    items = tuple(slice(None) if item is None else item for item in given["indices"])
    if given.get("accumulate") or _mask(items) is not None or sum(isinstance(item, Value) for item in items) != 1:
        raise lines.lacks(pair)
    yield from _put(lines, pair, given["input"], _chain(lines, pair, given["input"], items, items), given["values"])


def _put(lines: Lines, pair: Pair, target: Value, chain: Sequence[Selection], value: Any) -> Iterator[Step]:
    """`target` with `value` where the chain selects."""
    steps, values = _selected(lines, pair, target, chain)
    place = values[-1]
    if not isinstance(value, Value):
        yield from steps
        steps = []
        filled = lines.inner(pair, place)
        yield lines.step(pair, "full_like", {"input": place}, {"fill_value": value}, [("", filled)])
        value = filled
    if value.dtype != target.dtype:
        cast = lines.inner(pair, target, value.shape)
        yield lines.step(pair, "to", {"input": value}, {"dtype": dtype_name(target.dtype)}, [("", cast)])
        value = cast
    shapes, whole = lines.shapes(value), lines.shapes(target)
    if value.shape != place.shape or (shapes[0] == shapes[1] and whole[0] != whole[1]):
        yield from steps
        steps = []
        wide = lines.inner(pair, place)
        yield lines.step(pair, "expand_as", {"input": value, "other": place}, {}, [("", wide)])
        value = wide
    yield from steps[:-1]
    if not chain:
        lines.alias(pair, value)
    for number in range(len(chain) - 1, -1, -1):
        each = chain[number]
        into = lines.inner(pair, values[number]) if number else pair.first.outputs[0]
        yield _back(lines, pair, each, values[number], value, into)
        value = into


def _back(lines: Lines, pair: Pair, each: Selection, target: Value, value: Value, into: Value) -> Step:
    kind = _BACK.get(each.kind)
    if kind is None:
        raise lines.lacks(pair, "assignment by an index of several dims")
    if kind == "squeeze":
        return lines.step(pair, kind, {"input": value}, each.args, [("", into)])
    source = "source" if kind == "index_copy" else "src"
    return lines.step(pair, kind, {"input": target, **each.sources, source: value}, each.args, [("", into)])


def written(lines: Lines, pair: Pair) -> Iterator[Step]:
    """What a tensor holds after a write into a view of it; see :mod:`graphspec.importing.views`."""
    (target, value, name, index, args, kwargs), _ = pair.args()
    plain = pair.first.args
    if name in SAME or name == "detach":
        lines.alias(pair, value)
    elif name in RESHAPES or name in ("flatten", "squeeze", "unsqueeze"):
        yield lines.reshape(pair, value)
    elif name == "permute":
        dims = args[1] if isinstance(args[1], tuple | list) else args[1:]
        order = [dim % len(dims) for dim in dims]
        yield lines.step(pair, "permute", {"input": value}, {"dims": [order.index(n) for n in range(len(order))]})
    elif name in ("transpose", "swapaxes", "swapdims"):
        yield lines.step(pair, "transpose", {"input": value}, {"dim0": args[1], "dim1": args[2]})
    elif name in ("T", "mT", "t"):
        rank = len(target.shape)
        yield lines.step(pair, "transpose", {"input": value}, {"dim0": rank - 2, "dim1": rank - 1})
    elif name == "getitem":
        yield from _put(lines, pair, target, _chain(lines, pair, target, args[1], plain[4][1]), value)
    elif name in ("select", "narrow", "unbind", "chunk", "split"):
        yield from _put(lines, pair, target, [_part(target, value, name, index, args, kwargs)], value)
    else:
        raise lines.lacks(pair, f"writing into a view that {name} gives")


def _part(target: Value, value: Value, name: str, index: Any, args: Any, kwargs: Any) -> Selection:
    """The part of `target` that a function other than indexing shows, as a selection."""
    place = {"select": 1, "narrow": 1, "unbind": 1}.get(name, 2)
    dim = kwargs.get("dim", args[place] if len(args) > place else 0) % len(target.shape)
    if name in ("select", "unbind"):
        at = index[0] if name == "unbind" else kwargs.get("index", args[2] if len(args) > 2 else 0)
        return Selection("select", {"dim": dim, "index": at}, value.shape)
    if name == "narrow":
        start, length = (kwargs.get(key, args[n] if len(args) > n else 0) for n, key in ((2, "start"), (3, "length")))
    else:
        sizes = args[1] if name == "split" else -(-target.shape[dim] // args[1])
        start = sum(sizes[: index[0]]) if isinstance(sizes, tuple | list) else sizes * index[0]
        length = value.shape[dim]
    return Selection("slice", {"dim": dim, "start": start, "end": start + length, "step": 1}, value.shape)
