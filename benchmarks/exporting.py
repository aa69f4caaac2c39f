"""Where the time of one verified export goes, beside what torch.onnx.export alone takes for the same network.

    python benchmarks/exporting.py [--rounds 7] [--spec specs/fashion_cnn.toml]

One process, one thread, rounds interleaved, imports apart: both sides have run once, and the worker processes have
imported what they need, before a clock starts. An export here is ONNX, TorchScript and .pt2, each verified in its
runtimes; the other side is one call of torch.onnx.export with dynamic shapes, which verifies nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from graphspec import compiler, exporting, verifying
from graphspec.compiler import Network
from graphspec.exporting.bundle import bundle as stage
from graphspec.verifying.runtimes.runtime import RUNTIMES
from graphspec.verifying.runtimes.workers import Workers

ROOT = Path(__file__).parents[1]
FORMATS = ("onnx", "torchscript", "pt2")
#: The steps of an export by the function that does it.
STEPS = {
    "capture": "capture", "ONNX": "onnx_model", "write ONNX": "save", "TorchScript": "write_torchscript",
    ".pt2": "write_pt2", "goldens": "_write_goldens",
}  # fmt: skip
Times = dict[str, list[float]]


def timed(function: Callable[..., Any], label: str, times: Times) -> Callable[..., Any]:
    """`function`, its seconds appended to ``times[label]``."""

    def call(*args: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **named)
        finally:
            times[label].append(time.perf_counter() - start)

    return call


@contextlib.contextmanager
def clocks(times: Times) -> Iterator[None]:
    """Inside, every step of an export is timed."""
    with contextlib.ExitStack() as stack:
        for label, name in STEPS.items():
            stack.enter_context(patch.object(stage, name, timed(getattr(stage, name), label, times)))
        yield


def ready() -> Workers:
    """Worker processes that have imported what they need."""
    workers = Workers(FORMATS)
    for runtime in RUNTIMES:
        if runtime.format in FORMATS and not runtime.optional:
            workers.of(runtime).ask({"task": "none"}, 120)
    return workers


def ours(network: Network, folder: Path, times: Times) -> float:
    """Seconds of one export with its verification."""
    workers = ready()
    start = time.perf_counter()
    with clocks(times):
        bundle = exporting.write_bundle(network, folder, formats=FORMATS, opset_version=20)
        report = verifying.verify_bundle(network, bundle, workers=workers)
    seconds = time.perf_counter() - start
    report.raise_if_failed()
    times["verify: the network's own answers"].append(report.seconds["reference"])
    for runtime in report.runtimes:
        times[f"verify: {runtime.runtime}"].append(runtime.seconds)
    return seconds


def theirs(network: Network, path: Path) -> float:
    """Seconds of torch.onnx.export alone."""
    module, shaped = network.module, network.shaped
    sizes = {name: [dim if isinstance(dim, int) else 2 for dim in kind.shape] for name, kind in shaped.inputs.items()}
    inputs = tuple(torch.zeros(size, dtype=shaped.inputs[name].dtype) for name, size in sizes.items())
    dynamic = tuple(
        {axis: torch.export.Dim.AUTO for axis, dim in enumerate(kind.shape) if not isinstance(dim, int)}
        for kind in shaped.inputs.values()
    )
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(module.eval(), inputs, path, dynamo=True, dynamic_shapes=dynamic, opset_version=20)
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--spec", type=Path, default=ROOT / "specs" / "fashion_cnn.toml")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    network = compiler.load(asked.spec)
    times: Times = defaultdict(list)
    totals: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(asked.rounds + 1):
            if k == 1:  # the first round was for the imports
                times.clear()
                totals.clear()
            alone = theirs(network, Path(folder) / f"{k}.onnx")
            totals.append((alone, ours(network, Path(folder) / str(k), times)))
    show(times, totals)


def show(times: Times, totals: list[tuple[float, float]]) -> None:
    """Medians in milliseconds, and as shares of torch.onnx.export's."""
    alone, whole = (statistics.median(column) for column in zip(*totals, strict=True))
    rows = {label: statistics.median(found) for label, found in times.items()}
    rows |= {"everything else": whole - sum(rows.values()), "verified export": whole, "torch.onnx.export alone": alone}
    for label, seconds in rows.items():
        print(f"{label:34}{1000 * seconds:9.0f} ms{seconds / alone:8.2f} ×")
    ratio = statistics.median(ours / theirs for theirs, ours in totals)
    print(f"{'median of the rounds’ ratios':34}{ratio:20.2f} ×")


if __name__ == "__main__":
    main()
