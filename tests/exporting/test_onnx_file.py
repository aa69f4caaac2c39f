"""An ONNX file has the opset and dtypes that were asked for, and weights of any size; or it is refused."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from graphspec import compiler
from graphspec.data.transforms import resolved
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import check_formats
from graphspec.exporting.capture import capture
from graphspec.exporting.onnx import onnx_model, save
from graphspec.exporting.pipeline_onnx import wrap
from graphspec.exporting.postprocessing import Postprocessing
from graphspec.exporting.preprocessing import Preprocessing, RawInput
from graphspec.spec.base import Component

IMAGES = """
graphspec = 1
[inputs]
image = ["N", 3, 12, 12]
[layers]
conv    = { type = "Conv2d", out_channels = 4, kernel_size = 3 }
relu    = "ReLU"
flatten = "Flatten"
fc      = { type = "Linear", out_features = 3 }
[train]
epochs = 1
"""
BEFORE = RawInput(
    "uint8", ("N", "height", "width", 3),
    *resolved([
        Component.model_validate({"type": "Resize", "size": [14, 14], "interpolation": "bicubic"}),
        Component.model_validate({"type": "CenterCrop", "size": 12}),
        Component.model_validate({"type": "Normalize", "mean": [0.5], "std": [0.2]}),
    ]),
)  # fmt: skip


def captured():
    network = compiler.load(IMAGES)
    shaped = network.shaped
    module = network.module.eval()
    return shaped, module, capture(network)


def wrapped(taken, shaped, opset_version):
    model = onnx_model(taken, opset_version, {})
    wrap(model, Preprocessing({"image": BEFORE}, {"image": "image"}), Postprocessing.of(shaped, ["a", "b", "c"]))
    return model


def answers(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images})


PICTURES = np.random.default_rng(0).integers(0, 256, (2, 20, 31, 3), dtype=np.uint8)


@pytest.mark.parametrize("opset_version", [18, pytest.param(23, marks=pytest.mark.slow)])
def test_the_opset_is_the_one_asked_for_and_its_operators_are_used_as_it_defines_them(opset_version, tmp_path):
    shaped, module, taken = captured()
    save(wrapped(taken, shaped, opset_version), tmp_path / "pipeline.onnx")
    model = onnx.load(tmp_path / "pipeline.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", opset_version)]
    with torch.no_grad():
        expected = module(BEFORE.steps(torch.from_numpy(PICTURES))[-1]).softmax(1).numpy()
    label, probabilities = answers(tmp_path / "pipeline.onnx", PICTURES)
    assert np.abs(probabilities - expected).max() < 1e-5
    assert (label == expected.argmax(1)).all()


def test_large_weights_lie_beside_the_file_of_the_network_and_beside_that_of_the_pipeline(tmp_path):
    """As above 2 GB, here above 100 bytes."""
    shaped, _, taken = captured()
    save(wrapped(taken, shaped, 20), tmp_path / "whole.onnx")
    model = onnx_model(taken, 20, {})
    save(model, tmp_path / "model.onnx", most_bytes=100)
    wrap(model, Preprocessing({"image": BEFORE}, {"image": "image"}), Postprocessing.of(shaped, ["a", "b", "c"]))
    save(model, tmp_path / "pipeline.onnx", most_bytes=100)
    assert {path.name for path in tmp_path.iterdir()} == {
        "whole.onnx", "model.onnx", "model.onnx.data", "pipeline.onnx", "pipeline.onnx.data",
    }  # fmt: skip
    locations = {
        entry.value
        for tensor in onnx.load(tmp_path / "pipeline.onnx", load_external_data=False).graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    assert locations == {"pipeline.onnx.data"}
    pairs = zip(answers(tmp_path / "whole.onnx", PICTURES), answers(tmp_path / "pipeline.onnx", PICTURES), strict=True)
    assert all(np.array_equal(whole, apart) for whole, apart in pairs)


BFLOAT16 = """
graphspec = 1
[inputs]
x = ["N", 4]
[layers]
fc     = { type = "Linear", out_features = 4 }
narrow = { type = "to", dtype = "bfloat16" }
tanh   = "Tanh"
wide   = { type = "to", dtype = "float32" }
"""


def test_what_onnxruntime_cannot_give_in_bfloat16_is_refused_with_its_layer(tmp_path):
    shaped = compiler.load(BFLOAT16.replace('wide   = { type = "to", dtype = "float32" }\n', "")).shaped
    with pytest.raises(GraphspecError) as caught:
        check_formats(shaped, ["onnx"])
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.at) == ("not-exportable", ("layers", "tanh"))
    assert "onnxruntime takes and gives no bfloat16" in diagnostic.message
    check_formats(compiler.load(BFLOAT16).shaped, ["onnx"])
