"""What each layer of the module itself gives, in both precisions, and how far rounding moves it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from graphspec.exporting.costly import batch_dim
from graphspec.exporting.reference import Reference, ReferenceOutputs, as_array, as_float64, in_float64
from graphspec.exporting.sampler import size_of
from graphspec.exporting.tolerance import FLOAT32, error
from graphspec.verifying.cases import Case
from graphspec.verifying.rounding import HALF_ULP, Rounded

#: Elements of layers' values that are kept while files are judged, in 12 bytes each.
MOST_KEPT = 1 << 27
#: A layer's values in double and single precision, each with the error that rounding makes, and its unit.
Values = list[tuple[NDArray[Any], NDArray[Any], float, float]]
Recorded = list[NDArray[Any]]
#: A layer's call in the module, and the shape of the tensor that it is called with.
Entering = tuple[fx.Node, tuple[int, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class _Noted:
    """What was seen of the layers on `inputs`: ``values`` of those with weights, and what was ``entering`` each."""

    inputs: Mapping[str, Tensor]
    values: dict[str, Values]
    entering: dict[str, Entering]


def layer_values(reference: Reference, case: Case, among: Collection[str]) -> dict[str, Values]:
    """The values of each layer `among` those named on `case`, in both precisions, with the module's own error."""
    noted = _noted(reference, case)
    if noted and all(name in noted.values for name in among):
        return noted.values
    single = _recorded(_Recorder(reference, among), reference, case.inputs.values())
    double = _in_double(_Recorder(reference, among, double=True), reference, case)
    return _values(reference, single, double)


def record_layers(reference: Reference, case: Case) -> ReferenceOutputs:
    """The outputs of both precisions on `case`; the values of the layers with weights are noted on the way."""
    among = {layer.name for layer in reference.shaped.layers if layer.parameters}
    single, double = _Recorder(reference, among), _Recorder(reference, among, double=True)
    values = _recorded(single, reference, case.inputs.values()), _in_double(double, reference, case)
    found = {name: value for name, value in _values(reference, *values).items() if name in among}
    reference.layers = _Noted(case.inputs, found, single.entering)
    return reference.outputs(reference.by_name(double.result), reference.by_name(single.result))


def entering_shapes(reference: Reference, case: Case) -> dict[str, Entering]:
    """By layer that is called with one tensor of floats and gives one: its call, and that tensor's shape on `case`."""
    if noted := _noted(reference, case):
        return noted.entering
    recorder = _Recorder(reference, ())
    _recorded(recorder, reference, case.inputs.values())
    return recorder.entering


def _noted(reference: Reference, case: Case) -> _Noted | None:
    noted: _Noted | None = reference.layers
    return noted if noted and noted.inputs is case.inputs else None


def recordable(reference: Reference, case: Case) -> bool:
    """Whether the values of the layers with weights can be kept, for one sample."""
    batch = batch_dim(reference.shaped)
    sizes = {**reference.sampler.sizes, **({batch: 1} if batch else {})}
    shapes = [kind.shape for layer in reference.shaped.layers if layer.parameters for kind in layer.outputs.values()]
    elements = sum(math.prod(size_of(dim, sizes) for dim in shape) for shape in shapes)
    one = batch is not None and all(len(value) == 1 for value in case.inputs.values())
    return one and isinstance(reference.single, fx.GraphModule) and elements <= MOST_KEPT


def _values(reference: Reference, single: Mapping[str, Recorded], double: Mapping[str, Recorded]) -> dict[str, Values]:
    return {
        name: [
            (wide, own, error(own, wide), reference.units[name] or FLOAT32)
            for wide, own in zip(double[name], single[name], strict=True)
        ]
        for name in single
    }


def with_rounding(
    values: Mapping[str, Values], reference: Reference, case: Case, among: Container[str]
) -> dict[str, Values]:
    """`values`, with the error of another rounding where that is greater."""
    rounded = _in_double(_Recorder(reference, among, double=True, ulps=HALF_ULP), reference, case)
    return {
        name: [
            (wide, single, max(noise, error(off, wide)), unit)
            for (wide, single, noise, unit), off in zip(own, rounded[name], strict=True)
        ]
        for name, own in values.items()
    }


def _in_double(recorder: _Recorder, reference: Reference, case: Case) -> dict[str, list[NDArray[Any]]]:
    with in_float64():
        return _recorded(recorder, reference, map(as_float64, case.inputs.values()))


def _recorded(recorder: _Recorder, reference: Reference, inputs: Iterable[Tensor]) -> dict[str, list[NDArray[Any]]]:
    with torch.no_grad():
        recorder.result = recorder.run(*inputs)
    layers = [layer for layer in reference.shaped.layers if not layer.keep]  # what is only kept is never run
    return {layer.name: values for layer, values in zip(layers, recorder.values, strict=True)}


class _Recorder(Rounded):
    """Runs the module and keeps what each layer `among` those named gave, in the order of all layers."""

    def __init__(self, reference: Reference, among: Container[str], *, double: bool = False, ulps: float = 0.0) -> None:
        super().__init__(reference.double if double else reference.single, reference.units, ulps)
        self.values: list[list[NDArray[Any]]] = []
        self.entering: dict[str, Entering] = {}
        self.result: Any = None
        self._kept = [layer.name in among for layer in reference.shaped.layers]

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n.op in ("call_module", "get_attr"):
            kept = self._kept[len(self.values)]
            self.values.append(list(_arrays(value)) if kept else [])  # copies: the next layer may work in place
        if n.op == "call_module" and isinstance(value, Tensor) and not n.kwargs:
            args, _ = self.fetch_args_kwargs_from_env(n)
            if len(args) == 1 and isinstance(args[0], Tensor) and args[0].dtype == torch.float32:
                self.entering[str(n.target)] = n, tuple(args[0].shape)
        return value


def _arrays(value: Any) -> Iterator[NDArray[Any]]:
    if isinstance(value, Tensor):
        yield as_array(value).copy()
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _arrays(item)
