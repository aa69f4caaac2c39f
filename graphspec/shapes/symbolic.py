"""A layer run once on fake tensors with symbolic sizes: what torch gives, and every branch on a size that it took.

torch's private API for symbolic sizes is here alone. The sizes are backed symbols that may be 1, so that nothing is
assumed of them; each question that torch asks about them on its way becomes a guard, and the guards are the conditions
under which another run gives the same formulas.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import sympy
import torch
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

from graphspec.ops import Op
from graphspec.shapes.call import Run, Types, call
from graphspec.shapes.conditions import positive
from graphspec.shapes.dims import Dim, tidy
from graphspec.shapes.scaled import NotScaled, without_floats
from graphspec.shapes.shaped import TensorType
from graphspec.system.torch_private.fake import ConstantSource, FakeTensorMode, enable_python_dispatcher


@dataclasses.dataclass(frozen=True, eq=False)
class Path:
    """One way through a layer: where the `conditions` on its sizes hold, it gives `run`, or `refusal` says why not."""

    conditions: tuple[Any, ...]
    run: Run | None
    refusal: str = ""
    #: Sizes that torch made numbers of, as a user's layer does by ``int(x.shape[0])``.
    frozen: frozenset[tuple[sympy.Symbol, int]] = frozenset()


def run(
    op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types, sizes: Mapping[sympy.Symbol, int]
) -> Path:
    """The path that the layer takes where the symbols in its dims have these `sizes`."""
    trial = _Trial(sizes)
    try:
        with _silent_logger(), trial.mode, enable_python_dispatcher():
            result = call(op, arguments, operands, types, trial.size)
        outputs = {
            index: TensorType(tuple(trial.dim(size) for size in value.shape), value.dtype)
            for index, value in result.outputs.items()
        }
        found = Run(outputs, result.parameters, trial.dim(result.flops))
    except NotScaled as error:
        return Path((*trial.conditions(), error.condition), None, str(error))
    except Exception as error:  # whatever torch raises is what it says of this layer
        return Path(trial.conditions(), None, trial.readable(str(error)) or type(error).__name__)
    return Path((*trial.conditions(), *trial.holds), found, frozen=trial.frozen())


class _Mode(FakeTensorMode):
    """A mode that a copied tensor stays in: nn.Transformer clones its layers."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Mode:
        return self


class _Trial:
    """An environment of its own, so that what one layer assumes about a size binds no other."""

    def __init__(self, sizes: Mapping[sympy.Symbol, int]) -> None:
        self.env = ShapeEnv(specialize_zero_one=False, duck_shape=False)
        self.mode = _Mode(shape_env=self.env)
        self.hints = dict(sizes)
        self.inner = {symbol: self._symbol(symbol) for symbol in sizes}
        self.outer = {inner: symbol for symbol, inner in self.inner.items()}
        #: Under which the formulas without floating point are right.
        self.holds: list[Any] = []

    def _symbol(self, symbol: sympy.Symbol) -> sympy.Symbol:
        source, dynamic = ConstantSource(str(symbol)), DimDynamic.DYNAMIC
        return self.env.create_symbol(
            self.hints[symbol], source, dynamic_dim=dynamic, constraint_dim=None, positive=symbol.is_positive
        )

    def size(self, dim: Dim) -> Any:
        """A dim as torch's int or SymInt."""
        if isinstance(dim, int):
            return dim
        return self.env.create_symintnode(dim.xreplace(self.inner), hint=int(dim.subs(self.hints)))

    def dim(self, size: Any) -> Dim:
        """torch's int or SymInt as a dim."""
        if not isinstance(size, torch.SymInt):
            return int(size)
        return tidy(without_floats(size.node.expr.xreplace(self.outer), self.hints, self.holds))

    def conditions(self) -> tuple[Any, ...]:
        """Every branch that torch took, in order."""
        found = (positive(guard.expr.xreplace(self.outer)) for guard in self.env.guards)
        return tuple(dict.fromkeys(condition for condition in found if condition != sympy.true))

    def frozen(self) -> frozenset[tuple[sympy.Symbol, int]]:
        """The symbols that became a number, and which."""
        made = ((self.outer.get(inner), value) for inner, value in self.env.replacements.items())
        return frozenset((symbol, int(value)) for symbol, value in made if symbol is not None and value.is_number)

    def readable(self, text: str) -> str:
        """torch's message in one line, its symbols under their own names."""
        names = {str(inner): str(outer) for inner, outer in self.outer.items()}
        text = re.sub(r"\bs\d+\b", lambda match: names.get(match[0], match[0]), text.split("Exception raised from")[0])
        return " ".join(text.split())


@contextlib.contextmanager
def _silent_logger() -> Iterator[None]:
    """torch logs a traceback for what becomes one diagnostic here."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled
