"""What the module itself gives, in float64 and in float32: the reference, and how noisy float32 is about it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from graphspec.compiler import Network
from graphspec.exporting.capture import eval_copy
from graphspec.exporting.convolution import convolution, transposed
from graphspec.exporting.machine_epsilon import outputs_of, units_of
from graphspec.exporting.sampler import Sampler
from graphspec.exporting.tolerance import FLOAT32, allowed_error, error
from graphspec.shapes.shaped import ShapedGraph

Arrays = dict[str, NDArray[Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class ReferenceOutputs:
    """One input's outputs: ``double`` by the float64 module, ``single`` by the module itself, by output name.

    ``units`` says how coarsely the module rounds on the way to each, as float32 where nothing is said.
    """

    double: Arrays
    single: Arrays
    units: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def unit(self, name: str) -> float:
        """The unit of output `name`; see ``machine_epsilon``."""
        return self.units.get(name, FLOAT32)

    def allowed(self, name: str) -> float:
        """How far another computation of output `name` may lie from ``double``, by the module's own error."""
        return allowed_error(self.double[name], noise(self, name), self.unit(name))


class Reference:
    """A network's module in both precisions, on the CPU in eval mode.

    Calling it runs both; inputs are by name, in order.
    """

    def __init__(self, network: Network) -> None:
        self.single = eval_copy(network.module)
        self.double = eval_copy(network.module, torch.float64)
        self.network = network.with_module(self.single, network.weights)
        self.output_names = list(network.shaped.outputs)
        self.units = units_of(self.network)
        self.output_units = outputs_of(network.shaped, self.units)
        self.layers: Any = None
        """What was noted of the layers on one input; see ``verifying.blame.layer_values``."""
        self._kept: list[tuple[dict[str, Tensor], ReferenceOutputs]] = []

    @property
    def shaped(self) -> ShapedGraph:
        """The network's graph."""
        return self.network.shaped

    @functools.cached_property
    def sampler(self) -> Sampler:
        """Draws inputs of the network."""
        return Sampler.of(self.network)

    def keep(self, inputs: Mapping[str, Tensor], outputs: ReferenceOutputs | None = None) -> ReferenceOutputs:
        """What both modules give for `inputs`, which :meth:`kept` tells from now on; `outputs` where it is known."""
        self._kept.append((dict(inputs), outputs := outputs or self(inputs)))
        return outputs

    def kept(self, inputs: Mapping[str, Tensor]) -> ReferenceOutputs | None:
        """The outputs for such `inputs`, if they were kept."""
        for known, outputs in self._kept:
            if all(torch.equal(value, known[name]) for name, value in inputs.items()):
                return outputs
        return None

    def __call__(self, inputs: Mapping[str, Tensor]) -> ReferenceOutputs:
        """Run both modules on `inputs`."""
        return self.outputs(self.in_double(inputs), self.in_single(inputs))

    def outputs(self, double: Arrays, single: Arrays) -> ReferenceOutputs:
        """Both outputs for one input, with the units of this network."""
        return ReferenceOutputs(double, single, self.output_units)

    def in_single(self, inputs: Mapping[str, Tensor]) -> Arrays:
        """What the module itself gives."""
        with torch.no_grad():
            return self.by_name(self.single(*inputs.values()))

    def in_double(self, inputs: Mapping[str, Tensor]) -> Arrays:
        """What it gives in float64."""
        with torch.no_grad(), in_float64():
            return self.by_name(self.double(*map(as_float64, inputs.values())))

    def by_name(self, result: Tensor | Mapping[str, Tensor]) -> Arrays:
        """A result of either module as arrays."""
        table = {self.output_names[0]: result} if isinstance(result, Tensor) else result
        return {name: as_array(table[name]) for name in self.output_names}


def as_array(tensor: Tensor) -> NDArray[Any]:
    """`tensor` as numpy; bfloat16, which numpy lacks, as float32."""
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().cpu().numpy()


def as_float64(tensor: Tensor) -> Tensor:
    """A floating-point `tensor` in float64, any other unchanged."""
    return tensor.double() if tensor.is_floating_point() else tensor


@contextmanager
def in_float64() -> Iterator[None]:
    """Inside, float32 written into a layer (``to(dtype=torch.float32)``) means float64."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Promoted():
            yield
    finally:
        torch.set_default_dtype(default)


class _Promoted(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        call: Callable[..., Any] = Tensor.double if func is Tensor.float else func
        args = tuple(torch.float64 if arg is torch.float32 else arg for arg in args)
        named = {key: torch.float64 if arg is torch.float32 else arg for key, arg in (kwargs or {}).items()}
        faster = _FASTER.get(func)
        return call(*args, **named) if faster is None else faster(call, args, named)


#: What is computed in float64 by another way than torch's.
_FASTER: dict[Any, Callable[..., Any]] = {torch.conv2d: convolution, torch.conv_transpose2d: transposed}


def noise(outputs: ReferenceOutputs, name: str) -> float:
    """The module's own error at output `name`: max|float32 − float64|."""
    return error(outputs.single[name], np.asarray(outputs.double[name]))


def first_rows(whole: ReferenceOutputs, single: Arrays) -> Arrays | None:
    """The first rows of `whole` in float64, where they are the float64 outputs for the first rows of its inputs.

    They are if `single`, the float32 module's own outputs for those rows alone, passes for them: the module then treats
    each sample by itself. None where it does not.
    """
    rows = {name: value[: len(single[name])] for name, value in whole.double.items()}
    for name, value in rows.items():
        floating = np.issubdtype(value.dtype, np.floating)
        allowed = allowed_error(value, noise(whole, name), whole.unit(name)) if floating else 0.0
        if value.shape != single[name].shape or error(single[name], value) > allowed:
            return None
    return rows
