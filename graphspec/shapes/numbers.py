"""A layer run twice on the meta device with numbers for its dynamic dims; the sizes are read off by comparison.

This takes a fifth of the time of symbolic sizes. It finds only sizes that are a number or a dim of an input, so it is
for networks whose one dynamic dim is the batch, and for layers that fix a dim under symbolic sizes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy
import torch

from graphspec.ops import Op
from graphspec.shapes.call import Answer, FrozenDim, Refused, Run, Types, call
from graphspec.shapes.dims import Dim, symbol
from graphspec.shapes.shaped import TensorType

#: Sizes that stand for the dynamic dims; large, so that deep networks do not shrink them away.
PRIMES = (1009, 2003, 3001, 4001, 5003, 6007, 7001, 8009, 9001, 10007, 11003, 12007)


def run(
    op: Op,
    arguments: Mapping[str, Any],
    operands: Mapping[str, Any],
    types: Types,
    names: Sequence[str],
    primes: Sequence[int] = PRIMES,
) -> Run:
    """Run the layer with one set of `primes` for the dims `names`, and again with another.

    Raises:
        FrozenDim: a size of the output is neither a number nor a dim of an input.
        Refused: torch objects.
    """
    tables = [{symbol(name): primes[(n + offset) % len(primes)] for n, name in enumerate(names)} for offset in (0, 1)]
    answers = [_answer(op, arguments, operands, types, table) for table in tables[: 2 if names else 1]]
    if any(answer.outputs.keys() != answers[0].outputs.keys() for answer in answers):
        # as many values as a dynamic dim is long
        raise FrozenDim
    dims = {dim for kind in types.values() for dim in kind.shape if isinstance(dim, sympy.Expr)}
    known = {tuple(_number(dim, table) for table in tables): dim for dim in dims}
    outputs = {}
    for index, value in answers[0].outputs.items():
        sizes = zip(*(answer.outputs[index].shape for answer in answers), strict=True)
        outputs[index] = TensorType(tuple(_dim(size, known) for size in sizes), value.dtype)
    return Run(outputs, answers[0].parameters, _flops([answer.flops for answer in answers], tables, names))


def _answer(
    op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types, table: Mapping[sympy.Symbol, int]
) -> Answer:
    try:
        with torch.device("meta"):
            return call(op, arguments, operands, types, lambda dim: _number(dim, table))
    except Exception as error:  # whatever torch raises is its answer about this layer
        raise Refused(_readable(str(error), table) or type(error).__name__) from error


def _number(dim: Dim, table: Mapping[sympy.Symbol, int]) -> int:
    return dim if isinstance(dim, int) else int(dim.subs(table))


def _dim(sizes: tuple[int, ...], known: Mapping[tuple[int, ...], Dim]) -> Dim:
    if len(set(sizes)) == 1:
        return sizes[0]
    if sizes not in known:
        raise FrozenDim
    return known[sizes]


def _flops(counts: Sequence[int], tables: Sequence[Mapping[sympy.Symbol, int]], names: Sequence[str]) -> Dim:
    """FLOPs in proportion to the dynamic dims' product; where they are not, 0 (unknown) if there are several dims."""
    if len(set(counts)) == 1:
        return counts[0]
    first, second = (math.prod(table.values()) for table in tables)
    if counts[0] * second == counts[1] * first:
        return counts[0] // first * sympy.prod(symbol(name) for name in names)
    if len(names) > 1:
        return 0
    raise FrozenDim


def _readable(text: str, table: Mapping[sympy.Symbol, int]) -> str:
    """torch's message in one line, the numbers that stand for dims under their names: ``48*N``."""

    def named(match: re.Match[str]) -> str:
        for name, number in table.items():
            times, rest = divmod(int(match[0]), number)
            if times and not rest:
                return str(name) if times == 1 else f"{times}*{name}"
        return match[0]

    return re.sub(r"\d+", named, " ".join(text.split("Exception raised from")[0].split()))
