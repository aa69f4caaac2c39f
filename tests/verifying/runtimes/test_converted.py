"""Runtimes that convert the ONNX file first, on what their converters or their own defaults get wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.verify import Judge

NETWORKS = {
    # by default such a convolution is computed in tiles of 8 × 8, and is off by 3e-4 of the greatest element
    "mnn": """
image = ["N", 6, 14, 14]
[layers]
conv = { type = "Conv2d", out_channels = 16, kernel_size = 5 }
""",
    # converted for several samples, a reshape holds their number
    "ncnn": """
code = ["N", 6]
[layers]
fc    = { type = "Linear", out_features = 32 }
image = { type = "Unflatten", dim = 1, unflattened_size = [2, 4, 4] }
""",
}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_computes_the_same_whatever_its_defaults(name, installed, tmp_path):
    runtime = installed(name)
    network = compiler.load(f"graphspec = 1\n[inputs]{NETWORKS[name]}", seed=1)
    bundle = write_bundle(network, tmp_path, formats=["onnx"], opset_version=20)
    with Judge(network, Runner(network.shaped, Workers(()))) as judge:
        found = judge.run(runtime, bundle.path("onnx"))
    assert (found.passed, found.faults, found.limits) == (True, [], [])


INSTEAD = {
    "GELU": lambda x: nn.functional.gelu(x, approximate="tanh"),  # it takes the exact one for that by tanh
    "normalize": lambda x: x / x.norm(),  # axes that are an input of ReduceL2 are not read: all are reduced
}


@pytest.mark.parametrize("type_", INSTEAD)
def test_mnn_computes_what_the_table_of_fidelity_says_instead(type_, installed, tmp_path):
    runtime = installed("mnn")
    network = compiler.load({"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": {"out": type_}}, seed=1)
    bundle = write_bundle(network, tmp_path, formats=["onnx"], opset_version=20)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32))
    with Runner(network.shaped, Workers(())) as runner:
        found = runner.run(runtime, bundle.path("onnx"), runner.write("x.npz", [{"x": x}])).of(0)["output"]
    assert np.abs(found - INSTEAD[type_](x).numpy()).max() < 1e-6
    assert np.abs(found - network.module(x).numpy()).max() > 1e-5
