"""Every layer of the vocabulary through every format, against float64 torch, at many sizes.

    python benchmarks/campaigns/layers.py [--formats torchscript,pt2,onnx] [--only TEXT] [--shard 0/2] [--json FILE]
    python benchmarks/campaigns/layers.py --formats executorch,litert --each --fixed

A case is right in a format if the file gives what the module gives, within the noise of float32, wherever the module
runs; or if it is refused with a layer. Each case has a process of its own. ``--fixed`` leaves the batch open alone,
``--each`` takes the first case of every type.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import importlib
import itertools
import json
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from layer_cases import Case, cases, slim
from torch import Tensor

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import check_formats
from graphspec.exporting.capture import capture
from graphspec.exporting.metadata import Metadata
from graphspec.exporting.order import Order
from graphspec.exporting.reference import Reference, as_array
from graphspec.exporting.sampler import REFUSALS, Sampler
from graphspec.exporting.tolerance import MOST_SCALED, allowed_error, error, magnitude
from graphspec.formats import FORMATS

SIZES = (1, 2, 3, 4, 8, 13)
SECONDS = 120
Run = Callable[[Mapping[str, Tensor]], dict[str, Any]]
Judging = Callable[[Any, list[str]], Iterator[tuple[str, str]]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--formats", default="torchscript,pt2,onnx")
    parser.add_argument("--only", default="")
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--slim", action="store_true")
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    shard, of = map(int, options.shard.split("/"))
    table = slim() if options.slim else cases()
    if options.each:
        table = list({case.layers[0]["type"]: case for case in reversed(table)}.values())[::-1]
    chosen = [case for k, case in enumerate(table) if k % of == shard and options.only in case.name]
    chosen = chosen[::-1] if options.reverse else chosen
    chosen = [fixed(case) for case in chosen] if options.fixed else chosen
    formats = options.formats.split(",")
    found: dict[str, dict[str, str]] = {}
    if options.json and options.json.is_file():
        found = json.loads(options.json.read_text())
    warm_up(formats)
    for case in chosen:
        if case.name in found:
            continue
        found[case.name] = apart(case, formats, judge)
        for format, verdict in found[case.name].items():
            if verdict != "right":
                print(f"{case.name}: {format}: {verdict}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(found, indent=1))
    for format in ("compile", "capture", *formats):
        counts = collections.Counter(v[format].split(":")[0] for v in found.values() if format in v)
        print(format, dict(counts))


def warm_up(formats: Iterable[str]) -> None:
    """What every child would import and build again."""
    with open(os.devnull, "w") as null:
        sys.stdout, kept = null, sys.stdout
        for _ in judge(cases()[0], ["onnx"]):
            pass
        sys.stdout = kept
    for module in (name for format in formats for name in IMPORTS.get(format, ())):
        importlib.import_module(module)


def fixed(case: Case) -> Case:
    """`case` with a number for every open dim but the first of an input."""
    numbers = {letter: str(size) for letter, size in zip("HWTLDS", (6, 7, 5, 9, 4, 5), strict=True)}

    def closed(text: str) -> str:
        sizes, colon, dtype = text.partition(":")
        first, *rest = sizes.split() or [""]
        return " ".join([first, *(numbers.get(size, size) for size in rest)]) + colon + dtype

    return dataclasses.replace(case, inputs=tuple(map(closed, case.inputs)))


def apart(case: Any, formats: list[str], judge: Judging) -> dict[str, str]:
    """The verdicts of `judge` from a process of its own: a crash or a hang is one too."""
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.close(read)
        signal.alarm(SECONDS)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        for format, verdict in judge(case, formats):
            os.write(write, (json.dumps([format, verdict]) + "\n").encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as lines:
        found = dict(json.loads(line) for line in lines)
    _, status = os.waitpid(process, 0)
    if status:
        found[next((f for f in formats if f not in found), "compile")] = f"crash: status {status}"
    return found


def judge(case: Case, formats: list[str]) -> Iterator[tuple[str, str]]:
    """The verdict on each of `formats`; "compile" or "capture" alone where the case does not get so far."""
    warnings.simplefilter("ignore")
    try:
        network = graphspec.load(case.spec)
        _ = network.shaped
    except GraphspecError as refusal:
        yield "compile", f"refused: {refusal.diagnostics[0].message}"
        return
    try:
        captured = capture(network)
    except GraphspecError as refusal:
        yield "capture", refusal_of(refusal)
        return
    reference = Reference(captured.network)
    samples = list(_samples(captured.sampler, captured.shaped, reference))
    with tempfile.TemporaryDirectory() as folder:
        for format in formats:
            try:
                check_formats(network.shaped, [format])
                run = WRITERS[format](captured, Path(folder) / format)
            except GraphspecError as refusal:
                yield format, refusal_of(refusal)
                continue
            except Exception as fault:
                yield format, f"raised: {type(fault).__name__}: {str(fault)[:200]}"
                continue
            yield format, _compare(run, reference, samples)


def refusal_of(refusal: GraphspecError) -> str:
    """A refusal as a verdict, which tells whether it names a layer."""
    diagnostic = refusal.diagnostics[0]
    word = "refused" if diagnostic.at[:1] in (("layers",), ("inputs",)) else "refused without a place"
    return f"{word}: {diagnostic.message[:300]}"


def _samples(sampler: Sampler, shaped: Any, reference: Reference) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Inputs that the module accepts, each with what tells it."""
    names = list(shaped.dims)
    combos = [{**sampler.sizes}]
    combos += [{**sampler.sizes, name: size} for name in names for size in SIZES]
    combos += [dict.fromkeys(names, size) for size in SIZES]
    combos += [
        dict(zip(names, itertools.islice(itertools.cycle((3, 7, 12, 5)), k, None), strict=False)) for k in range(3)
    ]
    seen = set()
    for k, sizes in enumerate(combos):
        if (key := tuple(sizes.items())) in seen:
            continue
        seen.add(key)
        for scale in (1.0, 100.0, 0.01) if k == 0 else (1.0,):
            inputs = sampler.draw(sizes, scale, seed=k)
            variants = [inputs]
            if k == 0:
                variants += [{n: torch.zeros_like(v) if v.dtype == torch.bool else v for n, v in inputs.items()}]
                variants += [{n: torch.ones_like(v) if v.dtype == torch.bool else v for n, v in inputs.items()}]
            for variant in variants:
                try:
                    reference.in_single(variant)
                except REFUSALS:
                    continue
                yield f"{sizes} × {scale:g}", variant


