"""The function that predicts: a run's module in torch, or an export's ONNX file in onnxruntime."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from graphspec.compiler import Network
from graphspec.data.learned import FILE, Learned
from graphspec.diagnostics import fail, quoted
from graphspec.exporting import Bundle
from graphspec.formats import BASE
from graphspec.found import expect
from graphspec.shapes import ShapedGraph
from graphspec.verifying import OnnxFunction
from graphspec.verifying.publication import run_labels

#: Forward's inputs in order to the outputs by name.
Run = Callable[[Sequence[Tensor]], dict[str, Tensor]]
#: So many samples are computed at once: a file of many would not fit into memory otherwise.
_AT_ONCE = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Function:
    """What is run, and what is known of it: the network that it computes, the names of the classes, and what was
    learned from the training part (None where the folder does not keep it).
    """

    run: Run
    network: Network
    labels: Sequence[str] | None
    learned: Learned | None = None


def module_function(module: nn.Module, names: Sequence[str]) -> Run:
    """`module` in eval mode without gradients, its outputs called `names`."""
    module.eval()

    @torch.inference_mode()
    def run(values: Sequence[Tensor]) -> dict[str, Tensor]:
        found = module(*values)
        return found if isinstance(found, dict) else {names[0]: found}

    return run


def in_parts(run: Run, shaped: ShapedGraph) -> Run:
    """`run` for so many samples at once as the network takes; as it is where an output is not one of samples, or where
    one sample alone is too few.
    """
    kinds = [*shaped.inputs.values(), *shaped.output_types.values()]
    batch = {str(kind.shape[0]) if kind.shape else "" for kind in kinds}
    least, greatest = shaped.dims.get(batch.pop(), (2, None))
    if batch or least > 1:
        return run
    at_once = min(greatest or _AT_ONCE, _AT_ONCE)

    def each(values: Sequence[Tensor]) -> dict[str, Tensor]:
        parts = [run(part) for part in zip(*(value.split(at_once) for value in values), strict=True)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if len(parts) > 1 else parts[0]

    return each


@contextlib.contextmanager
def function_of(folder: Path) -> Iterator[Function]:
    """The function of a run, or of an export whose hashes are checked first.

    Raises:
        GraphspecError: what is wrong with the folder.
    """
    if expect(folder, "run", "export") == "run":
        network = Network.open(folder)
        run = in_parts(module_function(network.build(), list(network.shaped.outputs)), network.shaped)
        yield Function(run, network, run_labels(folder), Learned.read(folder))
        return
    bundle = Bundle.open(folder)
    bundle.check_hashes()
    if BASE.name not in bundle.formats:
        raise fail("not-exportable", f"{quoted(folder)} has no ONNX file", hint="export it with --format onnx")
    network = Network.open(folder)
    network.warn_if_untrained("this predicts with")
    with OnnxFunction(bundle.path(BASE.name), network.shaped) as model:
        learned = Learned.read(folder) if FILE in bundle.manifest["files"] else None
        yield Function(in_parts(model, network.shaped), network, bundle.manifest["labels"], learned)
