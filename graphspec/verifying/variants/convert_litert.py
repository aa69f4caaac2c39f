"""``model.tflite`` with weights in half precision or of 8 bit, by LiteRT's own quantizer (ai-edge-quantizer)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphspec.diagnostics import fail
from graphspec.exporting.reference import Arrays
from graphspec.verifying.runtimes.litert import precision
from graphspec.verifying.variants.convert import AT, silent

#: Weights of every operator as float16, which are widened when the file is loaded; values stay float32.
_HALVED = {
    "regex": ".*", "operation": "*", "algorithm_key": "float_casting",
    "op_config": {
        "weight_tensor_config": {"num_bits": 16, "dtype": "FLOAT"}, "compute_precision": "FLOAT",
        "explicit_dequantize": True,
    },
}  # fmt: skip


def write_fp16(source: Path, target: Path) -> None:
    """Write the file at `source` to `target` with float16 weights; values, inputs and outputs stay float32."""
    _write(source, target, [_HALVED])


def write_int8(source: Path, target: Path, batches: Callable[[], Sequence[Arrays]]) -> None:
    """Write the file at `source` to `target` with weights of 8 bit by channel; values are scaled while it runs.

    No `batches` are asked for. Inputs and outputs stay float32.

    Raises:
        GraphspecError: ``not-exportable`` where the network has no layer that is quantised.
    """
    from ai_edge_quantizer import recipe

    _write(source, target, recipe.dynamic_wi8_afp32())
    if precision(str(target)) != "int8":
        raise fail("not-exportable", "int8: the network has no layer that LiteRT quantises", at=AT)


def _write(source: Path, target: Path, rules: Sequence[Any]) -> None:
    from ai_edge_quantizer import quantizer

    target.unlink(missing_ok=True)
    with silent():
        quantizer.Quantizer(str(source), list(rules)).quantize().export_model(str(target))


def runner(path: Path) -> Callable[[Arrays], Arrays]:
    """The file at `path` in LiteRT's interpreter with one thread."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(path), num_threads=1).get_signature_runner()
    return lambda inputs: {name: np.array(value) for name, value in run(**inputs).items()}
