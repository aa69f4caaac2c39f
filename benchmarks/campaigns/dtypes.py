"""Every layer without weights at every dtype, through every format, judged by verification's own rule.

    python benchmarks/campaigns/dtypes.py [--dtypes float16,int8] [--formats onnx] [--only TEXT] [--shard 0/2]

The cases are those of ``layer_cases.py`` whose inputs are float32, at `DTYPES` instead. A case is right in a format
if verification passes the file; or if it is refused with a layer, by ``compile`` or by the format.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from layer_cases import Case, cases
from layers import WRITERS, apart, refusal_of, warm_up

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import check_formats
from graphspec.exporting.capture import Capture, capture
from graphspec.verifying.judge import Expected, Oracle, compare
from graphspec.verifying.runner import Outputs
from graphspec.verifying.verify import expectations_of
from graphspec.verifying.verify_report import RuntimeReport

DTYPES = ("float16", "bfloat16", "float64", "int8", "uint8", "int16", "int32", "int64", "bool")
#: Of these, one way of each is looked at: they are one operator, and half of all cases.
MANY = (
    "Upsample",
    "interpolate",
    "scaled_dot_product_attention",
    "LSTM",
    "GRU",
    "RNN",
    "MultiheadAttention",
)
#: Layers in one network.
MOST = 12


def table(dtypes: Sequence[str]) -> Iterator[Case]:
    """The cases at every dtype; those of one kind of inputs are outputs of one network, up to `MOST` of them."""
    for dtype in dtypes:
        together: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
        for case in _chosen():
            inputs = tuple(text if text.endswith(":bool") else f"{text}:{dtype}" for text in case.inputs)
            own = dataclasses.replace(case, name=f"{dtype}: {case.name}", inputs=inputs)
            if len(case.layers) > 1 or case.outputs or case.parallel or "from" in case.layers[0]:
                yield own
            elif compiles(own):
                together.setdefault(inputs, {})[case.name] = case.layers[0]
        for inputs, layers in together.items():
            for start in range(0, len(layers), MOST):
                names = list(layers)[start : start + MOST]
                lines = tuple(dict(layers[name]) for name in names)
                yield Case(f"{dtype}: {' & '.join(names)}", inputs, lines, parallel=True)


def _chosen() -> Iterator[Case]:
    seen: collections.Counter[str] = collections.Counter()
    for case in cases():
        if not case.inputs or any(":" in text and not text.endswith(":bool") for text in case.inputs):
            continue
        kind = case.layers[0]["type"]
        seen[kind] += 1
        if seen[kind] <= (1 if kind in MANY else 3):
            yield case


def compiles(case: Case) -> bool:
    """Whether the layers take this dtype: most with weights do not, and say so."""
    try:
        _ = graphspec.load(case.spec).shaped
    except GraphspecError:
        return False
    return True


def alone(case: Case) -> Iterator[Case]:
    """The layers of a network of many, each by itself."""
    dtype, _, names = case.name.partition(": ")
    for name, layer in zip(names.split(" & "), case.layers, strict=True):
        yield Case(f"{dtype}: {name}", case.inputs, (layer,))


def judge(case: Case, formats: list[str]) -> Iterator[tuple[str, str]]:
    """The verdict on each of `formats`; "compile" or "capture" alone where the case does not get so far."""
    try:
        network = graphspec.load(case.spec)
        _ = network.shaped
    except GraphspecError as refusal:
        yield "compile", f"refused: {refusal.diagnostics[0].message}"
    else:
        yield from judge_network(network, formats)


def judge_network(network: graphspec.Network, formats: list[str]) -> Iterator[tuple[str, str]]:
    """The verdict on each of `formats`, "capture" alone where the network cannot be captured."""
    warnings.simplefilter("ignore")
    try:
        captured = capture(network)
    except GraphspecError as refusal:
        yield "capture", refusal_of(refusal)
        return
    expectations = expectations_of(Oracle(network), captured.sampler, None)
    for format in formats:
        try:
            check_formats(network.shaped, [format])
            with tempfile.TemporaryDirectory() as folder:
                yield format, _verified(captured, expectations, format, Path(folder))
        except GraphspecError as refusal:
            yield format, refusal_of(refusal)
        except Exception as fault:
            yield format, f"raised: {type(fault).__name__}: {str(fault).splitlines()[0][:200]}"


def _verified(captured: Capture, expectations: list[Expected], format: str, folder: Path) -> str:
    run = WRITERS[format](captured, folder / format)
    arrays, errors = {}, {}
    for k, expected in enumerate(expectations):
        try:
            arrays |= {f"{k}.{name}": np.asarray(value) for name, value in run(expected.case.inputs).items()}
        except Exception as fault:
            errors[str(k)] = str(fault).strip().splitlines()[-1][:160]
    report = RuntimeReport(format, compare(expectations, Outputs(arrays, errors)))
    if report.passed:
        return "right"
    return f"wrong: {report.faults[0]}" if report.faults else f"inconclusive: {report.inconclusive}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dtypes", default=",".join(DTYPES))
    parser.add_argument("--formats", default="onnx,torchscript,pt2")
    parser.add_argument("--only", default="")
    parser.add_argument("--shard", default="0/1")
    options = parser.parse_args()
    shard, of = map(int, options.shard.split("/"))
    formats = options.formats.split(",")
    chosen = [case for case in table(options.dtypes.split(",")) if options.only in case.name]
    found: dict[str, dict[str, str]] = {}
    warm_up(formats)
    for case in chosen[shard::of]:
        verdicts = apart(case, formats, judge)
        each = [(case, verdicts)]
        if " & " in case.name and set(verdicts.values()) != {"right"}:
            each = [(own, apart(own, formats, judge)) for own in alone(case)]
        elif " & " in case.name:
            each = [(own, verdicts) for own in alone(case)]
        for own, told in each:
            found[own.name] = told
            for format, verdict in told.items():
                if verdict != "right" and format != "compile":
                    print(f"{own.name}: {format}: {verdict}", flush=True)
    for format in ("compile", "capture", *formats):
        counts = collections.Counter(v[format].split(":")[0] for v in found.values() if format in v)
        print(format, dict(counts))


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main()
