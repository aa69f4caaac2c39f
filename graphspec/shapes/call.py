"""One construction and one call of a layer, whatever kind of tensors it is given: what torch gives, and its FLOPs."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from graphspec.ops import Op
from graphspec.shapes.dims import Dim, SizeExpr
from graphspec.shapes.shaped import TensorType, ValueRef
from graphspec.system.torch_private import TorchDispatchMode

#: The types of the values that a layer is given.
Types = Mapping[ValueRef, TensorType]


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What running a layer showed."""

    outputs: Mapping[tuple[int, ...], TensorType]
    parameters: Mapping[str, tuple[int, ...]]
    flops: Dim


class FrozenDim(Exception):
    """The layer works only for a fixed size of a dynamic dim."""


class Refused(Exception):
    """torch does not take these arguments or shapes; the message is its own, in one line. `hint`: what may help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class WrongDtype(Refused):
    """torch does not take these dtypes together, or this number with that dtype."""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """The tensors that came out by index path, the parameters' shapes, and the FLOPs in torch's ints or SymInts."""

    outputs: Mapping[tuple[int, ...], Tensor]
    parameters: Mapping[str, tuple[int, ...]]
    flops: Any


def call(
    op: Op,
    arguments: Mapping[str, Any],
    operands: Mapping[str, Any],
    types: Types,
    size: Callable[[Dim], Any],
    fill: Callable[..., Tensor] = torch.empty,
) -> Result:
    """Construct and call the layer in the tensor mode of the caller; `size` makes torch's size of a dim, `fill` the
    values."""
    flops = _Flops()
    with _quiet(), torch.no_grad():
        # without indices torch takes a kernel that reads the sizes as numbers
        one_of_two = op.factory is nn.MaxPool1d and not arguments.get("return_indices")
        module = op.factory(**{**arguments, "return_indices": True} if one_of_two else arguments).eval()
        values = {ref: fill([size(dim) for dim in kind.shape], dtype=kind.dtype) for ref, kind in types.items()}
        given = {name: _given(operand, values, size) for name, operand in operands.items()}
        with flops:
            result = module(**given)
        outputs = dict(_flat(result[0] if one_of_two else result))
    return Result(outputs, {name: tuple(p.shape) for name, p in module.named_parameters()}, flops.total)


def _given(operand: Any, values: Mapping[ValueRef, Tensor], size: Callable[[Dim], Any]) -> Any:
    """An operand as forward takes it: values looked up, run-time sizes computed, constants as they are."""
    if isinstance(operand, ValueRef):
        return values[operand]
    if isinstance(operand, SizeExpr):
        return size(operand.dim)
    if isinstance(operand, list | tuple):
        return type(operand)(_given(item, values, size) for item in operand)
    return operand


def _flat(value: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """The tensors in nested tuples with their index paths."""
    if isinstance(value, Tensor):
        yield index, value
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _flat(item, (*index, number))


class _Flops(TorchDispatchMode):
    """Counts 2 × multiply-adds of matrix products and convolutions, by the formulas of torch.utils.flop_counter."""

    def __init__(self) -> None:
        super().__init__()
        self.total: Any = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to be kept out of torch.compile, it would import it

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = _without_compiler(func, args, kwargs or {})
        if result is None:
            result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula:
            self.total = self.total + formula(*args, **(kwargs or {}), out_val=result)
        return result


def _without_compiler(func: Any, args: Any, kwargs: Any) -> Tensor | None:
    """What `func` gives on the meta device, where torch's own way to it would import torch.compile; else None.

    For a small dense network that import takes longer than everything else before training.
    """
    tensors = [value for value in args if isinstance(value, Tensor)]
    if not tensors or any(value.device.type != "meta" or not value.is_floating_point() for value in tensors):
        return None
    if not all(isinstance(size, int) for value in tensors for size in value.shape):
        return None  # symbols have that import behind them
    if func is torch.ops.aten.addmm.default:
        bias, rows, weight = args
        return torch.mm(rows, weight) if bias.shape == weight.shape[1:] and bias.dtype == rows.dtype else None
    alike = len({value.shape for value in tensors}) == 1 and all(value.is_contiguous() for value in tensors)
    if torch.Tag.pointwise not in func.tags or func._schema.is_mutable or not alike:
        return None
    with contextlib.suppress(RuntimeError, TypeError, ValueError):  # torch words its objection itself
        one = [torch.zeros(1, dtype=v.dtype, device="cpu") if isinstance(v, Tensor) else v for v in args]
        return torch.empty_like(tensors[0], dtype=func(*one, **kwargs).dtype)
    return None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No warnings about shapes only tried; attention without its fast path, one opaque kernel without FLOPs."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
