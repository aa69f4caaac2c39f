"""ncnn on the CPU, kept to float32, by pnnx's conversion. Loaded by the worker: this file imports nothing of graphspec.

ncnn knows no batch: samples are run one by one. Sizes of other dims are planned, so each has a conversion of its own.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tensors import Arrays, Run

#: ncnn computes and keeps in fewer bits where the processor can.
_COARSE = (
    "use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage",
    "use_int8_inference", "use_vulkan_compute",
)  # fmt: skip
_KINDS = {"float32": "f32", "int64": "i64", "int32": "i32", "float16": "f16", "bool": "i8", "uint8": "u8"}


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as pnnx converts it for the sizes of a sample, and ncnn runs it."""
    given = _batched(path)
    places = [list(given).index(name) for name in names]
    converted: dict[str, Any] = {}

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        # one sample: a reshape would hold any other number of them
        shapes = [f"{[1, *value.shape[1:]]}{_KINDS[dtypes[name]]}" for name, value in inputs.items()]
        key = ",".join(shapes).replace(" ", "")
        if key not in converted:
            converted[key] = _converted(path, key)
        samples = [
            [_sample(converted[key], [value[k] for value in inputs.values()], place) for place in places]
            for k in range(len(next(iter(inputs.values()))))
        ]
        stacked = (np.stack(values) for values in zip(*samples, strict=True))
        return [_shaped(value, given[name]) for name, value in zip(names, stacked, strict=True)]

    return run


def _batched(path: str) -> dict[str, list[int]]:
    """The file's outputs with their sizes, -1 for an open one.

    Raises:
        ValueError: its inputs and outputs have no open batch in common.
    """
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    firsts = {
        value.type.tensor_type.shape.dim[0].dim_param if value.type.tensor_type.shape.dim else ""
        for value in (*graph.input, *graph.output)
    }
    if len(firsts) != 1 or "" in firsts:
        raise ValueError("ncnn runs sample by sample, and not all inputs and outputs are batches")
    return {
        value.name: [dim.dim_value if dim.HasField("dim_value") else -1 for dim in value.type.tensor_type.shape.dim]
        for value in graph.output
    }


def _shaped(batch: NDArray[Any], sizes: list[int]) -> NDArray[Any]:
    """`batch` with the dims of 1 that ncnn keeps, adds and leaves out as it likes."""
    own = [len(batch), *sizes[1:]]
    fits = own.count(-1) < 2 and [n for n in batch.shape[1:] if n != 1] == [n for n in own[1:] if n not in (1, -1)]
    return batch.reshape(own) if fits else batch


def _converted(path: str, shapes: str) -> Any:
    import ncnn
    import pnnx

    folder = Path(tempfile.mkdtemp())
    model = folder / "model.onnx"
    model.symlink_to(Path(path).resolve())
    command = [pnnx.EXEC_PATH, str(model), "fp16=0", f"inputshape={shapes}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode or not (folder / "model.ncnn.param").is_file():
        raise ValueError(f"pnnx ended with exit code {done.returncode}")
    net = ncnn.Net()
    for option in _COARSE:
        setattr(net.opt, option, False)
    net.opt.num_threads = 1
    if net.load_param(str(folder / "model.ncnn.param")) or net.load_model(str(folder / "model.ncnn.bin")):
        raise ValueError("ncnn has no layer for an operator of the file")
    return net


def _sample(net: Any, inputs: Sequence[NDArray[Any]], place: int) -> NDArray[Any]:
    """Output number `place` of one sample."""
    import ncnn

    extractor = net.create_extractor()
    for k, value in enumerate(inputs):
        narrowed = value if value.dtype.kind == "f" else value.astype(np.int32)  # ids are of 32 bits there
        if extractor.input(f"in{k}", ncnn.Mat(np.ascontiguousarray(narrowed)).clone()):
            raise ValueError(f"ncnn lost input {k + 1} of the file")
    failed, value = extractor.extract(f"out{place}")
    if failed:
        raise ValueError("ncnn cannot run the file")
    return np.array(value)
