"""One layer run on fake tensors with symbolic sizes: torch's answer is the shape. torch's private API is here alone.

The sizes are backed symbols with distinct primes as hints, so that two dims are equal only if their formulas are. A
layer that fixes a dim all the same (a GRU its sequence) is run twice more on numbers, and its sizes are compared.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sympy
import torch
from torch import Tensor, nn
from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from graphspec.ops import Op
from graphspec.shapes.dims import Dim, SizeExpr, symbol, tidy
from graphspec.shapes.shaped import TensorType, ValueRef

#: Sizes that stand for the dynamic dims; large, so that deep networks do not shrink them away.
_PRIMES = (1009, 2003, 3001, 4001, 5003, 6007, 7001, 8009, 9001, 10007, 11003, 12007)


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What one run of a layer showed."""

    outputs: Mapping[tuple[int, ...], TensorType]
    parameters: Mapping[str, tuple[int, ...]]
    flops: Dim


class FrozenDim(Exception):
    """The layer works only for a fixed size of a dynamic dim."""


class Refused(Exception):
    """torch does not take these arguments or shapes; the message is its own."""


def run(op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Mapping[ValueRef, TensorType]) -> Run:
    """Construct the layer and call it. `operands` hold ValueRefs, whose types are in `types`, and constants.

    Raises:
        FrozenDim: a dynamic dim would have to be a number.
        Refused: torch objects to the arguments or shapes.
    """
    names = _dims_of([*types.values()], operands)
    trial = _Trial(names, _PRIMES)
    result = trial.run(op, arguments, operands, types)
    if not trial.frozen():
        return result
    return _by_comparison(op, arguments, operands, types, names)


def _dims_of(types: Sequence[TensorType], operands: Mapping[str, Any]) -> list[str]:
    """The names of all dynamic dims in sight, sorted."""
    found = {dim for kind in types for dim in kind.shape if isinstance(dim, sympy.Expr)}
    sizes = [item for value in operands.values() for item in (value if isinstance(value, list | tuple) else [value])]
    found |= {size.dim for size in sizes if isinstance(size, SizeExpr)}
    return sorted({str(free) for dim in found for free in dim.free_symbols})


