"""A layer run on fake tensors with symbolic sizes: torch's answer is the formula. torch's private API is here alone.

The sizes are backed symbols with distinct primes as hints, so that two dims are equal only if their formulas are.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sympy
import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

from graphspec.ops import Op
from graphspec.shapes.call import FrozenDim, Refused, Run, Types, call
from graphspec.shapes.dims import Dim, symbol, tidy
from graphspec.shapes.numbers import PRIMES
from graphspec.shapes.shaped import TensorType


def run(op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types, names: Sequence[str]) -> Run:
    """Run the layer once with symbols for the dims `names`.

    Raises:
        FrozenDim: the layer made a number of a dim, as a GRU does of its sequence.
        Refused: torch objects.
    """
    trial = _Trial(names)
    try:
        with _silent_logger(), trial.mode, enable_python_dispatcher():
            answer = call(op, arguments, operands, types, trial.size)
    except Exception as error:  # whatever torch raises is its answer about this layer
        raise Refused(trial.readable(str(error)) or type(error).__name__) from error
    if trial.frozen():
        raise FrozenDim
    outputs = {
        index: TensorType(tuple(trial.dim(size) for size in value.shape), value.dtype)
        for index, value in answer.outputs.items()
    }
    return Run(outputs, answer.parameters, trial.dim(answer.flops))


class _Mode(FakeTensorMode):
    """A mode that a copied tensor stays in: nn.Transformer clones its layers."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Mode:
        return self


class _Trial:
    """An environment of its own, so that what one layer assumes about a size binds no other."""

    def __init__(self, names: Sequence[str]) -> None:
        self.env = ShapeEnv()
        self.mode = _Mode(shape_env=self.env)
        self.hints = {name: PRIMES[n % len(PRIMES)] + 2 * (n // len(PRIMES)) for n, name in enumerate(names)}
        self.inner = {symbol(name): self._symbol(name) for name in names}
        self.outer = {inner: named for named, inner in self.inner.items()}

    def _symbol(self, name: str) -> sympy.Symbol:
        source, dynamic = ConstantSource(name), DimDynamic.DYNAMIC
        return self.env.create_symbol(self.hints[name], source, dynamic_dim=dynamic, constraint_dim=None, positive=True)

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

    def readable(self, text: str) -> str:
        """torch's message in one line, its symbols under the names of the spec."""
        names = {str(inner): str(outer) for inner, outer in self.outer.items()}
        text = re.sub(r"\bs\d+\b", lambda match: names.get(match[0], match[0]), text.split("Exception raised from")[0])
        return re.sub(r"\(\(([^()]*(?:\([^()]*\))?[^()]*)\)\)", r"(\1)", " ".join(text.split()))


@contextlib.contextmanager
def _silent_logger() -> Iterator[None]:
    """torch logs a traceback for what becomes one diagnostic here."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled
