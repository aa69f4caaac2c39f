"""Variants in other precisions: made, measured beside float32, and refused where they answer otherwise."""

from __future__ import annotations

import importlib.util
import json
import math

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import graphspec
from graphspec import compiler, pipeline
from graphspec.diagnostics import GraphspecError, VerificationError
from graphspec.exporting import litert
from graphspec.exporting.bundle.manifest import sha256
from graphspec.exporting.postprocessing import Postprocessing
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.variants.comparison import Agreement
from graphspec.verifying.variants.variant_report import VariantReport, diagnostics
from graphspec.verifying.variants.variants import check_that_it_runs

SPEC = """
graphspec = 1
name = "net"
[inputs]
image = ["N", 1, 8, 8]
[layers]
conv    = { type = "Conv2d", out_channels = 16, kernel_size = 3, padding = 1, bias = false }
bn      = "BatchNorm2d"
relu    = "ReLU"
flatten = "Flatten"
logits  = { type = "Linear", out_features = 10 }
[data]
dataset = "digits"
[train]
epochs    = 2
optimizer = { type = "Adam", lr = 0.005 }
metrics   = ["accuracy"]
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A trained network, exported with both precisions."""
    folder = tmp_path_factory.mktemp("variants")
    run = pipeline.train(SPEC, run=folder / "run").run
    return pipeline.export(run, folder / "export", formats=["onnx"], precisions=["fp16", "int8"])


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_variant_is_a_valid_file_with_float32_s_names_dims_and_metadata(bundle, precision):
    whole, variant = (onnx.load(bundle.folder / name) for name in ("model.onnx", f"model.{precision}.onnx"))
    onnx.checker.check_model(variant, full_check=True)
    assert [*variant.graph.input] == [*whole.graph.input]
    assert [*variant.graph.output] == [*whole.graph.output]
    assert [*variant.metadata_props] == [*whole.metadata_props]
    assert (variant.producer_name, variant.doc_string) == (whole.producer_name, "")
    assert {entry.domain for entry in variant.opset_import} <= {"", "com.microsoft"}
    assert {entry.version for entry in variant.opset_import if not entry.domain} == {20}
    assert b"/tmp" not in variant.SerializeToString()


def test_the_arithmetic_is_what_was_asked_for(bundle):
    half = onnx.load(bundle.folder / "model.fp16.onnx").graph
    assert {t.data_type for t in half.initializer if t.name.endswith(".weight")} == {onnx.TensorProto.FLOAT16}
    eighth = onnx.load(bundle.folder / "model.int8.onnx").graph
    weights = [t for t in eighth.initializer if ".weight" in t.name and "scale" not in t.name and "zero" not in t.name]
    assert {t.data_type for t in weights} == {onnx.TensorProto.INT8}
    assert {len(t.dims) for t in eighth.initializer if t.name.endswith("weight_scale")} == {1}  # by channel


def test_every_figure_is_in_the_manifest_and_is_what_a_user_would_measure(bundle):
    test = graphspec.data(SPEC).test.open()
    images, labels = next(iter(test.inputs.values())), next(iter(test.targets.values())).numpy()
    float32 = onnxruntime.InferenceSession(bundle.path("onnx")).run(None, {"image": images.numpy()})[0]
    for precision, row in bundle.manifest["variants"].items():
        path = bundle.folder / f"model.{precision}.onnx"
        found = onnxruntime.InferenceSession(path).run(None, {"image": images.numpy()})[0]
        assert row["agreement"] == pytest.approx((found.argmax(1) == float32.argmax(1)).mean())
        own, other = row["metrics"]["accuracy"]
        assert own == pytest.approx((float32.argmax(1) == labels).mean())
        assert other == pytest.approx((found.argmax(1) == labels).mean())
        assert (row["samples"], row["part"]) == (len(labels), "the test part")
        assert row["bytes"] == path.stat().st_size < bundle.path("onnx").stat().st_size
        assert row["latency"] > 0
        assert bundle.manifest["files"][path.name]["sha256"] == sha256(path)


def test_variants_are_never_called_equal(bundle):
    assert not any("model." in name for name in bundle.manifest["verification"]["runtimes"])
    readme = (bundle.folder / "README.md").read_text()
    assert "They are not equal to the network, only close to it." in readme
    assert "`model.int8.onnx`" in readme


