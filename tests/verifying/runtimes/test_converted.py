"""Runtimes that convert the ONNX file first, on what their converters or their own defaults get wrong."""

from __future__ import annotations

import pytest

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
