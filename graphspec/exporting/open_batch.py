"""A LiteRT file of any batch, from two of one batch each: they may differ in shapes alone, and these are opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: TensorFlow Lite's numbers of int32 and int64, and of the operators that take -1 for a size of their input.
_INTEGERS = {2: np.int32, 4: np.int64}
_RESHAPE, _SLICE = 22, 65


class NotOpen(ValueError):
    """The batch is written where nothing stands for any size."""


def opened(one: Any, other: Any) -> Any:
    """The model `one` with -1 for what differs from `other`, which was converted at another batch.

    Raises:
        NotOpen: something else than a shape differs, or a shape that has to be a number.
    """
    (graph,), (beside,) = one.subgraphs, other.subgraphs
    if len(graph.tensors) != len(beside.tensors) or _operators(one) != _operators(other):
        raise NotOpen("its converter makes other steps for another batch")
    takes = dict(_sizes_given(one))
    for k, (tensor, second) in enumerate(zip(graph.tensors, beside.tensors, strict=True)):
        mine, its = _data(one, tensor), _data(other, second)
        if mine is not None and (its is None or mine.tobytes() != its.tobytes()):
            one.buffers[tensor.buffer].data = _open_constant(tensor, mine, its, takes.get(k, "")).view(np.uint8)
        elif differing := _differing(tensor.shape, second.shape):
            if mine is not None:
                raise NotOpen("its converter writes the batch into a constant")
            tensor.shapeSignature = [-1 if k in differing else size for k, size in enumerate(tensor.shape)]
    return one


def _open_constant(tensor: Any, mine: NDArray[Any], its: NDArray[Any] | None, operator: str) -> NDArray[Any]:
    if tensor.type not in _INTEGERS or its is None or mine.shape != its.shape or not operator:
        raise NotOpen(f"its converter writes the batch into a constant of {operator or 'a step'}")
    sizes = mine.view(_INTEGERS[tensor.type]).copy()
    differing = np.flatnonzero(sizes != its.view(_INTEGERS[tensor.type]))
    if operator == "RESHAPE" and len(differing) > 1:
        raise NotOpen("it reshapes to two sizes that follow from the batch")
    sizes[differing] = -1
    return sizes


def _data(model: Any, tensor: Any) -> NDArray[Any] | None:
    """The bytes of a constant; None for what is computed."""
    data = model.buffers[tensor.buffer].data
    return None if data is None else np.frombuffer(bytes(data), np.uint8)


def _differing(shape: Sequence[int] | None, other: Sequence[int] | None) -> set[int]:
    if shape is None or other is None or len(shape) != len(other):
        return set()
    return {k for k, (a, b) in enumerate(zip(shape, other, strict=True)) if a != b}


def _operators(model: Any) -> list[int]:
    return [_code(model, operator) for operator in model.subgraphs[0].operators]


def _code(model: Any, operator: Any) -> int:
    code = model.operatorCodes[operator.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def _sizes_given(model: Any) -> Iterator[tuple[int, str]]:
    """Tensors that give an operator sizes for which -1 may stand, with its name; what it keeps of them is dropped."""
    for operator in model.subgraphs[0].operators:
        if _code(model, operator) == _RESHAPE and len(operator.inputs) > 1:
            operator.builtinOptions, operator.builtinOptionsType = None, 0
            yield operator.inputs[1], "RESHAPE"
        elif _code(model, operator) == _SLICE:
            yield operator.inputs[2], "SLICE"
