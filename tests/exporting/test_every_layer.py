"""Layers that torch's own exporters have wrong or lack are what torch computes, at every size; see the campaign."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from graphspec.diagnostics import GraphspecError
from graphspec.exporting import check_formats

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "campaigns"))
from layer_cases import Case, cases
from layers import judge

CASES = {case.name: case for case in cases()}
#: Format → the cases of the default suite, each a kind of its own that was wrong.
MENDED = {
    "onnx": [
        "LogSigmoid | N H 8",
        "floor, round | N H 8:int64",
        "RReLU | N H 8",
        "AvgPool2d kernel_size=3 stride=2 ceil_mode=True divisor_override=2 | N 8 H W",
        "AdaptiveAvgPool2d output_size=2 | N 8 H W",
        "AdaptiveMaxPool2d output_size=3 return_indices=True | N 8 11 7 .indices",
        "Upsample scale_factor=1.3 mode=nearest | N 8 H W",
        "Upsample scale_factor=1.3 mode=bicubic | N 8 H W",
        "Upsample scale_factor=1.8 mode=bilinear | N 2 5 10",
        "Conv3d out_channels=4 kernel_size=3 bias=False | N 8 9 H W",
        "scaled_dot_product_attention is_causal=True | N T 8 N T 8 N T 8",
        "scaled_dot_product_attention | N 2 T 4 N 2 T 4 N 2 T 4 T T:bool",
        "chunk chunks=2 dim=1 | N 2*T 4 .1",
        "roll shifts=[1, '${a.shape[1] - 9}'] dims=[1, -1] | N T H",
        "LSTM hidden_size=5 → flatten end_dim=1 | N T 8",
        "GRU hidden_size=5 batch_first=True → transpose dim0=0 dim1=1 → flatten end_dim=1 | N T 8",
    ],
    "torchscript": [
        "MultiheadAttention bias=False query:N T 8 key:N T 8 value:N T 8 attn_output_weights",
        "SyncBatchNorm | N 8 H W",
        "Embedding num_embeddings=10 embedding_dim=4 max_norm=0.5 | N T:int64",
        "MaxPool2d kernel_size=2 return_indices=True → MaxUnpool2d from=['y0', 'y0.indices'] kernel_size=2 | N 4 6 6",
        "DropBlock2d p=0.1 block_size=3 | N 8 16 16",
        "div other=${a.shape[1]} | N H 8",
        "add, sub, mul, div, maximum, minimum, eq, ne, lt, le, gt, ge | N H:uint8 N H:uint8",
    ],
    "pt2": [
        "MaxPool1d kernel_size=2 | N 8 L",
        "AvgPool2d kernel_size=3 stride=3 padding=1 ceil_mode=True | N 8 H W",
        "Conv1d out_channels=4 kernel_size=3 dilation=2 | N 8 L",
        "Unfold kernel_size=2 | N 3 H W",
        "MultiheadAttention query:N T 8 key:N S 8 value:N S 8",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("format", "name"), [(format, name) for format, names in MENDED.items() for name in names])
def test_a_layer_is_what_torch_computes_at_every_size(format, name):
    assert dict(judge(CASES[name], [format])) == {format: "right"}


SAMPLE = list(CASES)[::25]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_layer_is_right_in_every_format_or_refused(name):
    """One case in 25, refusals with the layer's place; ``benchmarks/campaigns/layers.py`` runs all."""
    for format, verdict in judge(CASES[name], ["torchscript", "pt2", "onnx"]):
        assert verdict == "right" or verdict.startswith("refused:") or format == "compile", verdict


@pytest.mark.parametrize("format", ["onnx", "pipeline"])
def test_what_a_format_cannot_hold_is_refused_with_its_layer_before_anything_is_written(format):
    import graphspec

    case: Case = CASES["LSTM hidden_size=5 proj_size=3 batch_first=True | N T 8 .h_n .c_n"]
    shaped = graphspec.shape(graphspec.load(case.spec))
    with pytest.raises(GraphspecError) as caught:
        check_formats(shaped, ["torchscript", format])
    (found,) = caught.value.diagnostics
    assert (found.code, found.at) == ("not-exportable", ("layers", "y0"))
    assert found.message == (
        f'layer "y0" (LSTM) cannot be written as {format}: ONNX\'s LSTM has no projection (proj_size)'
    )
    assert found.hint == 'formats = ["torchscript"]'
    check_formats(shaped, ["torchscript", "pt2"])
