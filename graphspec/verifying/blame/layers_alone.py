"""Layers that the network's own inputs do not exercise, each run alone on inputs of its own.

The file is cut before each such layer: what enters it becomes an input of the model, what leaves it an output, and the
module's own layer is called with the same numbers. What is dead or faint inside the network is an ordinary layer then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from graphspec.exporting.reference import Reference, as_array, as_float64, in_float64
from graphspec.exporting.tolerance import FLOAT32, error
from graphspec.system.torch_private import AnyBatchNorm, AnyConvolution
from graphspec.verifying.blame.layer_values import entering_shapes
from graphspec.verifying.blame.onnx_blame import layers_of_nodes, values_leaving
from graphspec.verifying.cases import SCALES, Case
from graphspec.verifying.rule import Status, judge
from graphspec.verifying.runner import Outputs, Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import UNOPTIMISED
from graphspec.verifying.verify_report import Blame

#: Places along an axis on which a layer that does the same at each place is run, and how many windows at least.
PLACES = 16
WINDOWS = 4


@dataclasses.dataclass(frozen=True, slots=True)
class _Cut:
    """A layer of one tensor: its call in the module, the values of the file before and behind it, and a shape."""

    layer: str
    node: fx.Node
    entering: str
    leaving: str
    shape: tuple[int, ...]

    def on_few_places(self, module: nn.Module) -> _Cut:
        """The same on fewer places, where `module`, the network's, has a layer that does the same at each of them."""
        layer, shape = module.get_submodule(str(self.node.target)), list(self.shape)
        if isinstance(layer, AnyConvolution) and len(shape) == 2 + len(layer.kernel_size):
            windows = [reach * (size - 1) + 1 for size, reach in zip(layer.kernel_size, layer.dilation, strict=True)]
            shape[2:] = [min(n, max(PLACES, WINDOWS * size)) for n, size in zip(shape[2:], windows, strict=True)]
        elif isinstance(layer, AnyBatchNorm):
            shape[2:] = [min(n, PLACES) for n in shape[2:]]
        elif isinstance(layer, nn.Linear):
            shape[1:-1] = [min(n, PLACES) for n in shape[1:-1]]
        return dataclasses.replace(self, shape=tuple(shape))


def blame_alone(path: Path, reference: Reference, case: Case, runner: Runner, layers: Collection[str]) -> Blame | None:
    """The first of `layers`, in the order of execution, that gives other values than the module's where it runs alone.

    Those that take or give several values are left out. A layer that does the same at each place of a picture or a
    sequence is run on few places, or on all where the file is bound to that size.
    """
    import onnx

    model = onnx.load(str(path))
    whole = list(_cuts(model.graph, reference, case, runner, layers))
    few = [cut.on_few_places(reference.single) for cut in whole]
    for cuts in (few, whole) if few != whole else (whole,):
        found = _run(model, cuts, reference, runner) if cuts else None
        if found is not None:
            return _first(cuts, found, reference, runner)
    return None


def _run(model: Any, cuts: Sequence[_Cut], reference: Reference, runner: Runner) -> Outputs | None:
    """What leaves the layers of `model` on inputs of their own; None where it does not run, or gives other shapes."""
    import onnx

    cases, probe = _cases(cuts), runner.scratch / "alone.onnx"
    onnx.save(_cut_model(model, cuts), str(probe))
    try:
        found = runner.run(UNOPTIMISED, probe, runner.write("alone.npz", cases), [cut.leaving for cut in cuts])
    except WorkerError:  # a runtime that cannot run a part has run the whole
        return None
    if found.errors:
        return None
    first = found.of(0)
    fits = all(first[cut.leaving].shape == _called(reference.single, cut, cases[0]).shape for cut in cuts)
    return found if fits else None


def _first(cuts: Sequence[_Cut], found: Outputs, reference: Reference, runner: Runner) -> Blame | None:
    cases = _cases(cuts)
    for cut in cuts:
        for k, inputs in enumerate(cases):
            reason = _wrong(cut, reference, inputs, found.of(k)[cut.leaving])
            if reason:
                layer = next(layer for layer in runner.shaped.layers if layer.name == cut.layer)
                detail = f'layer "{cut.layer}" differs on inputs of its own: {reason}'
                return Blame(layer.name, layer.at, detail)
    return None


def _cuts(
    graph: Any, reference: Reference, case: Case, runner: Runner, layers: Collection[str]
) -> Iterator[_Cut]:  # fmt: skip
    owners = layers_of_nodes(graph)
    leaving = values_leaving(graph, owners)
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    shapes = entering_shapes(reference, case)
    for layer in runner.shaped.layers:
        if layer.name not in layers or layer.name not in shapes:
            continue
        node, shape = shapes[layer.name]
        own = [n for n in graph.node if owners.get(n.name) == layer.name]
        made = {name for n in own for name in n.output}
        entering = {name for n in own for name in n.input if name and name not in made and name not in constants}
        if len(entering) == 1 and len(leaving.get(layer.name, ())) == 1:
            yield _Cut(layer.name, node, entering.pop(), leaving[layer.name][0], shape)


def _cases(cuts: Collection[_Cut]) -> list[dict[str, Tensor]]:
    """What enters the layers, in each magnitude of `SCALES`."""
    return [_inputs(cuts, scale, seed) for seed, scale in enumerate(SCALES)]


def _inputs(cuts: Collection[_Cut], scale: float, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {_input(cut.entering): torch.randn(cut.shape, generator=generator) * scale for cut in cuts}


def _input(value: str) -> str:
    """What a value is called where it is an input."""
    return f"{value}/alone"


def _cut_model(model: Any, cuts: Collection[_Cut]) -> Any:
    """What leaves the layers as outputs, and what enters them as inputs, under names of its own."""
    import onnx

    entering, needed = {cut.entering for cut in cuts}, {cut.leaving for cut in cuts}
    nodes: list[Any] = []
    for node in reversed(model.graph.node):
        if not needed.isdisjoint(node.output):
            needed.update(name for name in node.input if name not in entering)
            cut = onnx.NodeProto()
            cut.CopyFrom(node)
            cut.input[:] = [_input(name) if name in entering else name for name in node.input]
            nodes.append(cut)
    inputs = [onnx.helper.make_tensor_value_info(_input(name), onnx.TensorProto.FLOAT, None) for name in entering]
    outputs = [onnx.ValueInfoProto(name=cut.leaving) for cut in cuts]
    numbers = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    graph = onnx.helper.make_graph(nodes[::-1], "alone", inputs, outputs, numbers)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _wrong(cut: _Cut, reference: Reference, inputs: Mapping[str, Tensor], found: Any) -> str:
    """Why `found` is not what the module's layer gives for its input; empty where it is."""
    single, double = (_called(module, cut, inputs) for module in (reference.single, reference.double))
    if found.shape != single.shape:
        return ""  # the file arranges this value otherwise
    judged = judge(found, double, single, error(single, double), unit=reference.units[cut.layer] or FLOAT32)
    return judged.reason if judged.status is Status.FAIL else ""


def _called(module: nn.Module, cut: _Cut, inputs: Mapping[str, Tensor]) -> Any:
    layer, value = module.get_submodule(str(cut.node.target)), inputs[_input(cut.entering)]
    with torch.no_grad():
        if all(weight.dtype != torch.float64 for weight in layer.parameters()):
            return as_array(layer(value.clone()))
        with in_float64():
            return as_array(layer(as_float64(value)))
