"""ExecuTorch's ``model.pte``: judged like every file, planned for the sizes it says, run by the README's lines."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import check_formats, executorch
from graphspec.exporting.sampler import Sampler
from graphspec.formats import FORMATS
from graphspec.ops.imports import import_file
from graphspec.verifying import verify_bundle, verify_file
from graphspec.verifying.cases import cases
from graphspec.verifying.judge import Oracle
from graphspec.verifying.planned_sizes import at_greatest, fits
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import RUNTIMES
from graphspec.verifying.runtimes.workers import Workers
from graphspec.verifying.verify import Judge

lowered = import_file(Path(__file__).with_name("lowered.py"))
SPEC = lowered.SPEC
STEPS = """
graphspec = 1
[inputs]
x = ["N", {steps}, 4]
[layers]
rnn = {{ type = "{type}", hidden_size = 3, batch_first = true }}
"""
INSTALLED = importlib.util.find_spec("executorch") is not None
needs_executorch = pytest.mark.skipif(not INSTALLED, reason=f"not installed: {executorch.EXTRA}")


@pytest.mark.parametrize("type_", ["LSTM", "GRU", "RNN"])
def test_steps_of_an_open_number_are_refused_at_their_layer(type_):
    with pytest.raises(GraphspecError) as caught:
        check_formats(compiler.load(STEPS.format(steps='"T"', type=type_)).shaped, ["executorch"])
    (found,) = caught.value.diagnostics
    assert (found.code, found.at) == ("not-exportable", ("layers", "rnn"))
    assert "their number T is open" in found.message
    check_formats(compiler.load(STEPS.format(steps=5, type=type_)).shaped, ["executorch"])


DEEP = {
    "Conv3d": {"out_channels": 2, "kernel_size": 2},
    "ConvTranspose3d": {"out_channels": 2, "kernel_size": 2, "groups": 2},
    "conv3d": {"from": ["x", "weight"]},
    "conv_transpose3d": {"from": ["x", "weight"]},
}


@pytest.mark.parametrize("type_", DEEP)
def test_a_convolution_of_three_dimensions_is_refused_at_its_layer(type_):
    layers = {"weight": {"type": "Parameter", "shape": [2, 2, 1, 1, 1]}} if "from" in DEEP[type_] else {}
    layers["deep"] = {"type": type_, "from": "x", **DEEP[type_]}
    spec = {"graphspec": 1, "inputs": {"x": ["N", 2, 4, 4, 4]}, "layers": layers}
    with pytest.raises(GraphspecError) as caught:
        check_formats(compiler.load(spec).shaped, ["executorch"])
    (found,) = caught.value.diagnostics
    assert found.at == ("layers", "deep")
    assert "no kernel for a convolution of three dimensions" in found.message


def test_the_worker_may_take_what_the_file_is_planned_for():
    network = compiler.load(SPEC, seed=1)
    row = next(row for row in RUNTIMES if row.name == "executorch")
    asked = {}
    with Judge(network, Runner(network.shaped, Workers(()))) as judge:
        judge.runner.limit_memory = lambda cases, runtime: asked.update({runtime: list(cases)})
        judge._planned(row)
    (largest,) = asked[row]
    assert largest["image"].shape == (FORMATS["executorch"].greatest, 1, 8, 8)


def test_no_case_is_past_the_plan_and_one_is_at_its_end():
    network = compiler.load(SPEC, seed=1)
    oracle = Oracle(network)
    expectations = oracle.expectations(cases(network.shaped, Sampler.of(oracle.reference.network), None))
    within = [each for each in expectations if fits(each.case, network.shaped, 3)]
    assert 0 < len(within) < len(expectations)
    assert all(len(each.case.inputs["image"]) <= 3 for each in within)
    largest = at_greatest(expectations, network.shaped, 64)
    assert largest.case.name.endswith("N = 64")
    own = oracle.reference(largest.case.inputs)
    for name, value in largest.outputs.single.items():
        np.testing.assert_allclose(value, own.single[name], atol=1e-6)
        np.testing.assert_allclose(largest.outputs.double[name], own.double[name], atol=1e-12)


@pytest.fixture(scope="module")
def pocket(tmp_path_factory):
    network = compiler.load(SPEC, seed=1)
    return network, lowered.written(network, tmp_path_factory.mktemp("pocket") / "pocket", "executorch")


@needs_executorch
@pytest.mark.slow
def test_it_is_judged_up_to_the_greatest_batch(pocket):
    network, bundle = pocket
    report = verify_bundle(network, bundle)
    report.raise_if_failed()
    (found,) = report.runtimes
    assert (found.runtime, found.passed, found.optional) == ("executorch", True, False)
    greatest = FORMATS["executorch"].greatest
    assert {"normal × 1, N = 1", "normal × 1, N = 17", f"normal × 1, N = {greatest}"} <= {
        comparison.case for comparison in found.comparisons
    }


@needs_executorch
@pytest.mark.slow
def test_a_file_alone_is_judged_by_its_outputs(pocket):
    network, bundle = pocket
    report = verify_file(network, bundle.path("executorch"), bundle)
    assert report.passed
    assert report.unaccounted == ("the weights of model.pte, of which its outputs alone tell",)
    assert not verify_file(compiler.load(SPEC, seed=2), bundle.path("executorch")).passed


@needs_executorch
@pytest.mark.slow
def test_the_lines_of_the_readme_give_the_networks_answer(pocket):
    network, bundle = pocket
    text = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert "planned for N ≤ 64" in text
    code, printed = lowered.run_readme(bundle.folder, "print(*outputs['scores'].reshape(-1).tolist())")
    rows = int(re.search(r"np.zeros\(\((\d+),", code)[1])
    with torch.no_grad():
        expected = network.copy().module.eval()(torch.zeros(rows, 1, 8, 8))["scores"].numpy()
    np.testing.assert_allclose(np.array(printed, float), expected.ravel(), atol=1e-6)


@needs_executorch
@pytest.mark.slow
def test_the_layer_that_is_lowered_wrong_is_named(tmp_path, monkeypatch):
    right = executorch._edge

    def wrong(program, extra):
        for name, weight in program.state_dict.items():
            if name == "fc.weight":
                program.state_dict[name] = torch.nn.Parameter(weight * 1.001, requires_grad=False)
        return right(program, extra)

    monkeypatch.setattr(executorch, "_edge", wrong)
    network = compiler.load(SPEC, seed=1)
    report = verify_bundle(network, lowered.written(network, tmp_path / "wrong", "executorch"))
    assert not report.passed
    assert (report.blame.layer, report.blame.at) == ("fc", ("layers", "fc"))


TWO_OPEN = """
graphspec = 1
[inputs]
wave = ["N", 3, "L"]
[layers]
conv  = { type = "Conv1d", out_channels = 4, kernel_size = 3, padding = 1 }
bn    = "BatchNorm1d"
wider = { type = "unsqueeze", dim = 3 }
out   = { type = "mul", other = 2.0 }
"""


@needs_executorch
@pytest.mark.slow
def test_layers_that_xnnpack_is_told_as_reshapes_may_have_two_open_dims(tmp_path):
    network = compiler.load(TWO_OPEN, seed=1)
    report = verify_bundle(network, lowered.written(network, tmp_path / "two", "executorch"))
    report.raise_if_failed()
    assert len({comparison.case for comparison in report.runtimes[0].comparisons}) > 5


LISTS = """
graphspec = 1
[inputs]
x = ["N", 8]
[layers]
parts = { type = "split", split_size_or_sections = [3, 5], dim = 1 }
cell  = { type = "LSTMCell", hidden_size = 4, from = { input = "parts.1" } }
out   = { type = "cat", from = ["parts.0", "cell.h_1"], dim = 1 }
"""


@needs_executorch
@pytest.mark.slow
def test_operators_that_give_lists_leave_the_batch_open(tmp_path):
    network = compiler.load(LISTS, seed=1)
    verify_bundle(network, lowered.written(network, tmp_path / "lists", "executorch")).raise_if_failed()


def chain(**layers):
    return {"graphspec": 1, "inputs": {"x": ["N", 2, 4, 4]}, "layers": layers}


@needs_executorch
@pytest.mark.slow
def test_a_refusal_that_names_no_operator_is_said_at_its_layer(tmp_path):
    spec = chain(before="ReLU", flat={"type": "flatten", "start_dim": 2}, slope="PReLU", after="ReLU")
    with pytest.raises(GraphspecError) as caught:
        lowered.written(compiler.load(spec, seed=1), tmp_path / "slope", "executorch")
    assert caught.value.diagnostics[0].at == ("layers", "slope")


@needs_executorch
@pytest.mark.slow
def test_a_layer_that_the_runtime_cannot_run_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(executorch, "_DEEP", ())
    deep = {"type": "Conv3d", "out_channels": 2, "kernel_size": 2}
    spec = chain(before="ReLU", high={"type": "unsqueeze", "dim": 1}, pad={"type": "pad", "pad": [1, 1, 1, 1, 1, 1]},
                 deep=deep, after="ReLU")  # fmt: skip
    network = compiler.load(spec, seed=1)
    report = verify_bundle(network, lowered.written(network, tmp_path / "deep", "executorch"))
    assert not report.passed
    assert (report.blame.layer, report.blame.at) == ("deep", ("layers", "deep"))
