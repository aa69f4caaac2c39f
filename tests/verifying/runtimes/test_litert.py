"""LiteRT's ``model.tflite``: judged like every file, of any batch, run by the README's lines."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import litert, write_bundle
from graphspec.verifying import verify_bundle

SPEC = """
graphspec = 1
name = "pocket"
[inputs]
image = ["N", 1, 8, 8]
[layers]
conv    = { type = "Conv2d", out_channels = 2, kernel_size = 3, stride = 2, padding = 1, bias = false }
bn      = "BatchNorm2d"
relu    = "ReLU"
pool    = { type = "AdaptiveAvgPool2d", output_size = 2 }
flatten = "Flatten"
fc      = { type = "Linear", out_features = 3 }
[outputs]
scores   = "fc"
features = "flatten"
"""
INSTALLED = importlib.util.find_spec("litert_torch") is not None
needs_litert = pytest.mark.skipif(not INSTALLED, reason=f"not installed: {litert.EXTRA}")


def written(network, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return write_bundle(network, folder, formats=["litert"], opset_version=20)


@pytest.mark.skipif(INSTALLED, reason="litert-torch is installed")
def test_without_the_extra_one_error_says_what_to_type(tmp_path):
    with pytest.raises(GraphspecError) as caught:
        written(compiler.load(SPEC), tmp_path)
    (found,) = caught.value.diagnostics
    assert (found.code, found.at, found.hint) == ("missing-package", ("export", "formats"), litert.EXTRA)
    assert not (tmp_path / "model.tflite").exists()


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
    return network, written(network, tmp_path_factory.mktemp("pocket") / "pocket")


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
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    code += "print(*outputs['scores'].reshape(-1).tolist(), *outputs['features'].shape)\n"
    (bundle.folder / "main.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-I", "main.py"]
    done = subprocess.run(command, cwd=bundle.folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = int(re.search(r"np.zeros\(\((\d+),", code)[1])
    with torch.no_grad():
        expected = network.copy().module.eval()(torch.zeros(rows, 1, 8, 8))["scores"].numpy()
    *scores, n, features = done.stdout.split()
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
    report = verify_bundle(network, written(network, tmp_path / "wrong"))
    assert not report.passed
    assert (report.blame.layer, report.blame.at) == ("fc", ("layers", "fc"))


@needs_litert
@pytest.mark.slow
def test_another_networks_file_is_told_as_that(pocket):
    _, bundle = pocket
    report = verify_bundle(compiler.load(SPEC, seed=2), bundle)
    assert not report.passed
    assert "another network" in report.blame.detail
