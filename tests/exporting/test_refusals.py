"""What cannot be exported is refused with the layer that is in the way."""

from __future__ import annotations

import contextlib
import logging
import warnings

import pytest
import torch
from torch import Tensor, nn

from graphspec import compiler, layer
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.exporting import onnx, write_bundle


@layer
class NotForExport(nn.Module):
    """A layer that refuses to be captured."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            raise RuntimeError("the kernel is not traceable")
        return x.neg()


@layer
class LogGamma(nn.Module):
    """A function that ONNX has no operator for."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(-0.5, 0.5).lgamma()


def spec(type_, shape='["N", 4]'):
    return f"""
graphspec = 1
[inputs]
x = {shape}
[layers]
first  = {{ type = "Linear", out_features = 4 }}
second = "{type_}"
third  = "ReLU"
"""


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        ("NotForExport", 'torch.export cannot capture layer "second" (NotForExport): the kernel is not traceable'),
        ("LogGamma", 'layer "second" (LogGamma) cannot be written as ONNX'),
    ],
)
def test_the_layer_in_the_way_is_named_with_its_line(type_, words, tmp_path):
    network = compiler.load(spec(type_))
    with pytest.raises(GraphspecError) as caught:
        write_bundle(network, tmp_path, formats=["onnx"], opset_version=20)
    diagnostic = caught.value.diagnostics[0]
    assert (diagnostic.code, diagnostic.at) == ("not-exportable", ("layers", "second"))
    assert diagnostic.message.startswith(words)


#: Of what the exporter logs, and of what TorchScript warns.
SPOKEN_OF = {
    "onnx": """
table = { type = "Parameter", shape = [8, 4] }
parts = { type = "chunk", chunks = 2 }
last  = { type = "cat", from = ["parts.1", "x"], dim = 0 }
""",
    "torchscript": 'last = { type = "Linear", out_features = 3 }',
}


@pytest.mark.parametrize("format", SPOKEN_OF)
def test_what_other_libraries_say_of_it_is_not_shown(format, tmp_path, capfd, caplog):
    network = compiler.load(f'graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\n{SPOKEN_OF[format]}')
    with contextlib.suppress(GraphspecError), warnings.catch_warnings(record=True, action="always") as said:
        write_bundle(network, tmp_path / "out", formats=[format], opset_version=20)
    assert {warning.category for warning in said} <= {GraphspecWarning}
    # pytest keeps what would be printed
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "refused"), [({"scale_factor": 0.5}, True), ({"size": [5, 1]}, True), ({"size": [5, 3]}, False)]
)
def test_smoothing_to_one_pixel_has_no_form_in_onnx(line, refused):
    """onnxruntime's antialias is wrong where the width becomes 1."""
    layers = {"y": {"type": "interpolate", "mode": "bilinear", "antialias": True, **line}}
    shaped = compiler.load({"graphspec": 1, "inputs": {"x": ["N", 2, "H", "W"]}, "layers": layers}).shaped
    assert bool(onnx.cannot_hold(shaped.layers[-1])) is refused
