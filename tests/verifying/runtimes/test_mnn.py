"""MNN keeps to float32 where its own defaults do not."""

from __future__ import annotations

import pytest

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import RUNTIMES
from graphspec.verifying.verify import Judge

MNN = next(runtime for runtime in RUNTIMES if runtime.name == "mnn")
#: Its default computes such a convolution in tiles of 8 × 8, and is off by 3e-4 of the greatest element.
SPEC = """
graphspec = 1
[inputs]
image = ["N", 6, 14, 14]
[layers]
conv = { type = "Conv2d", out_channels = 16, kernel_size = 5 }
"""


@pytest.mark.skipif(not MNN.installed, reason=MNN.missing)
def test_a_convolution_is_computed_in_tiles_that_lose_nothing(tmp_path):
    network = compiler.load(SPEC, seed=1)
    bundle = write_bundle(network, tmp_path, formats=["onnx"], opset_version=20)
    with Judge(network, Runner(network.shaped, Workers(()))) as judge:
        found = judge.run(MNN, bundle.path("onnx"))
    assert (found.passed, found.faults, found.limits) == (True, [], [])
