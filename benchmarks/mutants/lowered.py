"""Damaged ``.pte`` and ``.tflite`` files, judged by graphspec: numbers changed inside them, and other networks' files.

    python benchmarks/mutants/lowered.py [--formats executorch litert] [--networks mlp activations cnn]

A number is changed where the file holds a weight's bytes, as the network has them or transposed: those that are nowhere
(folded into others) are counted and left. Right files have to pass.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from networks import HEAD, NETWORKS
from numpy.typing import NDArray
from run import built

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting.capture import capture
from graphspec.exporting.metadata import Metadata
from graphspec.exporting.order import Order
from graphspec.formats import FORMATS
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import RUNTIMES, Runtime
from graphspec.verifying.verify import Judge

Weight = NDArray[np.float32]
SMALL = ("mlp", "activations", "gelu_tanh", "cnn")
CHANGES: dict[str, Callable[[Weight], Weight]] = {
    "one weight + 1 %": lambda w: _at_greatest(w, lambda value: value * np.float32(1.01)),
    "one weight's sign": lambda w: _at_greatest(w, np.negative),
    "all weights × 1.0005": lambda w: w * np.float32(1.0005),
    "first row zero": lambda w: np.concatenate([np.zeros_like(w[:1]), w[1:]]),
}


def _at_greatest(weight: Weight, change: Callable[[Any], Any]) -> Weight:
    changed, place = weight.copy(), np.unravel_index(np.abs(weight).argmax(), weight.shape)
    changed[place] = change(changed[place])
    return changed


def damaged(content: bytes, network: Any, tally: Counter[str]) -> Iterator[tuple[str, bytes]]:
    """What was changed, and the file with it."""
    for name, value in network.module.state_dict().items():
        weight = value.numpy()
        if weight.dtype != np.float32 or not weight.ndim:
            continue
        for form in (weight, np.ascontiguousarray(np.moveaxis(weight, 1, -1)) if weight.ndim > 2 else weight.T.copy()):
            if content.count(form.tobytes()) == 1:
                for kind, change in CHANGES.items():
                    if not np.array_equal(changed := change(form), form):
                        yield kind, content.replace(form.tobytes(), changed.tobytes())
                break
        else:
            tally["not in the file"] += 1
            print(f"  {name} is nowhere in the file", file=sys.stderr)


def others(network: Any, name: str, format: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Files that are right, and of other networks: other weights, and another activation."""
    text = f"{HEAD}{NETWORKS[name]}"
    changed = {'"ReLU"': '"GELU"', '"ELU"': '"CELU"', '"tanh"': '"none"', "0.1 }": "0.11 }"}
    texts = {"another seed's file": (text, 7)}
    texts |= {f"{a} for {b}": (text.replace(b, a), 100) for b, a in changed.items() if b in text}
    for kind, (spec, seed) in texts.items():
        other = compiler.load(spec, seed=seed)
        if seed == 100:
            other.module.load_state_dict(network.module.state_dict())
        yield kind, content_of(other, format, folder / "other")


def content_of(network: Any, format: str, path: Path) -> bytes:
    FORMATS[format].writer.write(Order(capture(network), 20, {}, Metadata()), path)
    return path.read_bytes()


def refuses(judge: Judge, runtime: Runtime, path: Path) -> bool:
    """Whether ``graphspec verify`` refuses the file: by a weight that is not there, or by numbers."""
    return bool(judge.own.account_raw(runtime.format, path).differences) or not judge.run(runtime, path).passed


def campaign(name: str, format: str, tally: Counter[str]) -> None:
    """Every damaged file of one network in one format."""
    network = built(name, seed=100)
    runtime = next(runtime for runtime in RUNTIMES if runtime.name == format)
    with (
        tempfile.TemporaryDirectory() as folder,
        Judge(network, Runner(network.shaped, Workers((format,)))) as judge,
    ):
        path = Path(folder) / FORMATS[format].file
        right = content_of(network, format, path)
        tally["clean"] += 1
        tally["false alarms"] += refuses(judge, runtime, path)
        for kind, content in (*damaged(right, network, tally), *others(network, name, format, Path(folder))):
            path.write_bytes(content)
            refused = refuses(judge, runtime, path)
            tally[f"{kind}: files"] += 1
            tally[f"{kind}: refused"] += refused
            if not refused:
                print(f"{name}, {format}: passes with {kind}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--formats", nargs="+", default=["executorch", "litert"])
    parser.add_argument("--networks", nargs="+", default=SMALL)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    for format in given.formats:
        tally: Counter[str] = Counter()
        for name in given.networks:
            try:
                campaign(name, format, tally)
            except GraphspecError as error:
                print(f"{name}: {error.diagnostics[0].message}", flush=True)
        kinds = [key.removesuffix(": files") for key in tally if key.endswith(": files")]
        print(f"{format}: {tally['false alarms']} false alarms in {tally['clean']}; not in the file: "
              f"{tally['not in the file']}")  # fmt: skip
        for kind in kinds:
            print(f"  {kind}: {tally[f'{kind}: refused']} of {tally[f'{kind}: files']} refused", flush=True)


if __name__ == "__main__":
    main()
