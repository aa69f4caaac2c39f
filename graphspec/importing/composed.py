"""Functions that the vocabulary says in two or three lines, with the same bits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from graphspec.importing.forward_pass import Value
from graphspec.importing.functions import FUNCTIONS
from graphspec.importing.pair import Pair
from graphspec.importing.sizes import SizeOf
from graphspec.importing.spec_lines import Lines, Special
from graphspec.importing.step import Step


def _outer(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Every product of two rows."""
    column, row = pair.first.inputs()
    inner = lines.inner(pair, column, (*column.shape, 1))
    yield lines.step(pair, "unsqueeze", {"input": column}, {"dim": 1}, [("", inner)])
    yield lines.step(pair, "mul", {"input": inner, "other": row}, {"broadcast": True})


def _inner(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Sums of products over the last dim of both."""
    left, right = pair.first.inputs()
    rank = len(right.shape)
    if rank > 2:
        raise lines.lacks(pair, f"inner of {rank} dims")
    if rank == 2:
        turned = lines.inner(pair, right, right.shape[::-1])
        yield lines.step(pair, "transpose", {"input": right}, {"dim0": 0, "dim1": 1}, [("", turned)])
        right = turned
    yield lines.step(pair, "matmul", {"input": left, "other": right})


def _tensordot(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Over the last dim and the first of a matrix."""
    args, kwargs = pair.args()
    left, right = args[:2]
    dims = kwargs.get("dims", args[2] if len(args) > 2 else 2)
    ranks = len(left.shape), len(right.shape)
    if isinstance(dims, int):
        dims = list(range(ranks[0] - dims, ranks[0])), list(range(dims))
    if isinstance(dims, Value):
        raise lines.lacks(pair)
    ours, theirs = ([dim % rank for dim in each] for each, rank in zip(dims, ranks, strict=True))
    if (ours, theirs, ranks[1]) != ([ranks[0] - 1], [0], 2):  # another order of products has other bits
        raise lines.lacks(pair, f"tensordot over the dims {ours} and {theirs}")
    yield lines.step(pair, "matmul", {"input": left, "other": right})


def _stacked(dim: int) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """``vstack``, ``dstack`` and ``column_stack`` of what has that dim."""
        tensors = list(pair.first.inputs())
        rank = len(tensors[0].shape)
        if (dim, rank) == (2, 2):
            yield lines.step(pair, "stack", {"tensors": tensors}, {"dim": 2})
            return
        if dim >= rank or rank == 1:
            raise lines.lacks(pair, f"{pair.first.plain_name} of {rank} dims")
        yield lines.step(pair, "cat", {"tensors": tensors}, {"dim": dim})

    return lower


def _flipped(dim: int) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """``fliplr`` and ``flipud``."""
        yield lines.step(pair, "flip", {"input": next(pair.first.inputs())}, {"dims": [dim]})

    return lower


def _diff(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Each number less the one before."""
    given = lines.bound(pair, ["input", "n", "dim"])
    source, dim = given["input"], given.get("dim", -1)
    dim %= len(source.shape)
    if given.get("n", 1) != 1 or source.dtype == torch.bool:
        raise lines.lacks(pair, "diff more than once")
    shape = pair.first.outputs[0].shape
    later, earlier = lines.inner(pair, source, shape), lines.inner(pair, source, shape)
    for part, start, end in ((later, 1, None), (earlier, 0, -1)):
        args = {"dim": dim, "start": start, "end": end, "step": 1}
        yield lines.step(pair, "slice", {"input": source}, args, [("", part)])
    yield lines.step(pair, "sub", {"input": later, "other": earlier})


def _rpow(lines: Lines, pair: Pair) -> Iterator[Step]:
    """number ** x."""
    (exponent, base), _ = pair.args()
    if isinstance(base, Value) or not exponent.dtype.is_floating_point:
        raise lines.lacks(pair)
    data = torch.tensor([base], dtype=exponent.dtype)
    source = Value((1,), data.dtype, data=data)
    yield lines.step(pair, "pow", {"input": source, "exponent": exponent}, {"broadcast": True})


def _frac(lines: Lines, pair: Pair) -> Iterator[Step]:
    """What is behind the point."""
    source = next(pair.first.inputs())
    whole = lines.inner(pair, source)
    yield lines.step(pair, "trunc", {"input": source}, {}, [("", whole)])
    yield lines.step(pair, "sub", {"input": source, "other": whole})


def _of_all(kind: str) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """Along one dim, or, in one row, of all numbers."""
        given = lines.bound(pair, ["input", "dim", "keepdim"])
        if given.get("dim") is not None:
            yield lines.function_of(pair, kind, given)
            return
        source = given["input"]
        row = lines.inner(pair, source, (math.prod(source.shape),))
        yield lines.step(pair, "reshape", {"input": source}, {"shape": [-1]}, [("", row)])
        yield lines.step(pair, kind, {"input": row}, {"dim": 0})

    return lower


def _adaptive(kind: str) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """``None`` as a size of the output is the input's."""
        given = lines.bound(pair, FUNCTIONS[pair.first.plain_name][1])
        source, size = given["input"], given["output_size"]
        if isinstance(size, tuple | list) and None in size:
            before = len(source.shape) - len(size)
            first, second = lines.shapes(source)
            given["output_size"] = [
                each if each is not None else first[dim] if first[dim] == second[dim] else SizeOf(source, dim)
                for dim, each in enumerate(size, before)
            ]
        yield lines.function_of(pair, kind, given)

    return lower


def _linalg_norm(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Of a vector, or of all numbers; no norm of a matrix."""
    given: dict[str, Any] = lines.bound(pair, ["input", "ord", "dim", "keepdim"])
    order, dim = given.get("ord"), given.get("dim")
    rank = len(given["input"].shape)
    if order is not None and not (isinstance(dim, int) or (dim is None and rank == 1)):
        raise lines.lacks(pair, "linalg.norm of a matrix")
    dims = list(range(rank)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    args = {"dim": dims, "p": 2.0 if order is None else float(order), "keepdim": given.get("keepdim", False)}
    yield lines.step(pair, "norm", {"input": given["input"]}, args)


def _of_row(kind: str, names: list[str]) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """Along one dim; of all numbers, as of one row."""
        given = lines.bound(pair, names)
        if given.get("dim") is None:
            source = given["input"]
            row = lines.inner(pair, source, (math.prod(source.shape),))
            yield lines.step(pair, "reshape", {"input": source}, {"shape": [-1]}, [("", row)])
            given |= {"input": row, "dim": 0}
        yield lines.function_of(pair, kind, given)

    return lower


def _over_dims(kind: str, names: list[str]) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """Along one dim, several, or all."""
        given = lines.bound(pair, names)
        if given.get("dim") is None:
            given["dim"] = list(range(len(given["input"].shape)))
        yield lines.function_of(pair, kind, given)

    return lower


def _cross(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Along the last dim, or, as torch.cross has it, along the first of 3."""
    given = lines.bound(pair, ["input", "other", "dim"])
    if given.get("dim") is None:
        linear = pair.first.plain_name == "linalg_cross"
        given["dim"] = -1 if linear else given["input"].shape.index(3)
    yield lines.function_of(pair, "cross", given)


def _diag(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Of a row the matrix, of a matrix the row."""
    given = lines.bound(pair, ["input", "diagonal"])
    kind = "diag_embed" if len(given["input"].shape) == 1 else "diagonal"
    yield lines.step(pair, kind, {"input": given["input"]}, {"offset": given.get("diagonal", 0)})


def _rot90(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Quarter turns: two flips, or a flip and the dims exchanged."""
    given = lines.bound(pair, ["input", "k", "dims"])
    first, second = given.get("dims", (0, 1))
    turns, source = given.get("k", 1) % 4, given["input"]
    if turns == 0:
        lines.alias(pair)
        return
    if turns == 2:
        yield lines.step(pair, "flip", {"input": source}, {"dims": [first, second]})
        return
    flipped = lines.inner(pair, source)
    yield lines.step(pair, "flip", {"input": source}, {"dims": [second if turns == 1 else first]}, [("", flipped)])
    yield lines.step(pair, "transpose", {"input": flipped}, {"dim0": first, "dim1": second})


def _tensor_split(lines: Lines, pair: Pair) -> Iterator[Step]:
    """Pieces of sizes that are known; ``hsplit``, ``vsplit`` and ``dsplit`` say the dim by their name."""
    given = lines.bound(pair, ["input", "indices_or_sections", "dim"])
    rank = len(given["input"].shape)
    dim = {"hsplit": min(rank - 1, 1), "vsplit": 0, "dsplit": 2}.get(pair.first.plain_name, given.get("dim", 0)) % rank
    first, second = lines.shapes(given["input"])
    if first[dim] != second[dim]:
        raise lines.lacks(pair, "tensor_split of a dim that is open")
    sizes = [value.shape[dim] for value in pair.first.outputs]
    args = {"split_size_or_sections": sizes, "dim": dim}
    yield lines.step(pair, "split", {"tensor": given["input"]}, args)


def _aminmax(lines: Lines, pair: Pair) -> Iterator[Step]:
    """The least and the greatest."""
    given = lines.bound(pair, ["input", "dim", "keepdim"])
    dim = given.get("dim")
    dims = list(range(len(given["input"].shape))) if dim is None else [dim]
    for kind, value in zip(("amin", "amax"), pair.first.outputs, strict=True):
        args = {"dim": dims, "keepdim": given.get("keepdim", False)}
        yield lines.step(pair, kind, {"input": given["input"]}, args, [("", value)])


def _error(kind: str) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """Squares or sizes of differences, each or their mean or sum."""
        given = lines.bound(pair, ["input", "target", "[size_average]", "[reduce]", "reduction"])
        source, target, reduction = given["input"], given["target"], given.get("reduction", "mean")
        if lines.shapes(source) != lines.shapes(target):
            raise lines.lacks(pair, f"{pair.first.plain_name} of values of different shapes")
        less, errors = lines.inner(pair, source), lines.inner(pair, source)
        yield lines.step(pair, "sub", {"input": source, "other": target}, {}, [("", less)])
        each = pair.first.outputs[0] if reduction == "none" else errors
        yield lines.step(pair, kind, {"input": less}, {}, [("", each)])
        if reduction != "none":
            yield lines.step(pair, reduction, {"input": errors}, {"dim": list(range(len(source.shape)))})

    return lower


def _times(factor: float) -> Special:
    def lower(lines: Lines, pair: Pair) -> Iterator[Step]:
        """Degrees and radians."""
        yield lines.step(pair, "mul", {"input": next(pair.first.inputs())}, {"other": factor})

    return lower


def _trace(lines: Lines, pair: Pair) -> Iterator[Step]:
    """The sum of the diagonal, which torch adds up in doubles."""
    source = next(pair.first.inputs())
    row = lines.inner(pair, source, (min(source.shape),))
    yield lines.step(pair, "diagonal", {"input": source}, {}, [("", row)])
    if source.dtype != torch.float32:
        yield lines.step(pair, "sum", {"input": row}, {"dim": [0]})
        return
    double = Value((), torch.float64, pair.first, (), "call")
    yield lines.step(pair, "sum", {"input": row}, {"dim": [0], "dtype": "float64"}, [("", double)])
    yield lines.step(pair, "to", {"input": double}, {"dtype": "float32"})


def _where(lines: Lines, pair: Pair) -> Iterator[Step]:
    """``torch.where(condition, x, y)`` and ``x.where(condition, y)``."""
    names = ["condition", "input", "other"]
    args, _ = pair.args()
    first = args[0] if args else None
    if isinstance(first, Value) and first.dtype != torch.bool:
        names = ["input", "condition", "other"]
    yield lines.function(pair, "where", names)


COMPOSED: dict[str, Special] = {
    "outer": _outer, "ger": _outer, "inner": _inner, "tensordot": _tensordot,
    "vstack": _stacked(0), "row_stack": _stacked(0), "dstack": _stacked(2),
    **{f"adaptive_{kind}_pool{n}d": _adaptive(f"Adaptive{kind.title()}Pool{n}d")
       for kind in ("avg", "max") for n in (2, 3)},
    "column_stack": _stacked(1), "fliplr": _flipped(1), "flipud": _flipped(0), "diff": _diff, "rpow": _rpow,
    "median": _of_row("median", ["input", "dim", "keepdim"]),
    "quantile": _of_row("quantile", ["input", "q", "dim", "keepdim", "interpolation"]),
    "nansum": _over_dims("nansum", ["input", "dim", "keepdim", "dtype"]),
    "count_nonzero": _over_dims("count_nonzero", ["input", "dim"]),
    "cross": _cross, "linalg_cross": _cross, "diag": _diag, "rot90": _rot90,
    **dict.fromkeys("tensor_split hsplit vsplit dsplit".split(), _tensor_split),
    "aminmax": _aminmax, "mse_loss": _error("square"), "l1_loss": _error("abs"), "where": _where, "trace": _trace,
    "deg2rad": _times(math.pi / 180), "rad2deg": _times(180 / math.pi),
    "frac": _frac, "linalg_norm": _linalg_norm, **{kind: _of_all(kind) for kind in ("all", "any")},
}  # fmt: skip
