"""LiteRT's ``model.tflite``: judged like every file, of any batch, run by the README's lines."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import litert
from graphspec.ops.imports import import_file
from graphspec.system.quiet import quiet
from graphspec.verifying import Workers, verify_bundle, verify_file
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import RUNTIMES
from graphspec.verifying.verify import Judge

lowered = import_file(Path(__file__).with_name("lowered.py"))
SPEC = lowered.SPEC.replace("padding = 1 }", "padding = 1, bias = false }")
INSTALLED = importlib.util.find_spec("litert_torch") is not None
needs_litert = pytest.mark.skipif(not INSTALLED, reason=f"not installed: {litert.EXTRA}")


def test_a_dim_beside_the_batch_is_refused_at_its_input():
    with pytest.raises(GraphspecError) as caught:
        litert._batch(compiler.load(SPEC.replace('"N", 1, 8, 8', '"N", 1, "H", 8')).shaped)
    (found,) = caught.value.diagnostics
    assert (found.code, found.at) == ("not-exportable", ("inputs", "image"))
    assert 'the dim "H" of input "image"' in found.message
    assert litert._batch(compiler.load(SPEC).shaped) == "N"


@pytest.mark.parametrize(("ends", "two"), [
    ((1, None), (3, 5)), ((4, None), (5, 7)), ((1, 4), (3, 4)), ((1, 2), (1, 2)), ((7, 8), (7, 8)),
])  # fmt: skip
def test_it_is_converted_at_two_batches_of_the_range(ends, two):
    assert litert._two(*ends) == two


@pytest.fixture(scope="module")
def pocket(tmp_path_factory):
    network = compiler.load(SPEC, seed=1)
    return network, lowered.written(network, tmp_path_factory.mktemp("pocket") / "pocket", "litert")


@needs_litert
@pytest.mark.slow
def test_it_is_judged_at_many_batches(pocket):
    network, bundle = pocket
    report = verify_bundle(network, bundle)
    report.raise_if_failed()
    (found,) = report.runtimes
    assert (found.runtime, found.passed, found.optional, found.limits) == ("litert", True, False, [])
    assert {"normal × 1, N = 1", "normal × 1, N = 17"} <= {comparison.case for comparison in found.comparisons}


@needs_litert
@pytest.mark.slow
def test_the_lines_of_the_readme_give_the_networks_answer(pocket):
    network, bundle = pocket
    text = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert "channels first (N × C × H × W)" in text
    assert "The batch N is open" in text
    assert "channels first" in bundle.manifest["layouts"]["model.tflite"]
    line = "print(*outputs['scores'].reshape(-1).tolist(), *outputs['features'].shape)"
    code, (*scores, n, features) = lowered.run_readme(bundle.folder, line)
    rows = int(re.search(r"np.zeros\(\((\d+),", code)[1])
    with torch.no_grad():
        expected = network.copy().module.eval()(torch.zeros(rows, 1, 8, 8))["scores"].numpy()
    np.testing.assert_allclose(np.array(scores, float), expected.ravel(), atol=1e-6)
    assert (int(n), int(features)) == (rows, 8)


@needs_litert
@pytest.mark.slow
def test_the_layer_that_is_converted_wrong_is_named(tmp_path, monkeypatch):
    right = litert._converted

    def wrong(captured, sizes):
        weight = captured.network.module.get_parameter("fc.weight").data
        kept = weight.clone()
        weight *= 1.001
        try:
            return right(captured, sizes)
        finally:
            weight.copy_(kept)

    monkeypatch.setattr(litert, "_converted", wrong)
    network = compiler.load(SPEC, seed=1)
    report = verify_bundle(network, lowered.written(network, tmp_path / "wrong", "litert"))
    assert not report.passed
    assert (report.blame.layer, report.blame.at) == ("fc", ("layers", "fc"))


@needs_litert
@pytest.mark.slow
@pytest.mark.parametrize("bits", [16, 8])
def test_a_file_whose_weights_were_lowered_is_refused_with_its_layer_and_agrees(bits, pocket):
    quantizer = pytest.importorskip("ai_edge_quantizer.quantizer")
    network, bundle = pocket
    kinds = {16: ("float_casting", "FLOAT"), 8: ("min_max_uniform_quantize", "INT")}
    config = {"num_bits": bits, "dtype": kinds[bits][1]} | ({"symmetric": True} if bits == 8 else {})
    how = {"weight_tensor_config": config, "compute_precision": "FLOAT", "explicit_dequantize": True}
    rule = {"regex": ".*", "algorithm_key": kinds[bits][0], "op_config": how}
    rules = [{**rule, "operation": operation} for operation in ("FULLY_CONNECTED", "CONV_2D")]
    path = bundle.folder / f"lowered_{bits}.tflite"
    path.unlink(missing_ok=True)
    with quiet():
        quantizer.Quantizer(str(bundle.path("litert")), rules).quantize().export_model(str(path))
    row = next(row for row in RUNTIMES if row.name == "litert")
    with Judge(network, Runner(network.shaped, Workers(()))) as judge:
        assert "is not there as the network has it" in judge.own.account_raw("litert", path).differences[0]
        assert not judge.run(row, path).passed
    report = verify_file(network, path, bundle)
    assert report.passed
    assert report.runtimes[0].as_dict()["precision"] == {16: "fp16", 8: "int8"}[bits]
    assert not verify_file(compiler.load(SPEC, seed=2), path).passed


@needs_litert
@pytest.mark.slow
def test_a_file_of_any_origin_is_judged_by_its_outputs(pocket, tmp_path):
    network, bundle = pocket
    own = bundle.path("litert")
    report = verify_file(network, own, bundle)
    assert report.passed
    assert report.unaccounted == ("the weights of model.tflite, of which its outputs alone tell",)
    assert not verify_file(compiler.load(SPEC, seed=2), own).passed
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(own.read_bytes()[:-4000])
    (found,) = verify_file(network, cut, bundle).runtimes
    assert not found.passed
