"""onnx's own test of every operator as a source of ``graphspec import``.

    python benchmarks/campaigns/onnx_nodes.py [--part 0/4] [OPERATOR…]

Each case is a graph of one node. Its first input stays one, the others become the constants that the test has for
them, as weights are. A case is imported and proven in onnxruntime, or refused with its node; all else is a fault.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from graphspec.diagnostics import GraphspecError
from graphspec.importing.onnx.operators import OPERATORS
from graphspec.importing.sources import import_source

#: The newest opset that is read, and a version of the file format that every onnxruntime reads.
OPSET, FORMAT = 23, 10


def cases(operators: list[str]) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Name and model of each case of an operator that a spec can say."""
    from onnx.backend.test.case.node import collect_testcases

    for case in collect_testcases(None):
        nodes = case.model.graph.node if case.model else []
        if len(nodes) == 1 and not nodes[0].domain and nodes[0].op_type in (operators or OPERATORS):
            yield case.name, _with_weights(case)


def _with_weights(case: Any) -> onnx.ModelProto:
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for opset in model.opset_import:
        opset.version = min(opset.version, OPSET)
    model.ir_version = min(model.ir_version, FORMAT)
    given = case.data_sets[0][0] if case.data_sets else []
    for value, array in list(zip(model.graph.input, given, strict=False))[1:]:
        if isinstance(array, np.ndarray):
            model.graph.initializer.append(numpy_helper.from_array(array, value.name))
    held = {each.name for each in model.graph.initializer}
    kept = [value for value in model.graph.input if value.name not in held]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return model


def outcome(model: onnx.ModelProto, path: Path) -> tuple[str, str]:
    """``right``, ``refused`` or ``FAULT``, and why."""
    onnx.save(model, str(path))
    try:
        return "right", import_source(str(path)).proof
    except GraphspecError as error:
        return "refused", error.diagnostics[0].message
    except Exception:
        return "FAULT", traceback.format_exc()


def main() -> int:
    """Run the cases and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("operators", nargs="*")
    parser.add_argument("--part", default="0/1", help="the cases of one of several processes")
    given = parser.parse_args()
    number, count = map(int, given.part.split("/"))
    warnings.simplefilter("ignore")
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for n, (name, model) in enumerate(cases(given.operators)):
            if n % count == number:
                kind, why = outcome(model, Path(folder) / f"{name}.onnx")
                found[kind] += 1
                print(f"{kind:8}{name}: {why}", flush=True)
    print(", ".join(f"{amount} {kind}" for kind, amount in found.items()))
    return int(found["FAULT"] > 0)


if __name__ == "__main__":
    sys.exit(main())
