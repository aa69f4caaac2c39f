"""Which layer of an ONNX file is at fault: by the values that leave it in the network, else by the layer alone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from graphspec.exporting.reference import Reference
from graphspec.verifying.blame.layers_alone import blame_alone
from graphspec.verifying.blame.onnx_blame import blame_onnx
from graphspec.verifying.cases import Case
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import Runtime
from graphspec.verifying.verify_report import Blame


def find(
    runtime: Runtime, path: Path, reference: Reference, case: Case, runner: Runner, among: Collection[str] | None = None
) -> Blame | None:
    """The first layer of the file at `path`, `among` some if given, that gives something else than the module's."""
    found = blame_onnx(runtime, path, reference, case, runner, among)
    return found or (blame_alone(path, reference, case, runner, among) if among else None)
