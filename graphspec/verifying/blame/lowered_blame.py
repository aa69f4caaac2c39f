"""Which layer of a network a format that shows none computes otherwise, or cannot run, by files of its own that give
layers' values.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from graphspec.compiler import Network
from graphspec.diagnostics import GraphspecError
from graphspec.exporting.capture import capture
from graphspec.exporting.metadata import Metadata
from graphspec.exporting.order import Order
from graphspec.exporting.prefix import first_that, giving, values
from graphspec.exporting.reference import Reference
from graphspec.exporting.sampler import Sampler
from graphspec.formats import FORMATS
from graphspec.verifying.blame.onnx_blame import first_wrong
from graphspec.verifying.cases import Case
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import Runtime
from graphspec.verifying.verify_report import Blame

#: Where no layer is at fault.
_OTHER = "every layer is right in a file written anew: this one is of another network, or another version wrote it"


def find(
    runtime: Runtime, path: Path, reference: Reference, case: Case, runner: Runner, among: Collection[str] | None = None
) -> Blame | None:
    """The first layer, in the order of execution, whose values in a file of `reference`'s own are not the module's, or
    from which on such a file cannot be run.
    """
    names = values(reference.network)
    probe = runner.scratch / f"probe_{FORMATS[runtime.format].file}"
    inputs = runner.write("probe_inputs.npz", [case.inputs])
    try:
        _write(giving(reference.network, names), runtime, probe)
        outputs = runner.run(runtime, probe, inputs, names)
        runs = "0" not in outputs.errors
    except GraphspecError:  # every layer's value is more than the network's own outputs: no layer can be named
        return None
    except WorkerError:
        runs = False
    if runs:
        found = first_wrong({name: [name] for name in names}, outputs.of(0), reference, runner.shaped, case)
        return found or Blame(None, (), _OTHER)

    def fails(part: Network) -> bool:
        try:
            _write(part, runtime, probe)
            return "0" in runner.run(runtime, probe, inputs, list(part.shaped.outputs)).errors
        except GraphspecError:
            return False
        except WorkerError:
            return True

    layer = first_that(fails, reference.network)
    return Blame(layer.name, layer.at, f'layer "{layer.name}" cannot be run') if layer else None


def _write(network: Network, runtime: Runtime, path: Path) -> None:
    order = Order(capture(network, Sampler.of(network)), network.spec.export.opset_version, {}, Metadata())
    FORMATS[runtime.format].writer.write(order, path)