def _compare(run: Run, reference: Reference, samples: list[tuple[str, dict[str, Tensor]]]) -> str:
    faults = []
    for told, inputs in samples:
        answer = reference(inputs)
        try:
            found = run(inputs)
        except Exception as fault:
            faults.append(f"raises at {told}: {str(fault).strip().splitlines()[-1][:160]}")
            continue
        for name, single in answer.single.items():
            value, double = found[name], np.asarray(answer.double[name])
            if value.shape != single.shape or value.dtype != single.dtype:
                faults.append(f"{value.dtype}{value.shape}, not {single.dtype}{single.shape} at {told}")
                continue
            noise = error(single, double)
            allowed = max(allowed_error(double, noise), 16 * noise)
            if single.dtype == np.float16:
                allowed = max(4 * noise, 4e-3 * magnitude(double))
            equal = np.array_equal(value, single, equal_nan=True)
            if (
                not equal
                and not (np.isnan(single) & np.isnan(value)).all()
                and not (
                    error(np.where(np.isnan(single) & np.isnan(value), 0, value), np.where(np.isnan(single), 0, double))
                    <= max(allowed, MOST_SCALED * magnitude(double) if single.dtype != np.float64 else 1e-10)
                )
            ):
                faults.append(f"off by {error(value, double):.3g} of {magnitude(double):.3g} at {told}")
                break
    return f"wrong: {len(faults)} of {len(samples)}: {faults[0]}" if faults else ("right" if samples else "no sample")


def _onnx(captured: Any, path: Path) -> Run:
    from graphspec.exporting.onnx import write_onnx

    write_onnx(captured, path, 20, {})
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    shapes = {value.name: value.shape for value in session.get_outputs()}

    def run(inputs: Mapping[str, Tensor]) -> dict[str, Any]:
        found = dict(zip(names, session.run(None, {k: as_array(v) for k, v in inputs.items()}), strict=True))
        for name, value in found.items():
            fixed = [(a, b) for a, b in zip(shapes[name], value.shape, strict=True) if isinstance(a, int)]
            assert all(a == b for a, b in fixed), f"declared {shapes[name]}, gives {value.shape}"
        return found

    return run


def _torchscript(captured: Any, path: Path) -> Run:
    from graphspec.exporting.torchscript import write_torchscript

    write_torchscript(captured, path, {})
    return _of_torch(torch.jit.load(str(path)), captured)


def _pt2(captured: Any, path: Path) -> Run:
    from graphspec.exporting.pt2 import write_pt2

    path = path.with_suffix(".pt2")
    write_pt2(captured, path, {})
    return _of_torch(torch.export.load(path).module(), captured)


def _of_torch(model: Any, captured: Any) -> Run:
    names = list(captured.shaped.outputs)

    def run(inputs: Mapping[str, Tensor]) -> dict[str, Any]:
        with torch.no_grad():
            result = model(*inputs.values())
        table = {names[0]: result} if isinstance(result, Tensor) else result
        return {name: as_array(table[name]) for name in names}

    return run


def _by_runtime(format: str) -> Callable[[Any, Path], Run]:
    """A format whose file is run as verify runs it."""

    def written(captured: Any, path: Path) -> Run:
        FORMATS[format].writer.write(Order(captured, 20, {}, Metadata()), path)
        names, inputs = list(captured.shaped.outputs), captured.shaped.inputs
        dtypes = {name: str(kind.dtype).removeprefix("torch.") for name, kind in inputs.items()}
        run = importlib.import_module(f"graphspec.verifying.runtimes.{format}").load(str(path), names, dtypes)
        return lambda given: dict(zip(names, run({k: as_array(v) for k, v in given.items()}), strict=True))

    return written


#: What a format's child needs and what takes seconds to import.
IMPORTS = {
    "executorch": (
        "executorch.runtime",
        "executorch.exir",
        "executorch.backends.xnnpack.partition.xnnpack_partitioner",
    ),
    "litert": ("litert_torch", "ai_edge_litert.interpreter"),
}
WRITERS = {name: _by_runtime(name) for name in IMPORTS} | {"onnx": _onnx, "torchscript": _torchscript, "pt2": _pt2}

if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main()
