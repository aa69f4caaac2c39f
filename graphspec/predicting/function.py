"""The function that predicts: a run's module in torch, or an export's ONNX file in onnxruntime."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from graphspec.compiler import Network
from graphspec.diagnostics import fail, quoted
from graphspec.exporting import Bundle
from graphspec.found import kind_of
from graphspec.predicting.predict import Run, module_function
from graphspec.shapes import ShapedGraph
from graphspec.verifying import OnnxFunction
from graphspec.verifying.publication import run_labels


@dataclasses.dataclass(frozen=True, slots=True)
class Function:
    """What is run, and what is known of it: the network that it computes, and the names of the classes."""

    run: Run
    shaped: ShapedGraph
    labels: Sequence[str] | None


@contextlib.contextmanager
def function_of(folder: Path) -> Iterator[Function]:
    """The function of a run, or of an export whose hashes are checked first.

    Raises:
        GraphspecError: what is wrong with the folder.
    """
    if kind_of(folder) == "run":
        network = Network.open(folder)
        run = module_function(network.build(), list(network.shaped.outputs))
        yield Function(run, network.shaped, run_labels(folder))
        return
    bundle = Bundle.open(folder)
    bundle.check_hashes()
    if "onnx" not in bundle.formats:
        raise fail("not-exportable", f"{quoted(folder)} has no ONNX file", hint="export it with --format onnx")
    network = Network.open(folder)
    network.warn_if_untrained("this predicts with")
    shaped = network.shaped
    with OnnxFunction(bundle.path("onnx"), shaped) as model:
        yield Function(model, shaped, bundle.manifest["labels"])
