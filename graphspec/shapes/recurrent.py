"""Recurrent layers, which torch unrolls step by step: they are run on a few steps, whatever the sequence's length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
from torch import nn

from graphspec.ops import Op
from graphspec.shapes import numbers
from graphspec.shapes.call import Refused, Run, Types
from graphspec.shapes.dims import Dim, symbol, tidy
from graphspec.shapes.shaped import TensorType

#: Sizes that stand for the sequence's length and the batch. A thousand steps would take minutes.
PRIMES = (11, 13, 17)
_SEQUENCE, _BATCH = symbol("sequence"), symbol("batch")


def is_recurrent(op: Op) -> bool:
    """Whether the layer is an RNN, GRU or LSTM."""
    return issubclass(op.factory, nn.RNNBase)


def run(op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types) -> Run:
    """Run the layer on numbers, with small ones in place of the sequence's length and the batch, dynamic or not.

    Raises:
        Refused: torch objects.
    """
    given = operands["input"]
    *leading, _ = types[given].shape
    if len(leading) not in (1, 2):
        raise Refused(f"the input has {len(leading) + 1} dims, not 2 or 3")
    # a single sequence has no batch
    names = [_SEQUENCE, _BATCH][: len(leading)]
    if arguments.get("batch_first"):
        names.reverse()
    real = {name: sympy.sympify(dim) for name, dim in zip(names, leading, strict=True)}
    few = {ref: _few(kind, ref == given, real) for ref, kind in types.items()}
    found = numbers.run(op, arguments, operands, few, names, PRIMES)
    outputs = {index: TensorType(tuple(_real(d, real) for d in k.shape), k.dtype) for index, k in found.outputs.items()}
    return Run(outputs, found.parameters, _real(found.flops, real))


def _few(kind: TensorType, is_input: bool, real: Mapping[sympy.Symbol, sympy.Expr]) -> TensorType:
    """The type with small sizes: the input's leading dims, and the batch of hx, which is (layers, batch, features)."""
    if is_input:
        return TensorType((*real, kind.shape[-1]), kind.dtype)
    layers, *batch, features = kind.shape
    same = len(batch) == 1 and real.get(_BATCH) == batch[0]
    return TensorType((layers, *([_BATCH] if same else batch), features), kind.dtype)


def _real(dim: Dim, real: Mapping[sympy.Symbol, sympy.Expr]) -> Dim:
    return dim if isinstance(dim, int) else tidy(dim.xreplace(real))
