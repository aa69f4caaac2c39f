"""Stage 3's type: a layer graph in which every value has a shape and a dtype, and every argument a value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch

from graphspec.diagnostics import Path
from graphspec.ops import Op
from graphspec.shapes.dims import Dim, dim_text
from graphspec.spec.model import NetworkSpec
from graphspec.system.quick import quick


@dataclasses.dataclass(frozen=True, slots=True)
class TensorType:
    """The shape and dtype of one value."""

    shape: tuple[Dim, ...]
    dtype: torch.dtype = torch.float32

    def __str__(self) -> str:
        sizes = " × ".join(dim_text(dim) for dim in self.shape) or "scalar"
        return sizes if self.dtype == torch.float32 else f"{sizes} {str(self.dtype).removeprefix('torch.')}"

    @property
    def sizes(self) -> list[int | str]:
        """The shape with dynamic dims as text, as files have it."""
        return [dim if isinstance(dim, int) else dim_text(dim) for dim in self.shape]


@quick
@dataclasses.dataclass(frozen=True, slots=True)
class ValueRef:
    """One value: what the layer or input `layer` gives, `index` deep into its tuples (``lstm.h_n`` is ``(1, 0)``)."""

    layer: str
    index: tuple[int, ...] = ()


#: What a forward parameter is given: a ValueRef, a tuple of them (``cat``), a constant, or a SizeExpr (also in a list).
Operand = Any


@quick
@dataclasses.dataclass(frozen=True, slots=True)
class ShapedLayer:
    """One call of one module.

    ``name`` is dotted (``layer1.0.conv1``) and unique; ``module`` is the module called, another layer's name where this
    one is a ``reuse``. ``arguments`` are the constructor's, inferred ones included. ``operands`` are forward's, by
    parameter name. ``outputs`` maps an index path to the type there, ``()`` for a single tensor.
    ``parameters`` are the shapes of those it owns, by name in its module, none where it reuses another's; ``init`` says
    how they start (name → (torch.nn.init function, arguments)) and ``tie`` whose they are instead (name → full name).
    ``parametrize`` is the function of torch.nn.utils.parametrizations that computes a weight, with its arguments.
    One to ``keep`` is built and never called.
    ``flops`` is 2 × multiply-adds as torch.utils.flop_counter counts them, over the dims.
    """

    name: str
    module: str
    op: Op
    arguments: Mapping[str, Any]
    operands: Mapping[str, Operand]
    outputs: Mapping[tuple[int, ...], TensorType]
    parameters: Mapping[str, tuple[int, ...]]
    flops: Dim
    at: Path
    init: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    freeze: bool = False
    tie: Mapping[str, str] = dataclasses.field(default_factory=dict)
    keep: bool = False
    parametrize: tuple[str, Mapping[str, Any]] | None = None

    @property
    def is_given(self) -> bool:
        """Whether it is a constant whose numbers no state_dict and no spec has: they come with the weights' file."""
        given = self.arguments
        return self.op.name == "Buffer" and not given.get("persistent", True) and given.get("shape") is not None

    @property
    def parameter_count(self) -> int:
        """Elements of its own parameters, tied ones left out."""
        return sum(math.prod(shape) for name, shape in self.parameters.items() if name not in self.tie)

    @property
    def type(self) -> str:
        """The layer's type as the spec writes it."""
        return self.op.name

    @property
    def first(self) -> ValueRef | None:
        """The first value that it takes."""
        return next((value for value in self.operands.values() if isinstance(value, ValueRef)), None)

    def __str__(self) -> str:
        return f'layer "{self.name}" ({self.type})'


@dataclasses.dataclass(frozen=True, slots=True)
class ShapedGraph:
    """The network, ready to build: ``layers`` in execution order, ``outputs`` by name.

    ``dims`` are the dynamic dims in order of appearance, name → (least, greatest) size that every layer accepts
    as far as known (greatest is None without a bound).
    """

    spec: NetworkSpec
    inputs: Mapping[str, TensorType]
    layers: tuple[ShapedLayer, ...]
    outputs: Mapping[str, ValueRef]
    dims: Mapping[str, tuple[int, int | None]]

    def type_of(self, ref: ValueRef) -> TensorType:
        """Shape and dtype of one value."""
        if ref.layer in self.inputs:
            return self.inputs[ref.layer]
        return self._by_name()[ref.layer].outputs[ref.index]

    @property
    def output_types(self) -> dict[str, TensorType]:
        """Shape and dtype of each output."""
        table = self._by_name()
        return {
            name: self.inputs[ref.layer] if ref.layer in self.inputs else table[ref.layer].outputs[ref.index]
            for name, ref in self.outputs.items()
        }

    @property
    def parameter_count(self) -> int:
        """Elements of all parameters."""
        return sum(layer.parameter_count for layer in self.layers)

    @property
    def flops(self) -> Dim:
        """FLOPs of one forward pass, a formula of the dims; a multiply-add counts 2."""
        return sum((layer.flops for layer in self.layers), start=0)

    def _by_name(self) -> dict[str, ShapedLayer]:
        return {layer.name: layer for layer in self.layers}