def test_a_flipped_bit_in_a_variant_is_found(bundle, tmp_path):
    path = bundle.folder / "model.int8.onnx"
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(VerificationError, match=r"model\.int8\.onnx was changed"):
            bundle.check_hashes()
    finally:
        path.write_bytes(content)


@pytest.mark.slow
def test_the_same_variants_come_out_twice(bundle, tmp_path):
    again = pipeline.export(
        bundle.folder.parent / "run", tmp_path / "again", formats=["onnx"], precisions=["fp16", "int8"]
    )
    for precision in ("fp16", "int8"):
        name = f"model.{precision}.onnx"
        assert (again.folder / name).read_bytes() == (bundle.folder / name).read_bytes()


def report(**changed):
    usual = {"precision": "int8", "file": "model.int8.onnx", "bytes": 10, "size": 0.3, "milliseconds": 1.0}
    usual |= {"latency": 0.8, "agreement": 0.99, "samples": 100, "part": "the test part"}
    return VariantReport(**usual | {"metrics": {"loss": (0.1, 0.1), "accuracy": (0.98, 0.98)}} | changed)


@pytest.mark.parametrize(("changed", "words"), [
    ({}, []),
    ({"latency": 1.3}, ["slower: 1.30 × the time of float32"]),
    ({"latency": 1.04}, []),
    ({"size": 1.5}, ["larger: 1.50 × the size of float32"]),
    ({"metrics": {"loss": (0.1, 0.2), "accuracy": (0.98, 0.97)}},
     ["worse: loss 0.2000 instead of 0.1000", "worse: accuracy 0.9700 instead of 0.9800"]),
    ({"metrics": {"accuracy": (0.97, 0.98)}}, []),
])  # fmt: skip
def test_one_that_is_slower_or_worse_says_so(changed, words):
    assert report(**changed).notes == words


def test_one_that_answers_otherwise_is_refused():
    assert diagnostics([report()]) == []
    (found,) = diagnostics([report(agreement=0.9)])
    assert "model.int8.onnx gives float32's class for 90.0% of 100 samples" in found.message
    assert found.at == ("export", "precisions")
    (found,) = diagnostics([report(agreement=-0.001, of_classes=False)])
    assert "gives values whose R² against float32's is -0.001 over 100 samples" in found.message


def reading(labels):
    text = SPEC.replace("out_features = 10", "out_features = 3")
    return Postprocessing.of(compiler.shape(compiler.load(text)), labels)


def test_agreement_counts_classes_where_there_are_some():
    agreement = Agreement(reading(["a", "b", "c"]))
    agreement.update(torch.eye(3), torch.eye(3) * 0.1)
    agreement.update(torch.eye(3), torch.eye(3).flip(0))
    assert agreement.share == pytest.approx(4 / 6)


def test_agreement_of_values_is_r2():
    generator = torch.Generator().manual_seed(0)
    truth, noise = torch.randn(50, 2, generator=generator) + 7, torch.randn(50, 2, generator=generator) * 0.1
    agreement = Agreement(reading(None))
    for rows in (slice(0, 20), slice(20, 50)):
        agreement.update(truth[rows], (truth + noise)[rows])
    flat = truth.flatten().double()
    expected = 1 - (noise.double().square().sum() / (flat - flat.mean()).square().sum())
    assert agreement.share == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_agrees_with_nothing(value):
    agreement = Agreement(reading(["a", "b", "c"]))
    agreement.update(torch.eye(3), torch.eye(3) + torch.tensor([value, 0, 0]))
    assert agreement.share == 0


def test_without_data_float16_is_compared_on_seeded_inputs_and_int8_refused(tmp_path):
    text = SPEC.split("[data]")[0]
    found = pipeline.export(text, tmp_path / "half", formats=["onnx"], precisions=["fp16"]).manifest["variants"]
    assert (found["fp16"]["part"], found["fp16"]["metrics"]) == ("seeded normals", {})
    assert found["fp16"]["agreement"] > 0.999
    with pytest.raises(GraphspecError, match=r"has no \[data\] section"):
        pipeline.export(text, tmp_path / "eighth", formats=["onnx"], precisions=["int8"])
    assert not (tmp_path / "eighth").exists()


