"""What cannot be exported is refused with the layer that is in the way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphspec import compiler, layer
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import write_bundle


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
