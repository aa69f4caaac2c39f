"""A layer run on the meta device with primes for its dynamic sizes; the sizes that come out are read off by factors.

This takes a fifth of the time of symbolic sizes. What it finds are numbers, sizes of the input and products of them,
so it is for the layers of :mod:`graphspec.shapes.unbranched`, whose sizes are that whatever the sizes of the input;
and, tried at many sizes, for a layer that makes numbers of its sizes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy
import torch

from graphspec.ops import Op
from graphspec.shapes.call import FrozenDim, Refused, Result, Run, Types, call
from graphspec.shapes.dims import Dim, number, tidy
from graphspec.shapes.shaped import TensorType

#: Sizes that stand for the dynamic dims. A number of a network that one of them divides is told from it by the second
#: run; larger ones would overflow where a layer multiplies many.
PRIMES = (101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157)
#: Sizes at which a layer that makes numbers of them is tried besides.
TRIED = (*range(1, 18), 31, 32, 33, 63, 64, 65, 100, 128, 224, 256, 500)


def run(
    op: Op,
    arguments: Mapping[str, Any],
    operands: Mapping[str, Any],
    types: Types,
    symbols: Sequence[sympy.Symbol],
    primes: Sequence[int] = PRIMES,
) -> Run:
    """Run the layer with one set of `primes` for the `symbols`, and again with another.

    Raises:
        FrozenDim: a size of the output is neither a number nor a product of dims of the input.
        Refused: torch objects.
    """
    tables = [
        {symbol: primes[(n + offset) % len(primes)] + 2 * (n // len(primes)) for n, symbol in enumerate(symbols)}
        for offset in (0, 1)
    ]
    results = [result_at(op, arguments, operands, types, table) for table in tables[: 2 if symbols else 1]]
    if any(_kind(each) != _kind(results[0]) for each in results):
        raise FrozenDim
    outputs = {}
    for index, value in results[0].outputs.items():
        sizes = zip(*(each.outputs[index].shape for each in results), strict=True)
        outputs[index] = TensorType(tuple(_dim(size, tables) for size in sizes), value.dtype)
    return Run(outputs, results[0].parameters, _flops([each.flops for each in results], tables))


def tried(
    op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types, symbols: Sequence[sympy.Symbol]
) -> Run:
    """As :func:`run`, for a layer that makes numbers of its sizes: what it finds held at all sizes `TRIED`, together
    and one by one; of others nothing is known."""
    found = run(op, arguments, operands, types, symbols)
    ordinary = dict(zip(symbols, (13, 17, 19, 23, 29, 37, 41, 43), strict=False))
    for size in TRIED:
        alone = [ordinary | {symbol: size} for symbol in symbols]
        for table in (dict.fromkeys(symbols, size), *alone):
            found_there = result_at(op, arguments, operands, types, table)
            expected = {index: [number(dim, table) for dim in kind.shape] for index, kind in found.outputs.items()}
            if {index: list(value.shape) for index, value in found_there.outputs.items()} != expected:
                raise FrozenDim
    return found


def result_at(
    op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types, table: Mapping[sympy.Symbol, int]
) -> Result:
    """What torch gives where the symbols are the numbers of `table`; raises :class:`Refused`."""
    try:
        with torch.device("meta"):
            return call(op, arguments, operands, types, lambda dim: number(dim, table))
    except Exception as error:  # whatever torch raises is what it says of this layer
        raise Refused(readable(str(error), table) or type(error).__name__) from error


def _kind(result: Result) -> Any:
    return [(index, value.ndim, value.dtype) for index, value in result.outputs.items()]


def _dim(sizes: tuple[int, ...], tables: Sequence[Mapping[sympy.Symbol, int]]) -> Dim:
    """The product that has these sizes where the symbols have the numbers of the tables."""
    found = {_product(size, table) for size, table in zip(sizes, tables, strict=False)}
    if len(found) != 1:
        raise FrozenDim
    return tidy(found.pop())


def _product(size: int, table: Mapping[sympy.Symbol, int]) -> sympy.Expr:
    product = sympy.S.One
    for symbol, prime in table.items():
        while size and size % prime == 0:
            size //= prime
            product *= symbol
    return size * product


def _flops(counts: Sequence[int], tables: Sequence[Mapping[sympy.Symbol, int]]) -> Dim:
    """FLOPs as a product of dims; 0 (unknown) where they are none."""
    found = {_product(count, table) for count, table in zip(counts, tables, strict=False)}
    return tidy(found.pop()) if len(found) == 1 else 0


def readable(text: str, table: Mapping[sympy.Symbol, int]) -> str:
    """torch's message in one line, the numbers that stand for dims under their names: ``48*N``."""

    def named(match: re.Match[str]) -> str:
        for name, prime in table.items():
            times, rest = divmod(int(match[0]), prime)
            if times and not rest:
                return str(name) if times == 1 else f"{times}*{name}"
        return match[0]

    return re.sub(r"\d+", named, " ".join(text.split("Exception raised from")[0].split()))