def test_a_precision_needs_a_format_that_has_it(tmp_path):
    words = r'the precisions are of model\.onnx and model\.tflite; add "onnx" to the formats'
    with pytest.raises(GraphspecError, match=words):
        pipeline.export(SPEC, tmp_path / "export", formats=["pipeline"], precisions=["fp16"])


def test_a_variant_that_does_not_run_is_refused(bundle, tmp_path):
    (tmp_path / "model.fp16.onnx").write_bytes(bundle.path("onnx").read_bytes()[:-2000])
    words = r"model\.fp16\.onnx in onnxruntime: cannot load the file"
    inputs = {"image": np.zeros((1, 1, 8, 8), np.float32)}
    with (
        Runner(compiler.shape(compiler.load(SPEC)), Workers(())) as runner,
        pytest.raises(VerificationError, match=words),
    ):
        check_that_it_runs(tmp_path / "model.fp16.onnx", inputs, runner)


@pytest.mark.skipif(importlib.util.find_spec("litert_torch") is None, reason=f"not installed: {litert.EXTRA}")
@pytest.mark.slow
def test_litert_has_variants_of_its_own_which_are_measured_beside_its_float32(bundle, tmp_path, capsys):
    run = bundle.folder.parent / "run"
    made = pipeline.export(run, tmp_path / "export", formats=["onnx", "litert"], precisions=["fp16", "int8"])
    rows = made.manifest["variants"]
    assert {key: row["file"] for key, row in rows.items()} == {
        "fp16": "model.fp16.onnx", "int8": "model.int8.onnx",
        "fp16 litert": "model.fp16.tflite", "int8 litert": "model.int8.tflite",
    }  # fmt: skip
    whole = made.path("litert").stat().st_size
    for precision in ("fp16", "int8"):
        row, path = rows[f"{precision} litert"], made.folder / f"model.{precision}.tflite"
        assert row["bytes"] == path.stat().st_size < whole
        assert row["metrics"]["accuracy"][0] == rows["fp16"]["metrics"]["accuracy"][0]
        assert row["agreement"] > 0.98
        assert f"`{path.name}`" in (made.folder / "README.md").read_text()
        report = pipeline.verify(made.folder, file=path)
        assert (report.passed, report.runtimes[0].precision) == (True, precision)
    assert capsys.readouterr().out == ""
    path = made.folder / "model.fp16.tflite"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(VerificationError, match=r"model\.fp16\.tflite was changed"):
        made.check_hashes()


GELU = """
graphspec = 1
[inputs]
x = ["N", "T", 16]
[layers]
turn = { type = "permute", dims = [1, 0, 2] }
fc1  = { type = "Linear", out_features = 32 }
act  = "GELU"
fc2  = { type = "Linear", out_features = 4 }
"""


def test_what_onnxruntime_has_no_sound_float16_kernel_for_stays_float32(tmp_path):
    found = pipeline.export(GELU, tmp_path / "export", formats=["onnx"], precisions=["fp16"])
    assert found.manifest["variants"]["fp16"]["agreement"] > 0.999


LSTM = """
graphspec = 1
[inputs]
features = ["N", 13]
[layers]
rows = { type = "reshape", shape = [-1, 13, 1] }
lstm = { type = "LSTM", hidden_size = 8, batch_first = true }
last = { type = "select", from = "lstm", dim = 1, index = -1 }
out  = { type = "Linear", out_features = 3 }
[data]
dataset    = "wine"
transforms = ["StandardScaler"]
[train]
epochs = 1
"""


@pytest.mark.slow
def test_a_recurrent_network_is_quantised_for_each_input(tmp_path):
    bundle = pipeline.export(LSTM, tmp_path / "export", formats=["onnx"], precisions=["int8"])
    kinds = {node.op_type for node in onnx.load(bundle.folder / "model.int8.onnx").graph.node}
    assert "DynamicQuantizeLSTM" in kinds
    assert json.loads((bundle.folder / "manifest.json").read_text())["variants"]["int8"]["agreement"] > 0.95
    assert np.isfinite(bundle.manifest["variants"]["int8"]["latency"])
