"""One small network with its export, whose ONNX file the tests damage."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import onnx
import pytest

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import RUNTIMES
from graphspec.verifying.verify import Judge

NETWORK = """
graphspec = 1
name = "small"
[inputs]
image = ["N", 1, 8, 8]
[layers]
conv1   = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1 }
relu    = "ReLU"
conv2   = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1 }
add     = { type = "add", from = ["conv2", "relu"] }
flatten = "Flatten"
fc      = { type = "Linear", out_features = 3 }
"""


def built(text):
    return compiler.load(text, seed=1)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    network = built(NETWORK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        formats = ("onnx", "torchscript", "pt2")
        bundle = write_bundle(network, folder, formats=formats, opset_version=20)
    return SimpleNamespace(network=network, shaped=network.shaped, module=network.module, bundle=bundle, folder=folder)


@pytest.fixture(scope="session")
def judge(small):
    with Judge(small.network, Runner(small.shaped, Workers(("onnx",)))) as ready:
        yield ready


@pytest.fixture(scope="session")
def installed():
    """A function that gives the runtime of a name; the test is skipped where it is not installed."""

    def runtime_of(name):
        runtime = next(runtime for runtime in RUNTIMES if runtime.name == name)
        if not runtime.installed:
            pytest.skip(f"{name} is not installed: {runtime.missing}")
        return runtime

    return runtime_of


@pytest.fixture
def damaged(small, tmp_path):
    """A function that writes the ONNX file with one change made to its graph."""

    def damage(change):
        model = onnx.load(small.bundle.path("onnx"))
        change(model.graph)
        onnx.save(model, tmp_path / "damaged.onnx")
        return tmp_path / "damaged.onnx"

    return damage
