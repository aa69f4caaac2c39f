"""Recurrent layers keep their sequence length open in ONNX, and compute the same there."""

from __future__ import annotations

import pytest

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.verifying import verify_bundle

LAYERS = {
    "LSTM": '{ type = "LSTM", hidden_size = 5, batch_first = true }',
    "GRU": '{ type = "GRU", hidden_size = 5, bidirectional = true }',
    "RNN, tanh": '{ type = "RNN", hidden_size = 5, num_layers = 2, batch_first = true }',
    "RNN, relu": '{ type = "RNN", hidden_size = 5, nonlinearity = "relu", bidirectional = true, bias = false }',
}


@pytest.mark.slow
@pytest.mark.parametrize("layer", [pytest.param(line, id=name) for name, line in LAYERS.items()])
def test_onnx_agrees_at_every_batch_size_and_sequence_length(layer, tmp_path):
    text = f'graphspec = 1\n[inputs]\nx = ["A", "B", 3]\n[layers]\nr = {layer}\n[outputs]\ny = "r"\nlast = "r.h_n"\n'
    network = compiler.load(text)
    report = verify_bundle(network, write_bundle(network, tmp_path, formats=["onnx"], opset_version=20))
    report.raise_if_failed()
    cases = {comparison.case for comparison in report.runtimes[0].comparisons}
    assert {"normal × 1, A = 1", "normal × 1, A = 3", "normal × 1, B = 1", "normal × 1, B = 3"} <= cases
