"""MNN on the CPU, kept to float32 and to convolutions that lose none of it. Loaded by the worker: this file imports
nothing of graphspec."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tensors import Arrays, Run

#: MNN's own default may compute in fewer bits.
_PRECISE = {"backend": "CPU", "precision": "high", "numThread": 1}
#: Its hint WINOGRAD_MEMORY_LEVEL: the least, by which tiles are small; those of its default cost 5 × 5 eleven bits.
_SMALL_TILES = (3, 0)


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as MNN's converter writes it and its engine runs it."""
    import _tools as converter  # MNN's, at the top of the Python path
    import MNN.expr as expr
    import MNN.nn as nn

    written = Path(tempfile.mkdtemp()) / "model.mnn"
    arguments = ["mnnconvert", "-f", "ONNX", "--modelFile", path, "--MNNModel", str(written), "--bizCode", "graphspec"]
    if not converter.mnnconvert(arguments) or not written.is_file():
        raise ValueError("MNN's converter refuses the file")
    engine = nn.create_runtime_manager((_PRECISE,))
    engine.set_hint(*_SMALL_TILES)
    module = nn.load_module_from_file(str(written), list(dtypes), list(names), runtime_manager=engine)
    kinds = {"float32": expr.float, "int32": expr.int, "int64": expr.int, "uint8": expr.uint8, "int8": expr.int8}

    def given(name: str, value: NDArray[Any]) -> Any:
        if dtypes[name] not in kinds:
            raise TypeError(f"MNN takes no {dtypes[name]}")
        narrowed = value.astype(np.int32) if value.dtype == np.int64 else value  # it has no whole numbers of 64 bits
        return expr.const(np.ascontiguousarray(narrowed), list(value.shape), expr.NCHW, kinds[dtypes[name]])

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        values = module.forward([given(name, value) for name, value in inputs.items()])
        if len(values) != len(names):
            raise ValueError(f"it gives {len(values)} outputs, not {len(names)}")
        plain = [expr.convert(v, expr.NCHW) if v.data_format == expr.NC4HW4 else v for v in values]
        return [np.array(value.read()) for value in plain]

    return run
