"""Resizing layers, whose sizes are written in their arguments: the size itself, or a factor of the input's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphspec.ops import Op
from graphspec.shapes import numbers
from graphspec.shapes.atoms import Atoms
from graphspec.shapes.call import FrozenDim, Run
from graphspec.shapes.dims import Dim, SizeExpr, number
from graphspec.shapes.scaled import fraction_of, scaled
from graphspec.shapes.shaped import TensorType
from graphspec.spec.dims import GREATEST

_RESIZING = frozenset(["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d", "interpolate"])


def is_resizing(op: Op) -> bool:
    """Whether the layer resizes its input's last dims to what its arguments say."""
    return op.name in _RESIZING and op.origin in ("torch", "torch.nn")


def run(op: Op, arguments: Mapping[str, Any], atoms: Atoms) -> Run | None:
    """What the layer gives by the rule, after running it on numbers twice, which must agree; None where they do not.

    Raises:
        FrozenDim, Refused: as :func:`numbers.run`.
    """
    symbols = [*atoms.real]
    (kind,) = atoms.types.values()
    shape = _shape(kind.shape, {**arguments, **atoms.operands})
    if shape is None:
        return None
    for offset in (0, 3):
        primes = numbers.PRIMES[offset : offset + len(symbols)]
        if len(primes) < len(symbols):
            return None
        table = dict(zip(symbols, primes, strict=True))
        result = numbers.result_at(op, arguments, atoms.operands, atoms.types, table)
        if [*result.outputs[()].shape] != [number(dim, table) for dim in shape]:
            raise FrozenDim
    return Run({(): TensorType(shape, result.outputs[()].dtype)}, {}, 0)


def _shape(shape: tuple[Dim, ...], given: Mapping[str, Any]) -> tuple[Dim, ...] | None:
    count = len(shape) - 2
    sizes, factors = (_each(given.get(name), count) for name in ("size", "scale_factor"))
    if sizes:
        last = tuple(size.dim if isinstance(size, SizeExpr) else int(size) for size in sizes)
    elif factors and all(fraction_of(float(factor))[2] == GREATEST for factor in factors):
        last = tuple(scaled(dim, float(factor)) for dim, factor in zip(shape[2:], factors, strict=True))
    else:
        return None
    return (*shape[:2], *last)


def _each(value: Any, count: int) -> list[Any] | None:
    """One entry for each dim."""
    if value is None:
        return None
    each = [*value] if isinstance(value, list | tuple) else [value] * count
    each = each * count if len(each) == 1 else each
    return each if len(each) == count else None
