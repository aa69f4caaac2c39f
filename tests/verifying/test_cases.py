"""Which inputs a network is asked about, and that an answer taken from a larger batch is the network's own."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.exporting.sampler import Sampler
from graphspec.verifying import cases as inputs
from graphspec.verifying import verify_bundle
from graphspec.verifying.cases import cases, is_costly
from graphspec.verifying.judge import Oracle

#: Rows are treated one by one, each by all of them, and in part.
NETWORKS = {
    "by itself": 'fc = { type = "Linear", out_features = 5 }',
    "mixed": 'fc = { type = "Linear", out_features = 5 }\nsoftmax = { type = "Softmax", dim = 0 }',
    "counted": 'fc = { type = "Linear", out_features = 5 }\nargmax = { type = "argmax", dim = 1 }',
}
COSTLY = """
graphspec = 1
name = "costly"
[inputs]
image = ["N", 1, 256, 256]
[layers]
conv1 = { type = "Conv2d", out_channels = 136, kernel_size = 3, padding = 1 }
relu  = "ReLU"
conv2 = { type = "Conv2d", out_channels = 136, kernel_size = 3, padding = 1 }
mean  = { type = "mean", dim = [2, 3] }
fc    = { type = "Linear", out_features = 3 }
"""


def shaped_as(text):
    return compiler.shape(compiler.load(text))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_truth_is_the_network_s_own_answer_to_that_case_alone(name):
    oracle = Oracle(compiler.load(f'graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\n{NETWORKS[name]}\n', seed=1))
    made = cases(oracle.reference.shaped, Sampler.of(oracle.reference.network), None)
    expectations = oracle.expectations(made)
    assert [expected.case.name for expected in expectations] == [case.name for case in made]
    for expected in expectations:
        alone = oracle.reference.in_double(expected.case.inputs)["output"]
        assert np.allclose(expected.outputs.double["output"], alone, rtol=1e-12, atol=0)


def rows(shaped, sample=None):
    made = cases(shaped, Sampler(shaped.inputs, dict.fromkeys(shaped.dims, 2), {}), sample)
    return {case.name: len(case.inputs["image"]) for case in made}


def test_smaller_batches_are_the_first_rows_of_the_largest():
    shaped = shaped_as(COSTLY.replace("256", "8"))
    made = {case.name: case for case in cases(shaped, Sampler(shaped.inputs, {"N": 2}, {}), None)}
    whole = made["normal × 1, N = 17"].inputs["image"]
    for name, size in {"normal × 1, N = 1": 1, "normal × 1": 2, "normal × 1, N = 3": 3, "normal × 1, again": 2}.items():
        assert torch.equal(made[name].inputs["image"], whole[:size])


def test_a_costly_network_is_asked_the_same_on_fewer_rows():
    costly = shaped_as(COSTLY)
    cheap = shaped_as(COSTLY.replace("256", "8"))
    sample = {"image": torch.zeros(20, 1, 256, 256)}
    assert (is_costly(costly, {"N": 2}), is_costly(cheap, {"N": 2})) == (True, False)
    assert rows(costly, sample) == {
        "normal × 0.1": 1, "normal × 1": 2, "normal × 10": 1, "zeros": 1, "real data": 2, "normal × 1, N = 1": 1,
        "normal × 1, N = 1, again": 1,
    }  # fmt: skip
    assert rows(cheap, sample) == {
        "normal × 0.1": 2, "normal × 1": 2, "normal × 10": 2, "zeros": 2, "real data": 8, "normal × 1, N = 1": 1,
        "normal × 1, N = 3": 3, "normal × 1, N = 17": 17, "normal × 1, again": 2,
    }  # fmt: skip
    for shaped, few in ((costly, 1), (cheap, 2)):
        further = inputs.further_cases(shaped, Sampler(shaped.inputs, {"N": 2}, {}))
        assert [len(case.inputs["image"]) for case in further] == [few] * 8


def test_a_dim_that_an_input_has_twice_is_no_batch_of_which_rows_could_be_taken():
    text = 'graphspec = 1\n[inputs]\nx = ["T", "T"]\n[layers]\nrelu = "ReLU"\n'
    made = cases(shaped_as(text), Sampler(shaped_as(text).inputs, {"T": 4}, {}), None)
    sizes = [4, 4, 4, 4, 1, 2, 3, 9, 17, 4]
    assert [tuple(case.inputs["x"].shape) for case in made] == [(size, size) for size in sizes]


def test_a_costly_network_passes_and_a_wrong_weight_of_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "COSTLY_FLOPS", 0.0)
    network = compiler.load(COSTLY.replace("256", "8"), seed=1)
    other = network.copy()
    with torch.no_grad():
        other.module.conv2.weight[5, 7, 1, 1] *= 1.5
    for name, exported in {"right": network, "wrong": other}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bundle = write_bundle(exported, tmp_path / name, formats=("onnx",), opset_version=20)
        report = verify_bundle(network, bundle)
        expected = (True, None) if exported is network else (False, "conv2")
        assert (report.passed, report.first_divergent_layer) == expected
        assert "normal × 1, N = 17" not in [comparison.case for comparison in report.runtimes[0].comparisons]
