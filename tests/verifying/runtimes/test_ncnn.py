"""ncnn runs sample by sample."""

from __future__ import annotations

import pytest

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import RUNTIMES
from graphspec.verifying.verify import Judge

NCNN = next(runtime for runtime in RUNTIMES if runtime.name == "ncnn")
SPEC = """
graphspec = 1
[inputs]
code = ["N", 6]
[layers]
fc    = { type = "Linear", out_features = 32 }
image = { type = "Unflatten", dim = 1, unflattened_size = [2, 4, 4] }
"""


@pytest.mark.skipif(not NCNN.installed, reason=NCNN.missing)
def test_a_reshape_holds_no_number_of_samples(tmp_path):
    network = compiler.load(SPEC, seed=1)
    bundle = write_bundle(network, tmp_path, formats=["onnx"], opset_version=20)
    with Judge(network, Runner(network.shaped, Workers(()))) as judge:
        found = judge.run(NCNN, bundle.path("onnx"))
    assert (found.passed, found.faults, found.limits) == (True, [], [])
