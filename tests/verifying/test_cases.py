"""Which inputs a network is asked about, and that an answer taken from a larger batch is the network's own."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from graphspec import compiler
from graphspec.exporting import costly as costs
from graphspec.exporting import write_bundle
from graphspec.exporting.bundle.golden import write_golden
from graphspec.exporting.costly import is_costly
from graphspec.exporting.reference import Reference
from graphspec.exporting.sampler import Sampler
from graphspec.verifying import cases as inputs
from graphspec.verifying import verify_bundle
from graphspec.verifying.blame.layer_values import layer_values
from graphspec.verifying.cases import cases
from graphspec.verifying.judge import Oracle, by_row, compare, inputs_of
from graphspec.verifying.rule import Status
from graphspec.verifying.runner import Outputs
from graphspec.verifying.unobserved import unobserved_layers

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


def test_ids_by_which_a_network_divides_are_never_0():
    text = (
        'graphspec = 1\n[inputs]\nx = { shape = ["N", "T"], dtype = "int64" }\n'
        'by = { shape = ["N", "T"], dtype = "int64" }\n[layers]\ny = { type = "remainder", from = ["x", "by"] }\n'
    )
    oracle = Oracle(compiler.load(text))
    sampler = Sampler.of(oracle.reference.network)
    made = cases(oracle.reference.shaped, sampler, None)
    assert sampler.divisors == {"by"}
    assert all(case.inputs["by"].all() for case in made)
    assert {0, 1, 99} <= {int(number) for case in made for number in case.inputs["x"].flatten()}
    assert {1, 99} <= {int(number) for case in made for number in case.inputs["by"].flatten()}
    assert len(oracle.expectations(made)) == len(made)


def test_another_rounding_is_asked_only_where_an_output_is_too_far_off():
    oracle = Oracle(compiler.load('graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\nn = "LayerNorm"\n', seed=1))
    expectations = oracle.expectations(cases(oracle.reference.shaped, Sampler.of(oracle.reference.network), None))
    right = {f"{k}.output": expected.outputs.single["output"] for k, expected in enumerate(expectations)}
    compare(expectations, Outputs(right, {}))
    assert not any(expected.rounding.known for expected in expectations if expected.rounding)
    wrong = right | {"1.output": right["1.output"] * np.float32(1.01)}
    found = [c.case for c in compare(expectations, Outputs(wrong, {})) if c.judgement.status is Status.FAIL]
    asked = {expected.case.family for expected in expectations if expected.rounding and expected.rounding.known}
    assert (found, asked) == (["normal × 1"], {"normal × 1"})


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
        "normal × 0.1": 1, "normal × 1": 1, "normal × 10": 1, "zeros": 1, "real data": 2,
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


@pytest.mark.slow
def test_a_costly_network_passes_and_a_wrong_weight_of_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "COSTLY_FLOPS", 0.0)
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


@pytest.fixture
def costly_oracle(monkeypatch):
    monkeypatch.setattr(costs, "COSTLY_FLOPS", 0.0)
    network = compiler.load(COSTLY.replace("256", "8"), seed=1)
    return Oracle(network)


def test_rows_of_one_batch_are_cases_that_are_run_once(costly_oracle):
    made = cases(costly_oracle.reference.shaped, costly_oracle.reference.sampler, None)
    expectations = costly_oracle.expectations(made, costly=True)
    run = [next(iter(inputs.values())).shape[0] if inputs else 0 for inputs in inputs_of(expectations)]
    assert dict(zip([e.case.name for e in expectations], run, strict=True)) == {
        "normal × 0.1": 1, "normal × 1": 2, "normal × 10": 0, "zeros": 1,
    }  # fmt: skip
    for expected in expectations:
        alone = costly_oracle.reference(expected.case.inputs)
        np.testing.assert_allclose(expected.outputs.double["output"], alone.double["output"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("damage", "failed"),
    [
        (lambda batch: batch, set()),
        (lambda batch: batch[::-1], {"normal × 1", "normal × 10"}),
        (lambda batch: batch * np.float32([[1], [1.001]]), {"normal × 10"}),
        (lambda batch: np.concatenate([batch, batch]), {"normal × 1", "normal × 10"}),
        (lambda batch: batch[:1], {"normal × 10"}),
        (lambda batch: batch[0, 0], {"normal × 1", "normal × 10"}),
        (None, {"normal × 1", "normal × 10"}),
    ],
)
def test_a_batch_of_several_magnitudes_is_judged_row_by_row(costly_oracle, damage, failed):
    made = cases(costly_oracle.reference.shaped, costly_oracle.reference.sampler, None)
    expectations = costly_oracle.expectations(made, costly=True)
    arrays, errors = {}, {}
    for k, entering in enumerate(inputs_of(expectations)):
        if not entering:
            continue
        batch = costly_oracle.reference.in_single(entering)["output"]
        if len(batch) == 2 and damage is None:
            errors[str(k)] = "no"
        else:
            arrays[f"{k}.output"] = damage(batch) if len(batch) == 2 and damage else batch
    found = compare(expectations, by_row(expectations, Outputs(arrays, errors)))
    assert {each.case for each in found if each.judgement.status is Status.FAIL} == failed


def test_what_an_export_has_computed_is_not_computed_again(costly_oracle, tmp_path, monkeypatch):
    write_golden(tmp_path / "golden.npz", costly_oracle.reference, None)
    asked = []
    own = costly_oracle.reference.in_double
    monkeypatch.setattr(
        costly_oracle.reference, "in_double", lambda inputs: asked.append(len(inputs["image"])) or own(inputs)
    )
    costly_oracle.expectations(
        cases(costly_oracle.reference.shaped, costly_oracle.reference.sampler, None), costly=True
    )
    assert asked == [1]  # zeros: the batch is one of the goldens, and one case is run layer by layer
    with np.load(tmp_path / "golden.npz") as golden:
        assert [golden[f"{k}.input.image"].shape[0] for k in (0, 1)] == [2, 1]
        np.testing.assert_allclose(golden["1.output.output"], golden["0.output.output"][:1], rtol=1e-12)


def test_layers_values_are_those_of_the_run_that_was_recorded(costly_oracle):
    made = cases(costly_oracle.reference.shaped, costly_oracle.reference.sampler, None)
    case = costly_oracle.expectations(made, costly=True)[0].case
    recorded = layer_values(costly_oracle.reference, case, ["conv2", "fc"])
    assert recorded is costly_oracle.reference.layers.values
    other = layer_values(Reference(costly_oracle.reference.network), case, ["conv2", "fc"])
    for name in ("conv2", "fc"):
        for (double, single, noise, unit), (double2, single2, noise2, unit2) in zip(
            recorded[name], other[name], strict=True
        ):
            assert np.array_equal(double, double2)
            assert np.array_equal(single, single2)
            assert (noise, unit) == (noise2, unit2)


def test_of_a_costly_network_every_layer_with_weights_is_judged_by_its_own_values(costly_oracle):
    assert unobserved_layers(costly_oracle.reference, [], costly=True) == {"conv1", "conv2", "fc"}
