"""A fault in the code of a TorchScript or .pt2 file, all weights right: refused, and the layer is named."""

from __future__ import annotations

import io
import json
import re
import warnings
from types import SimpleNamespace

import pytest
import torch

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import RUNTIMES
from graphspec.verifying.verify import Judge

SPEC = """
graphspec = 1
name = "mixed"
[inputs]
image = ["N", 1, 8, 8]
[layers]
conv    = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1 }
relu    = { type = "ReLU", inplace = true }
block   = { type = "Block", repeat = 2 }
flatten = "Flatten"
fc      = { type = "Linear", out_features = 3 }
twice   = { type = "Linear", out_features = 3 }
again   = { reuse = "twice", from = "twice" }
steps   = { type = "unsqueeze", dim = 1 }
lstm    = { type = "LSTM", hidden_size = 3, batch_first = true }
last    = { type = "add", from = ["lstm.output", "steps"] }
[blocks.Block.layers]
conv = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1 }
act  = "GELU"
add  = { type = "add", from = ["act", "conv"] }
"""
RUNTIME = {runtime.name: runtime for runtime in RUNTIMES if runtime.name in ("torchscript", "pt2")}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    network = compiler.load(SPEC, seed=1)
    shaped = network.shaped
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = tmp_path_factory.mktemp("mixed")
        bundle = write_bundle(network, folder, formats=tuple(RUNTIME), opset_version=20)
    with Judge(network, Runner(shaped, Workers(("pt2",)))) as judge:
        yield SimpleNamespace(bundle=bundle, judge=judge)


def _stem(record):
    """A record's name without what TorchScript adds to the second class of a name."""
    return re.sub(r"/___torch_mangle_\d+", "", record)


def rewritten(path, target, record, change):
    """The archive at `path` with one record changed, as torch reads and writes archives; None leaves one as it is."""
    reader = torch._C.PyTorchFileReader(io.BytesIO(path.read_bytes()))
    written = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(written)
    for name in reader.get_all_records():
        if name not in ("version", "byteorder", ".data/serialization_id", ".data/version"):
            content = reader.get_record(name)
            if _stem(name) == record and (found := change(content.decode())):
                content = found.encode()
            writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    target.write_bytes(written.getvalue())
    return target


def judged(network, format, record, change, tmp_path):
    path = rewritten(network.bundle.path(format), tmp_path / "damaged", record, change)
    return network.judge.files({RUNTIME[format]: path}, None)


def replaced(old, new):
    def change(text):
        return text.replace(old, new) if old in text else None

    return change


ACTIVATION = "code/__torch__/torch/nn/modules/activation.py"
FORWARD = "code/__torch__/torch/fx/graph_module.py"


@pytest.mark.parametrize(("record", "old", "new", "layer"), [
    (ACTIVATION, "functional.relu(input, True, )", "functional.relu(-input, True, )", "relu"),
    (ACTIVATION, "torch.gelu(input)", "torch.silu(input)",
     "block.0.act"),
    ("code/__torch__/graphspec/ops/functions/elementwise.py", "torch.add(input, other)",
     "torch.add(input, other, alpha=2)", "block.0.add"),
    (FORWARD, "block_1_add = (add0).forward(block_1_act, block_1_conv, )",
     "block_1_add = (add0).forward(block_1_act, block_1_act, )", "block.1.add"),
    (FORWARD, "(twice1).forward(twice0, )", "(twice1).forward(fc0, )", "again"),
    ("code/__torch__/torch/nn/modules/rnn.py", "(input0, [_19, _20]", "(-input0, [_19, _20]", "lstm"),
    (FORWARD, "(last).forward(getitem, steps0, )", "(last).forward(getitem, getitem, )", "last"),
])  # fmt: skip
def test_the_layer_of_a_fault_in_torchscript_code_is_named(network, tmp_path, record, old, new, layer):
    report = judged(network, "torchscript", record, replaced(old, new), tmp_path)
    assert (report.passed, report.first_divergent_layer) == (False, layer)
    assert report.blame.at[0] in ("layers", "blocks")


def operator(target, new):
    def change(nodes):
        nodes[target]["target"] = f"torch.ops.aten.{new}"

    return change


def operand(target, place, new):
    def change(nodes):
        nodes[target]["inputs"][place]["arg"] = {"as_tensor": {"name": new}}

    return change


@pytest.mark.parametrize(("change", "layer"), [
    (operator("relu_", "sigmoid_.default"), "relu"),
    (operator("gelu_1", "tanh.default"), "block.1.act"),
    (operator("add", "sub.Tensor"), "block.0.add"),
    (operand("linear_2", 0, "linear"), "again"),
    (operand("add_2", 0, "unsqueeze"), "last"),
])  # fmt: skip
def test_the_layer_of_a_fault_in_a_pt2_program_is_named(network, tmp_path, change, layer):
    def edited(text):
        model = json.loads(text)
        nodes = {
            next(iter(output.values()))["name"]: node
            for node in model["graph_module"]["graph"]["nodes"]
            for output in node["outputs"]
            if "as_tensor" in output
        }
        change(nodes)
        return json.dumps(model)

    report = judged(network, "pt2", "models/model.json", edited, tmp_path)
    assert (report.passed, report.first_divergent_layer) == (False, layer)


def test_right_files_pass(network):
    for format, runtime in RUNTIME.items():
        assert network.judge.files({runtime: network.bundle.path(format)}, None).passed
