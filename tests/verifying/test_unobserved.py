"""Layers that no output shows are judged by their own values; a wrong TorchScript or .pt2 file has its layer named."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import ONNXRUNTIME, RUNTIMES, UNOPTIMISED
from graphspec.verifying.unobserved import unobserved_layers
from graphspec.verifying.verify import Judge

SPEC = """
graphspec = 1
name = "faint"
[inputs]
x = ["N", 6]
[layers]
first  = { type = "Linear", out_features = 8 }
relu   = { type = "ReLU", inplace = true }
faint  = { type = "Linear", out_features = 8 }
tanh   = "Tanh"
second = { type = "Linear", out_features = 4 }
"""
FORMATS = {"onnx": UNOPTIMISED, **{r.name: r for r in RUNTIMES if r.name in ("torchscript", "pt2")}}


def changed(network, name, factor):
    other = network.copy()
    with torch.no_grad():
        other.module.get_parameter(name).mul_(factor)
    return other


@pytest.fixture(scope="module")
def faint(tmp_path_factory):
    """The signal fades in the middle: what the first layer gives moves the output by less than rounding does.

    A layer that works in place must not change what was recorded of the one before it.
    """
    network = changed(compiler.load(SPEC, seed=1), "faint.weight", 1e-9)
    with Judge(network, Runner(network.shaped, Workers(("onnx", "pt2")))) as judge:
        yield SimpleNamespace(network=network, judge=judge, folder=tmp_path_factory.mktemp("faint"))


def judged(faint, network, name):
    """What is said of the three files of `network` by the one that fades."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = faint.folder / name
        bundle = write_bundle(network, folder, formats=tuple(FORMATS), opset_version=20)
    return {
        format: faint.judge.files({runtime: bundle.path(format)}, 20 if format == "onnx" else None)
        for format, runtime in FORMATS.items()
    }


def test_the_layers_before_a_faint_one_are_unobserved(faint):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unobserved_layers(faint.judge._oracle.reference, faint.judge.expectations) == {"first"}


@pytest.mark.slow
def test_a_right_file_of_a_network_with_unobserved_layers_passes(faint):
    for format, report in judged(faint, faint.network, "right").items():
        assert (report.passed, report.faults, format) == (True, (), format)


def test_a_fault_that_no_output_shows_is_found_and_its_layer_named(faint):
    for format, report in judged(faint, changed(faint.network, "first.weight", 1.01), "wrong").items():
        assert all(runtime.passed for runtime in report.runtimes), format
        assert (report.passed, report.first_divergent_layer) == (False, "first")
        assert "which no output shows" in report.faults[0]


def test_the_wrong_layer_of_any_file_is_named(faint):
    for format, report in judged(faint, changed(faint.network, "second.bias", 1.01), "visible").items():
        assert (report.passed, report.first_divergent_layer, format) == (False, "second", format)
        assert report.runtimes[0].faults


def test_a_network_whose_outputs_show_every_layer_is_not_probed(small, judge):
    assert unobserved_layers(judge._oracle.reference, judge.expectations) == set()
    report = judge.files({UNOPTIMISED: small.bundle.path("onnx"), ONNXRUNTIME: small.bundle.path("onnx")}, 20)
    assert report.passed


HELD_OFF = """
graphspec = 1
name = "held_off"
[inputs]
x = ["N", 4]
[layers]
up    = { type = "Linear", out_features = 4 }
level = { type = "Buffer", data = [1000.0, 0.0, 0.0, 0.0] }
low   = { type = "sub", from = ["up", "level"], broadcast = true }
act   = "ReLU"
out   = { type = "Linear", out_features = 2 }
"""


@pytest.mark.slow
def test_a_buffer_that_is_not_saved_is_compared_in_torchs_formats(tmp_path):
    network = compiler.load(HELD_OFF, seed=1)
    for name, value in list(network.module.named_buffers()):  # as a layer of the user's own may have it
        network.module.register_buffer(name, value, persistent=False)
    other = network.copy()
    next(other.module.buffers())[0] = 900.0
    with Judge(network, Runner(network.shaped, Workers(("torchscript", "pt2")))) as judge:
        reports = judged(SimpleNamespace(judge=judge, folder=tmp_path), other, "other")
    for format in ("torchscript", "pt2"):
        assert (reports[format].passed, reports[format].first_divergent_layer) == (False, "level"), format


