"""The proof of an imported ONNX file: onnxruntime gives what the compiled spec does, within float32's rounding."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from graphspec.compiler import Network
from graphspec.diagnostics import GraphspecError, fail, quoted
from graphspec.exporting.tolerance import FLOAT32
from graphspec.importing.imported import Imported
from graphspec.verifying.judge import compare
from graphspec.verifying.rule import Status
from graphspec.verifying.runner import Outputs, Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import ONNXRUNTIME
from graphspec.verifying.runtimes.workers import Workers
from graphspec.verifying.verify import Judge
from graphspec.verifying.verify_report import Comparison, RuntimeReport

#: Layers that give the numbers that they are given, or a mean of them.
_MOVED = frozenset("reshape Flatten flatten permute transpose squeeze unsqueeze select slice Identity mean".split())


def proven(
    path: Path, inputs: Mapping[str, str], outputs: Sequence[str], samples: Mapping[str, Tensor], imported: Imported
) -> Imported:
    """`imported` with what was proven of it: sizes of every open dim are tried, the cases of ``graphspec verify``.

    `inputs` are the spec's names by the file's, `outputs` the file's in order; an input that the spec does without is
    fed its sample.

    Raises:
        GraphspecError: ``not-importable`` where onnxruntime gives something else, or cannot run the file.
    """
    try:
        report = _report(path, inputs, outputs, samples, imported)
    except WorkerError as error:
        message = f"onnxruntime cannot run {quoted(path)}, so nothing is proven: {error}"
        raise fail("not-importable", message) from error
    except GraphspecError as error:
        message = f"{quoted(path)} and the spec cannot be compared: {error.diagnostics[0].message}"
        raise fail("not-importable", message, hint=error.diagnostics[0].hint) from error
    if report.faults:
        raise fail("not-importable", f"{quoted(path)} and the spec are not the same function: {report.faults[0]}")
    return dataclasses.replace(imported, proof=_said(report))


def _report(
    path: Path, inputs: Mapping[str, str], outputs: Sequence[str], samples: Mapping[str, Tensor], imported: Imported
) -> RuntimeReport:
    network = imported.network
    with Judge(network, Runner(network.shaped, Workers(("onnx",))), None) as judge:
        cases = [
            {theirs: expected.case.inputs.get(ours, samples[ours]) for theirs, ours in inputs.items()}
            for expected in judge.expectations
        ]
        asked = judge.runner.write("file_inputs.npz", cases)
        found = judge.runner.run(ONNXRUNTIME, path, asked, list(dict.fromkeys(outputs)))
        names = list(zip(outputs, network.shaped.outputs, strict=True))
        arrays = {
            f"{n}.{ours}": found.arrays[f"{n}.{theirs}"]
            for n in range(len(cases))
            for theirs, ours in names
            if str(n) not in found.errors
        }
        ends = _sigmoids(network)
        compared = compare(judge.expectations, Outputs(arrays, found.errors))
        return RuntimeReport(ONNXRUNTIME.name, tuple(_told(each) if each.output in ends else each for each in compared))


def _sigmoids(network: Network) -> set[str]:
    """The outputs that are a sigmoid's, in whatever order."""
    layers = {layer.name: layer for layer in network.shaped.layers}
    found = set()
    for name, ref in network.shaped.outputs.items():
        while ref.layer in layers and layers[ref.layer].type in _MOVED and layers[ref.layer].first:
            ref = layers[ref.layer].first or ref
        if ref.layer in layers and layers[ref.layer].type.lower() == "sigmoid":
            found.add(name)
    return found


def _told(comparison: Comparison) -> Comparison:
    """Of an output between 0 and 1 that is less than the kernel's own error off, nothing can be told."""
    judged = comparison.judgement
    if judged.status is not Status.FAIL or judged.refused or not 0 < judged.error <= FLOAT32:
        return comparison
    reason = f"off by {judged.error:.1g}, and onnxruntime's Sigmoid is no closer than {FLOAT32:.1g}"
    return dataclasses.replace(
        comparison, judgement=dataclasses.replace(judged, status=Status.INCONCLUSIVE, reason=reason)
    )


def _said(report: RuntimeReport) -> str:
    judged = [each.judgement for each in report.comparisons if each.judgement.status is Status.PASS]
    margin = max((each.error / each.allowed for each in judged if each.allowed), default=0.0)
    count = len({each.case for each in report.comparisons})
    unsure = "; ".join(
        f"nothing can be told from {output} ({reason})" for output, reason in report.inconclusive.items()
    )
    said = (
        f"on {count} inputs onnxruntime gives the same within float32's rounding, at most {margin:.0%} of what it may"
    )
    return f"{said}; {unsure}" if unsure else said
