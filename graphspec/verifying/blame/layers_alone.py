"""Layers that the network's own inputs do not exercise, each run alone on inputs of its own.

The file is cut before each such layer: what enters it becomes an input of the model, what leaves it an output, and the
module's own layer is called with the same numbers. What is dead or faint inside the network is an ordinary layer then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx

from graphspec.exporting.reference import Reference, as_array, as_float64, in_float64
from graphspec.exporting.tolerance import FLOAT32, error
from graphspec.verifying.blame.onnx_blame import layers_of_nodes, values_leaving
from graphspec.verifying.cases import SCALES, Case
from graphspec.verifying.rule import Status, judge
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import UNOPTIMISED
from graphspec.verifying.verify_report import Blame


@dataclasses.dataclass(frozen=True, slots=True)
class _Cut:
    """A layer of one tensor: its call in the module, the values of the file before and behind it, and a shape."""

    layer: str
    node: fx.Node
    entering: str
    leaving: str
    shape: tuple[int, ...]


def blame_alone(path: Path, reference: Reference, case: Case, runner: Runner, layers: Collection[str]) -> Blame | None:
    """The first of `layers`, in the order of execution, that gives other values than the module's where it runs alone.

    Those that take or give several values are left out.
    """
    import onnx

    model = onnx.load(str(path))
    cuts = list(_cuts(model.graph, reference, case, runner, layers))
    if not cuts:
        return None
    cases = [_inputs(cuts, scale, seed) for seed, scale in enumerate(SCALES)]
    probe = runner.scratch / "alone.onnx"
    onnx.save(_cut_model(model, cuts), str(probe))
    try:
        outputs = runner.run(UNOPTIMISED, probe, runner.write("alone.npz", cases), [cut.leaving for cut in cuts])
    except WorkerError:  # a runtime that cannot run a part has run the whole
        return None
    for cut in cuts:
        for k, inputs in enumerate(cases):
            found = outputs.of(k).get(cut.leaving)
            reason = "" if found is None else _wrong(cut, reference, inputs[_input(cut.entering)], found)
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
    shapes = _entering_shapes(reference.single, case)
    for layer in runner.shaped.layers:
        if layer.name not in layers or layer.name not in shapes:
            continue
        node, shape = shapes[layer.name]
        own = [n for n in graph.node if owners.get(n.name) == layer.name]
        made = {name for n in own for name in n.output}
        entering = {name for n in own for name in n.input if name and name not in made and name not in constants}
        if len(entering) == 1 and len(leaving.get(layer.name, ())) == 1:
            yield _Cut(layer.name, node, entering.pop(), leaving[layer.name][0], shape)


def _entering_shapes(module: torch.nn.Module, case: Case) -> dict[str, tuple[fx.Node, tuple[int, ...]]]:
    """By layer that is called with one tensor of floats and gives one: its call, and that tensor's shape."""
    assert isinstance(module, fx.GraphModule)
    found: dict[str, tuple[fx.Node, tuple[int, ...]]] = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            if n.op == "call_module" and isinstance(value, Tensor) and not n.kwargs:
                args, _ = self.fetch_args_kwargs_from_env(n)
                if len(args) == 1 and isinstance(args[0], Tensor) and args[0].dtype == torch.float32:
                    found[str(n.target)] = n, tuple(args[0].shape)
            return value

    with torch.no_grad():
        Recorder(module).run(*case.inputs.values())
    return found


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
            for k, name in enumerate(node.input):
                node.input[k] = _input(name) if name in entering else name
            nodes.insert(0, node)
    inputs = [onnx.helper.make_tensor_value_info(_input(name), onnx.TensorProto.FLOAT, None) for name in entering]
    outputs = [onnx.ValueInfoProto(name=cut.leaving) for cut in cuts]
    numbers = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    graph = onnx.helper.make_graph(nodes, "alone", inputs, outputs, numbers)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _wrong(cut: _Cut, reference: Reference, value: Tensor, found: Any) -> str:
    """Why `found` is not what the module's layer gives for `value`; empty where it is."""
    single, double = (_called(module, cut.node, value) for module in (reference.single, reference.double))
    if found.shape != single.shape:
        return ""  # the file arranges this value otherwise
    judged = judge(found, double, single, error(single, double), unit=reference.units[cut.layer] or FLOAT32)
    return judged.reason if judged.status is Status.FAIL else ""


def _called(module: torch.nn.Module, node: fx.Node, value: Tensor) -> Any:
    layer = module.get_submodule(str(node.target))
    with torch.no_grad():
        if all(weight.dtype != torch.float64 for weight in layer.parameters()):
            return as_array(layer(value.clone()))
        with in_float64():
            return as_array(layer(as_float64(value)))