DEAD = """
graphspec = 1
name = "dead"
[inputs]
x = ["N", 6]
[layers]
first = { type = "Linear", out_features = 5 }
shift = { type = "sub", other = 1e8 }
off   = "ReLU"
dead  = { type = "Linear", out_features = 4, bias = false }
leaky = { type = "LeakyReLU", negative_slope = 0.1 }
plain = { type = "Linear", from = "x", out_features = 4 }
add   = { type = "add", from = ["leaky", "plain"] }
"""


@pytest.mark.slow
def test_a_dead_layer_is_run_alone_on_inputs_of_its_own(tmp_path):
    """What leaves it is 0 on whatever inputs the network has; alone, it shows what it does."""
    network = compiler.load(DEAD, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right = write_bundle(network, tmp_path / "right", formats=("onnx",), opset_version=20).path("onnx")
        other = changed(network, "dead.weight", 1.001)
        wrong = write_bundle(other, tmp_path / "wrong", formats=("onnx",), opset_version=20).path("onnx")
    with Judge(network, Runner(network.shaped, Workers(("onnx",)))) as judge:
        assert judge.files({UNOPTIMISED: right, ONNXRUNTIME: right}, 20).passed
        report = judge.files({UNOPTIMISED: wrong, ONNXRUNTIME: wrong}, 20)
    assert all(runtime.passed for runtime in report.runtimes)
    assert (report.passed, report.first_divergent_layer) == (False, "dead")
    assert 'layer "dead" differs on inputs of its own' in report.faults[0]


WIDE = """
graphspec = 1
name = "wide"
[inputs]
x = ["N", 3, 70, 90]
[layers]
first = { type = "Conv2d", out_channels = 3, kernel_size = 5, dilation = 3, padding = 6, padding_mode = "reflect" }
shift = { type = "sub", other = 1e8 }
off   = "ReLU"
dead  = { type = "Conv2d", out_channels = 3, kernel_size = 3, padding = 1, bias = false }
norm  = "BatchNorm2d"
plain = { type = "Conv2d", from = "x", out_channels = 3, kernel_size = 3, padding = 1 }
add   = { type = "add", from = ["norm", "plain"] }
"""


@pytest.mark.parametrize("bound", [False, True], ids=["free", "bound to its size"])
def test_a_dead_convolution_is_run_alone_on_few_places_where_its_file_takes_them(bound, tmp_path):
    network = compiler.load(WIDE, seed=1)
    other = network.copy()
    with torch.no_grad():
        other.module.dead.weight[2, 1, 0, 2] *= 1.01
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = [write_bundle(n, tmp_path / str(k), formats=("onnx",), opset_version=20).path("onnx")
                 for k, n in enumerate((network, other))]  # fmt: skip
    for path in paths if bound else ():
        fix_sizes(path)
    seen = []
    with Judge(network, Runner(network.shaped, Workers(("onnx",)))) as judge:
        write = judge.runner.write
        judge.runner.write = lambda name, cases: seen.append((name, list(cases))) or write(name, cases)
        reports = [judge.files({UNOPTIMISED: path}, None) for path in paths]
    assert [report.first_divergent_layer for report in reports] == [None, "dead"]
    shapes = {tuple(value.shape[2:]) for name, cases in seen if name == "alone.npz" for value in cases[0].values()}
    assert (70, 90) in shapes if bound else shapes == {(16, 16), (52, 52)}


def fix_sizes(path):
    """Let what enters the layer "dead" pass a Reshape to the size that the whole network has there."""
    model = onnx.load(path)
    k, node = next((k, n) for k, n in enumerate(model.graph.node) if "dead.weight" in n.input)
    sizes = onnx.numpy_helper.from_array(np.array([-1, 3, 70, 90]), "sizes")
    model.graph.initializer.append(sizes)
    reshape = onnx.helper.make_node("Reshape", [node.input[0], "sizes"], ["reshaped"], name="reshape")
    reshape.metadata_props.extend(node.metadata_props)
    node.input[0] = "reshaped"
    model.graph.node.insert(k, reshape)
    onnx.save(model, path)
