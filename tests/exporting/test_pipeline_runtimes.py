"""The operators of the preprocessing mean the same to every runtime that is installed."""

from __future__ import annotations

import importlib

import numpy as np
import onnx
import pytest
import torch

from graphspec.data.transforms import resolved
from graphspec.exporting.preprocessing import RawInput
from graphspec.exporting.tape import Taped
from graphspec.spec.base import Component
from graphspec.verifying.runtimes.runtime import RUNTIMES

NORMALIZE = {"type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CHAINS = {
    "photographs": [{"type": "Resize", "size": 32}, {"type": "CenterCrop", "size": 24}, NORMALIZE],
    "a size": [{"type": "Resize", "size": [20, 28], "interpolation": "bicubic"}, NORMALIZE],
    "nearest": [{"type": "Resize", "size": 16, "interpolation": "nearest"}],
    "grey": [{"type": "Grayscale", "num_output_channels": 3}, {"type": "Pad", "padding": 2, "fill": 9}, NORMALIZE],
}
BY_NAME = {runtime.name: runtime for runtime in RUNTIMES}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("name", ["onnx.reference", "openvino", "opencv", "tract"])
def test_raw_pixels_become_the_same_batch(name, chain, tmp_path):
    import onnx_ir as ir

    if not BY_NAME[name].installed:
        pytest.skip(f"{name} is not installed (extra: runtimes)")
    before = RawInput(
        "uint8", ("N", "height", "width", 3), *resolved(list(map(Component.model_validate, CHAINS[chain])))
    )
    op, raw = Taped("before"), ir.Value(name="raw", shape=ir.Shape(before.shape), type=ir.TensorType(ir.DataType.UINT8))
    batch = before.write(op, raw)[-1]
    batch.name, batch.type, batch.shape = "batch", ir.TensorType(ir.DataType.FLOAT), ir.Shape([None] * 4)
    graph = ir.Graph(
        [raw], [batch], nodes=op.tape.nodes, initializers=op.tape.initializers, opset_imports={"": 20}, name="g"
    )
    onnx.save(ir.to_proto(ir.Model(graph, ir_version=10)), tmp_path / "before.onnx")
    images = np.random.default_rng(0).integers(0, 256, (1, 50, 61, 3), dtype=np.uint8)
    load = importlib.import_module(f"graphspec.verifying.runtimes.{BY_NAME[name].code}").load
    (found,) = load(str(tmp_path / "before.onnx"), ["batch"], {})({"raw": images})
    expected = before.steps(torch.from_numpy(images))[-1].numpy()
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
