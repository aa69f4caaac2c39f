"""Which layer of a network a format that shows none computes otherwise, by a file of its own that gives every layer's
value.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection
from pathlib import Path

from torch import fx

from graphspec.compiler import Network
from graphspec.diagnostics import GraphspecError
from graphspec.exporting.capture import capture
from graphspec.exporting.metadata import Metadata
from graphspec.exporting.order import Order
from graphspec.exporting.reference import Reference
from graphspec.exporting.sampler import Sampler
from graphspec.formats import FORMATS
from graphspec.shapes.shaped import ValueRef
from graphspec.verifying.blame.onnx_blame import first_wrong
from graphspec.verifying.cases import Case
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import Runtime
from graphspec.verifying.verify_report import Blame

#: Where no layer is at fault.
_OTHER = "every layer is right in a file written anew: this one is of another network, or another version wrote it"


def find(
    runtime: Runtime, path: Path, reference: Reference, case: Case, runner: Runner, among: Collection[str] | None = None
) -> Blame | None:
    """The first layer, in the order of execution, whose values in a file of `reference`'s own are not the module's.

    Raises:
        WorkerError: the file cannot be run.
    """
    network, names = _giving_all(reference.network)
    format = FORMATS[runtime.format]
    probe = runner.scratch / f"probe_{format.file}"
    try:
        order = Order(capture(network, Sampler.of(network)), network.spec.export.opset_version, {}, Metadata())
        format.writer.write(order, probe)
    except GraphspecError:  # every layer's value is more than the network's own outputs: no layer can be named
        return None
    outputs = runner.run(runtime, probe, runner.write("probe_inputs.npz", [case.inputs]), names)
    if "0" in outputs.errors:
        return None
    found = first_wrong({name: [name] for name in names}, outputs.of(0), reference, runner.shaped, case)
    return found or Blame(None, (), _OTHER)


def _giving_all(network: Network) -> tuple[Network, list[str]]:
    """`network` with the value of every layer that gives one tensor as an output, and these layers' names."""
    module = copy.deepcopy(network.module)
    assert isinstance(module, fx.GraphModule)
    nodes = [node for node in module.graph.nodes if node.op in ("call_module", "get_attr")]
    layers = network.shaped.layers
    given = {layer.name: node for layer, node in zip(layers, nodes, strict=True) if set(layer.outputs) == {()}}
    end = next(node for node in module.graph.nodes if node.op == "output")
    end.args = (given,) if len(given) > 1 else (*given.values(),)
    module.recompile()
    outputs = {name: ValueRef(name) for name in given}
    whole = network.with_module(module, network.weights)
    return whole.with_shaped(dataclasses.replace(network.shaped, outputs=outputs)), list(given)