class _Trial:
    """An environment of its own, so that what one layer assumes about a size binds no other."""

    def __init__(self, names: Sequence[str], hints: Sequence[int]) -> None:
        self.env = ShapeEnv()
        self.mode = FakeTensorMode(shape_env=self.env)
        self.hints = {name: hints[index % len(hints)] + 2 * (index // len(hints)) for index, name in enumerate(names)}
        self.inner = {symbol(name): self._symbol(name) for name in names}
        self.outer = {inner: named for named, inner in self.inner.items()}

    def _symbol(self, name: str) -> sympy.Symbol:
        source = ConstantSource(name)
        return self.env.create_symbol(
            self.hints[name], source=source, dynamic_dim=DimDynamic.DYNAMIC, constraint_dim=None, positive=True
        )

    def size(self, dim: Dim) -> Any:
        """A dim as torch's int or SymInt."""
        if isinstance(dim, int):
            return dim
        hint = int(dim.subs({symbol(name): value for name, value in self.hints.items()}))
        return self.env.create_symintnode(dim.xreplace(self.inner), hint=hint)

    def dim(self, size: Any) -> Dim:
        """torch's int or SymInt as a dim."""
        return tidy(size.node.expr.xreplace(self.outer)) if isinstance(size, torch.SymInt) else int(size)

    def frozen(self) -> bool:
        """Whether a dim became a number, or equal to another."""
        return any(inner in self.env.replacements for inner in self.outer)

    def run(
        self, op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Mapping[ValueRef, TensorType]
    ) -> Run:
        try:
            return self._run(op, arguments, operands, types)
        except Exception as error:  # whatever torch raises is its answer about this layer
            raise Refused(self._readable(str(error)) or type(error).__name__) from error

    def _readable(self, text: str) -> str:
        """torch's message in one line, its symbols under the names of the spec."""
        names = {str(inner): str(outer) for inner, outer in self.outer.items()}
        text = re.sub(r"\bs\d+\b", lambda match: names.get(match[0], match[0]), text.split("Exception raised from")[0])
        return re.sub(r"\(\(([^()]*(?:\([^()]*\))?[^()]*)\)\)", r"(\1)", " ".join(text.split()))

    def _run(
        self, op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Mapping[ValueRef, TensorType]
    ) -> Run:
        flops = _Flops()
        with _quiet(), torch.no_grad(), self.mode, enable_python_dispatcher():
            module = op.factory(**arguments).eval()
            values = {
                ref: torch.empty([self.size(d) for d in kind.shape], dtype=kind.dtype) for ref, kind in types.items()
            }
            call = {name: given(operand, values, self.size) for name, operand in operands.items()}
            with flops:
                outputs = dict(_flat(module(**call)))
        found = {
            index: TensorType(tuple(self.dim(d) for d in value.shape), value.dtype) for index, value in outputs.items()
        }
        return Run(found, _shapes(module), self.dim(flops.total))


def given(operand: Any, values: Mapping[ValueRef, Any], size: Callable[[Dim], Any]) -> Any:
    """An operand as forward takes it: values looked up, run-time sizes computed, constants as they are."""
    if isinstance(operand, ValueRef):
        return values[operand]
    if isinstance(operand, SizeExpr):
        return size(operand.dim)
    if isinstance(operand, list | tuple):
        return type(operand)(given(item, values, size) for item in operand)
    return operand


def _by_comparison(
    op: Op,
    arguments: Mapping[str, Any],
    operands: Mapping[str, Any],
    types: Mapping[ValueRef, TensorType],
    names: Sequence[str],
) -> Run:
    """Run on two sets of numbers; a size of the output is the dim of an input that agrees with it in both."""
    candidates = {dim for kind in types.values() for dim in kind.shape if isinstance(dim, sympy.Expr)}
    runs, sizes = [], []
    for offset in (0, 1):
        table = {symbol(name): _PRIMES[(index + offset) % len(_PRIMES)] for index, name in enumerate(names)}
        fixed = {
            ref: TensorType(tuple(_number(dim, table) for dim in kind.shape), kind.dtype) for ref, kind in types.items()
        }
        concrete = {
            name: given(value, {ref: ref for ref in types}, functools.partial(_number, table=table))
            for name, value in operands.items()
        }
        runs.append(_Trial([], ()).run(op, arguments, concrete, fixed))
        sizes.append({dim: _number(dim, table) for dim in candidates})
    outputs = {}
    for index, first in runs[0].outputs.items():
        pairs = zip(first.shape, runs[1].outputs[index].shape, strict=True)
        outputs[index] = TensorType(tuple(_match(pair, sizes) for pair in pairs), first.dtype)
    return Run(outputs, runs[0].parameters, 0)


def _number(dim: Dim, table: Mapping[sympy.Symbol, int]) -> int:
    return dim if isinstance(dim, int) else int(dim.subs(table))


def _match(pair: tuple[Any, Any], sizes: Sequence[Mapping[Dim, int]]) -> Dim:
    if pair[0] == pair[1]:
        return int(pair[0])
    for dim, value in sizes[0].items():
        if (value, sizes[1][dim]) == pair:
            return dim
    raise FrozenDim


def _flat(value: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """The tensors in nested tuples with their index paths."""
    if isinstance(value, Tensor):
        yield index, value
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _flat(item, (*index, number))


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}


class _Flops(TorchDispatchMode):
    """Counts 2 × multiply-adds of matrix products and convolutions, by the formulas of torch.utils.flop_counter."""

    def __init__(self) -> None:
        super().__init__()
        self.total: Any = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula:
            self.total = self.total + formula(*args, **(kwargs or {}), out_val=result)
        return result


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """torch logs a traceback for what becomes one diagnostic here, and warns about shapes it only tries."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    disabled, logger.disabled = logger.disabled, True
    # attention's fast path is one opaque kernel, in which nothing can be counted
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        logger.disabled = disabled
