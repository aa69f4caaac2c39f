"""Functions that are written in a way of their own: several lines, another function, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from graphspec.importing.bound import number
from graphspec.importing.composed import COMPOSED
from graphspec.importing.drop_path import drawn
from graphspec.importing.forward_pass import Value
from graphspec.importing.functions import FUNCTIONS
from graphspec.importing.pair import Pair
from graphspec.importing.selections import indexed, put, put_by_indices, written
from graphspec.importing.spec_lines import Lines, Special
from graphspec.importing.step import Step
from graphspec.ops.arguments import dtype_name


def _rdiv(lines: Lines, pair: Pair) -> Iterator[Step]:
    """number / x: what torch computes, a reciprocal and a product."""
    (source, dividend), _ = pair.args()
    inner = lines.inner(pair, pair.first.outputs[0], source.shape)
    yield lines.step(pair, "reciprocal", {"input": source}, {}, [("", inner)])
    yield lines.step(pair, "mul", {"input": inner}, {"other": dividend})


def _to(lines: Lines, pair: Pair) -> Iterator[Step]:
    """A conversion; to the dtype that it has already it is nothing."""
    source, output = next(pair.first.inputs()), pair.first.outputs[0]
    if source.dtype == output.dtype:
        lines.alias(pair)
        return
    yield lines.step(pair, "to", {"input": source}, {"dtype": dtype_name(output.dtype)})


def _transposed(lines: Lines, pair: Pair) -> Iterator[Step]:
    source = next(pair.first.inputs())
    rank = len(source.shape)
    yield lines.step(pair, "transpose", {"input": source}, {"dim0": rank - 2, "dim1": rank - 1})


def _squeeze(lines: Lines, pair: Pair) -> Iterator[Step]:
    args, kwargs = pair.args()
    if len(args) == 2 or "dim" in kwargs:
        yield lines.function(pair, *FUNCTIONS["squeeze"])
    else:
        yield lines.reshape(pair)


def _norm(lines: Lines, pair: Pair) -> Iterator[Step]:
    """``norm``, and ``linalg.vector_norm``, which it calls."""
    order = "ord" if pair.first.plain_name == "linalg_vector_norm" else "p"
    bound = lines.bound(pair, ["input", order, "dim", "keepdim", "[out]", "dtype"])
    p = bound.get(order)
    args = {
        "dim": _dims(bound.get("dim"), bound["input"]),
        "p": 2.0 if p in (None, "fro") else float(p),
        "keepdim": bound.get("keepdim", False),
    }
    yield lines.step(pair, "norm", {"input": bound["input"]}, args)


def _reduce(kind: str) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """Along one dim, several, or all."""
        given = lines.bound(pair, ["input", "dim", "keepdim", "dtype"])
        dims = _dims(given.get("dim"), given["input"])
        given["dim"] = dims[0] if len(dims) == 1 else dims
        yield lines.function_of(pair, kind, given)

    return lower


def _dims(dim: Any, source: Value) -> list[Any]:
    """The dims of a reduction as a list; all of them where none is named."""
    if dim is None or dim == [] or dim == ():
        return list(range(len(source.shape)))
    return list(dim) if isinstance(dim, tuple | list) else [dim]


def _rsub(lines: Lines, pair: Pair) -> Iterator[Step]:
    """number - x: the same bits as -x + number."""
    (source, minuend), _ = pair.args()
    if isinstance(minuend, Value):
        raise lines.lacks(pair)
    inner = lines.inner(pair, pair.first.outputs[0], source.shape)
    yield lines.step(pair, "neg", {"input": source}, {}, [("", inner)])
    yield lines.step(pair, "add", {"input": inner}, {"other": minuend})


def _cat(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Of one value it is that value."""
    tensors = lines.bound(pair, FUNCTIONS["cat"][1])["tensors"]
    if len(tensors) == 1:
        lines.alias(pair, tensors[0])
        return
    yield lines.function(pair, *FUNCTIONS["cat"])


