"""onnxruntime's CPU provider. Loaded by the worker: this file imports nothing of graphspec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .tensors import Run


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str], optimised: bool = True) -> Run:
    """The file as users run it, or, not `optimised`, with every node as it is written."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    run: Run = lambda inputs: session.run(list(names), inputs)  # noqa: E731
    return run
