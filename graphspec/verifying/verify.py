"""Verification of a bundle: the module's own answers against every file, in every runtime, on every case."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphspec.diagnostics import Diagnostic, VerificationError
from graphspec.exporting.bundle import Bundle
from graphspec.exporting.reference import as_array
from graphspec.exporting.sampler import Sampler
from graphspec.shapes.shaped import ShapedGraph
from graphspec.verifying.compare import Oracle, Truth
from graphspec.verifying.inputs import cases, further_cases
from graphspec.verifying.report import RuntimeReport, VerifyReport
from graphspec.verifying.rule import Status
from graphspec.verifying.runtimes import Workers, chosen, run, write_cases
from graphspec.verifying.signature import check_onnx

#: Seconds that one runtime may take for all cases.
TIME_LIMIT = 300.0


def verify_bundle(
    module: nn.Module,
    shaped: ShapedGraph,
    bundle: Bundle,
    *,
    workers: Workers | None = None,
    seconds: float = TIME_LIMIT,
) -> VerifyReport:
    """Judge every file of `bundle` by `module`, the network it claims to be.

    Args:
        module: the compiled network, any device, any mode; copies of it are run on the CPU.
        shaped: its graph.
        bundle: the files, published or not.
        workers: processes already started for these formats, so that their imports are over; started here otherwise.
        seconds: how long one runtime may take for all cases.

    Raises:
        VerificationError: ``tampered`` where a file is not what the manifest says, ``inconclusive`` where the network
            itself is random in eval mode. A mismatch is not raised but reported.
    """
    bundle.check_hashes()
    with workers or Workers(bundle.formats) as ready, tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        truths = _truths(module, shaped, golden_sample(bundle))
        known = time.perf_counter()
        path = Path(folder) / "inputs.npz"
        write_cases(path, truths)
        reports = tuple(
            run(runtime, ready, bundle.path(runtime.format), shaped, truths, path, seconds)
            for runtime in chosen(bundle)
        )
        opset = bundle.manifest["opset_version"]
        faults = check_onnx(bundle.path("onnx"), shaped, opset) if "onnx" in bundle.formats else []
        times = {"reference": known - start, "runtimes": time.perf_counter() - known}
    return VerifyReport(reports, tuple(faults), failing_input=_failing_input(reports, truths), seconds=times)


def _truths(module: nn.Module, shaped: ShapedGraph, sample: Mapping[str, Tensor] | None) -> list[Truth]:
    """The cases with their answers; more extreme cases where an output says nothing on the ordinary ones."""
    oracle = Oracle(module, shaped)
    sampler = Sampler.of(oracle.reference.single, shaped)
    made = cases(oracle.reference.single, shaped, sampler, sample)
    if not oracle.is_deterministic(made[0]):
        raise VerificationError([Diagnostic("inconclusive", "the network itself gives two answers to one input")])
    truths = [oracle.answer(case) for case in made]
    if _inconclusive(truths):
        truths += [oracle.answer(case) for case in further_cases(oracle.reference.single, sampler)]
    return truths


def _inconclusive(truths: list[Truth]) -> bool:
    """Whether some output, given right, would tell nothing in any case."""
    from graphspec.verifying.compare import compare

    perfect = {f"{k}.{name}": array for k, truth in enumerate(truths) for name, array in truth.answer.single.items()}
    return bool(RuntimeReport("perfect", compare(truths, perfect, {})).inconclusive)


def golden_sample(bundle: Bundle) -> dict[str, Tensor] | None:
    """The real batch among the bundle's goldens, if there is one."""
    path = bundle.folder / "golden.npz"
    with np.load(path, allow_pickle=False) as file:
        prefix = "2.input."
        found = {key.removeprefix(prefix): torch.from_numpy(file[key]) for key in file if key.startswith(prefix)}
    return found or None


def _failing_input(reports: tuple[RuntimeReport, ...], truths: list[Truth]) -> dict[str, NDArray[Any]]:
    """The first input that some runtime answered wrongly."""
    for report in reports:
        for comparison in report.comparisons:
            if comparison.judgement.status is Status.FAIL:
                truth = next(truth for truth in truths if truth.case.name == comparison.case)
                return {name: as_array(tensor) for name, tensor in truth.case.inputs.items()}
    return {}