def _hstack(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Along the second dim; along the only one of vectors."""
    tensors = lines.bound(pair, ["tensors"])["tensors"]
    yield lines.function_of(pair, "cat", {"tensors": list(tensors), "dim": min(1, len(tensors[0].shape) - 1)})


def _pad(lines: Lines, pair: Pair) -> Iterator[Step]:
    """By nothing it is its input."""
    if not any(lines.bound(pair, FUNCTIONS["pad"][1])["pad"]):
        lines.alias(pair)
        return
    yield lines.function(pair, *FUNCTIONS["pad"])


def _interpolate(lines: Lines, pair: Pair) -> Iterator[Step]:
    """To a size a function, by a factor the layer Upsample."""
    bound = lines.bound(pair, FUNCTIONS["interpolate"][1])
    size = bound.get("size")
    if size is not None and not isinstance(size, tuple | list):  # one for all dims
        bound["size"] = [size] * (len(bound["input"].shape) - 2)
    if bound.get("scale_factor") is None or bound.get("antialias"):
        yield lines.function_of(pair, "interpolate", bound)
        return
    source = bound.pop("input")
    yield lines.step(pair, "Upsample", {"input": source}, {k: v for k, v in bound.items() if v not in (None, False)})


def _repeat(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Dims of size 1 many times are expanded, which copies nothing."""
    given = lines.bound(pair, ["input", "*repeats"])
    source, counts = given["input"], given["repeats"]
    extra = len(counts) - len(source.shape)
    sizes = [(1, 1)] * extra + list(zip(*lines.shapes(source), strict=True))
    if all(count == 1 or size == (1, 1) for count, size in zip(counts, sizes, strict=True)):
        size = [-1 if n >= extra and count == 1 else count for n, count in enumerate(counts)]
        yield lines.step(pair, "expand", {"input": source}, {"size": size})
    else:
        yield lines.function_of(pair, "repeat", given)


def _copy(lines: Lines, pair: Pair) -> Iterator[Step]:
    """``x.copy_(y)`` is y, in the shape and dtype of x."""
    target, source = list(pair.first.inputs())[:2]
    output = pair.first.outputs[0]
    if source.dtype != target.dtype:
        cast = lines.inner(pair, output, source.shape)
        yield lines.step(pair, "to", {"input": source}, {"dtype": dtype_name(target.dtype)}, [("", cast)])
        source = cast
    if lines.shapes(source) == lines.shapes(target):
        lines.alias(pair, source)
    else:
        call = target.origin
        like = next(call.inputs()) if call and call.plain_name == "empty_like" else target
        yield lines.step(pair, "expand_as", {"input": source, "other": like}, {})


def _filled(lines: Lines, pair: Pair) -> Iterator[Step]:
    """``x.zero_()`` and ``x.fill_(number)``, where the size is not the same for all."""
    args, _ = pair.args()
    value = args[1] if len(args) > 1 else 0
    yield lines.function_of(pair, "full_like", {"input": args[0], "fill_value": value})


def _clamp(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Between numbers a function, between tensors the greater of two and the smaller of two."""
    kind, parameters = FUNCTIONS[pair.first.plain_name]
    given = lines.bound(pair, parameters)
    limits = [
        (name, given[key]) for name, key in (("maximum", "min"), ("minimum", "max")) if given.get(key) is not None
    ]
    if not any(isinstance(limit, Value) and number(limit) is None for _, limit in limits):
        yield lines.function(pair, kind, parameters)
        return
    source, output = given["input"], pair.first.outputs[0]
    for name, limit in limits:
        shapes = {lines.shapes(value) for value in (given["input"], limit, output)}
        into = output if name == limits[-1][0] else lines.inner(pair, output)
        yield lines.step(pair, name, {"input": source, "other": limit}, {"broadcast": len(shapes) > 1}, [("", into)])
        source = into


def _extreme(kind: str) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """``max`` of two tensors, along a dim, or of all numbers."""
        args, kwargs = pair.args()
        if len(args) > 1 and isinstance(args[1], Value):
            yield lines.function(pair, {"max": "maximum", "min": "minimum"}[kind], ["input", "other"])
        elif len(args) > 1 or "dim" in kwargs:
            yield lines.function(pair, kind, ["input", "dim", "keepdim"])
        else:
            yield lines.step(pair, f"a{kind}", {"input": args[0]}, {"dim": list(range(len(args[0].shape)))})

    return lower


def _moved(lines: Lines, pair: Pair) -> Iterator[Step]:
    """``movedim``, as the order of dims that comes out."""
    given = lines.bound(pair, ["input", "source", "destination"])
    rank = len(given["input"].shape)
    source, destination = (
        [dim % rank for dim in ([dims] if isinstance(dims, int) else dims)]
        for dims in (given["source"], given["destination"])
    )
    order = [dim for dim in range(rank) if dim not in source]
    for to, of in sorted(zip(destination, source, strict=True)):
        order.insert(to, of)
    yield lines.step(pair, "permute", {"input": given["input"]}, {"dims": order})


def _variance(kind: str) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """By its older parameters too."""
        names = ["input", "dim", "unbiased", "keepdim"]
        args, _ = pair.args()
        if len(args) > 1 and isinstance(args[1], bool):
            names.remove("dim")
        given = lines.bound(pair, [*names, "correction"])
        more = {"dim": _dims(given.get("dim"), given["input"]), "keepdim": given.get("keepdim", False)}
        more["correction"] = given.get("correction", int(given.get("unbiased", True)))
        yield lines.step(pair, kind, {"input": given["input"]}, more)

    return lower


def _from_sizes(kind: str) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """``zeros(2, 3)`` and ``zeros((2, 3))``, ``x.new_zeros(2, 3)``; what is empty may as well be zeros."""
        yield lines.function(pair, kind, [*(["input"] if kind.startswith("new_") else []), "*size", "dtype"])

    return lower


def _empty_like(lines: Lines, pair: Pair) -> Iterator[Step]:
    yield lines.function_of(pair, "zeros_like", lines.bound(pair, ["input", "dtype"]))


def _arange(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Of one number up to it, of two from the first to the second."""
    count = len(pair.first.args)
    names = ["end"] if count == 1 else ["start", "end", "step"]
    yield lines.function(pair, "arange", [*names, "dtype"])


def _not(lines: Lines, pair: Pair) -> Iterator[Step]:
    """``~x``."""
    source = next(pair.first.inputs())
    kind = "logical_not" if source.dtype == torch.bool else "bitwise_not"
    yield lines.step(pair, kind, {"input": source})


def _rmatmul(lines: Lines, pair: Pair) -> Iterator[Step]:
    (source, other), _ = pair.args()
    yield lines.step(pair, "matmul", {"input": other, "other": source})


def _of_several(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Of tensors one by one or in a list; meshgrid's keyword says which dim comes first."""
    args, kwargs = pair.args()
    tensors = list(args[0]) if len(args) == 1 and isinstance(args[0], tuple | list) else list(args)
    yield lines.function_of(pair, pair.first.plain_name, {"tensors": tensors, **kwargs})


SPECIAL: dict[str, Special] = COMPOSED | {
    "getitem": indexed, "setitem": put, "write": written, "index_put": put_by_indices,
    "copy": _copy, "zero": _filled, "fill": _filled,
    "rdiv": _rdiv, "rtruediv": _rdiv, "T": _transposed, "mT": _transposed, "t": _transposed, "adjoint": _transposed,
    "squeeze": _squeeze, "norm": _norm, "linalg_vector_norm": _norm, "mean": _reduce("mean"), "sum": _reduce("sum"),
    "rsub": _rsub, "cat": _cat, "concat": _cat, "concatenate": _cat, "pad": _pad,
    "interpolate": _interpolate, "upsample": _interpolate, "hstack": _hstack,
    "repeat": _repeat, "bernoulli": drawn, "rand": drawn,
    **dict.fromkeys(["clamp", "clip", "clamp_min", "clamp_max"], _clamp),
    "max": _extreme("max"), "min": _extreme("min"), "movedim": _moved, "moveaxis": _moved,
    **{kind: _variance(kind) for kind in ("var", "std", "var_mean", "std_mean")},
    **{kind: _from_sizes(kind) for kind in ("zeros", "ones", "new_zeros", "new_ones")},
    "empty": _from_sizes("zeros"), "new_empty": _from_sizes("new_zeros"), "empty_like": _empty_like,
    "arange": _arange, **dict.fromkeys(["meshgrid", "broadcast_tensors"], _of_several),
    "invert": _not, "bitwise_not": _not, "rmatmul": _rmatmul,
    **dict.fromkeys(["to", "type", "float", "half", "bfloat16", "double", "long", "int", "bool", "type_as"], _to),
}  # fmt: skip
