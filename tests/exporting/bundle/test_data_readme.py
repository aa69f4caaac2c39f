"""The bundle's README on the data: its Python, run on raw samples, gives what training saw and what the classes are."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

import graphspec

IRIS = """
graphspec = 1
name = "iris"
[inputs]
x = ["N", 4]
[layers]
fc1  = { type = "Linear", out_features = 16 }
relu = "ReLU"
fc2  = { type = "Linear", out_features = 3 }
[data]
dataset    = "iris"
transforms = ["StandardScaler"]
[train]
epochs    = 20
loss      = "CrossEntropyLoss"
optimizer = { type = "Adam", lr = 0.02 }
metrics   = ["accuracy"]
[export]
formats = ["onnx"]
"""


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iris")
    (folder / "iris.toml").write_text(IRIS)
    report = graphspec.train(folder / "iris.toml", run=folder / "run", device="cpu")
    return graphspec.export(report.run, folder / "export")


def text_of(bundle):
    return (bundle.folder / "README.md").read_text(encoding="utf-8")


def test_classes_and_numbers_of_every_transform_are_named(iris):
    (scaler,) = iris.manifest["transforms"]
    text = text_of(iris)
    assert "0 setosa, 1 versicolor, 2 virginica" in text
    assert f"mean {scaler['mean']}, std {scaler['std']}" in text


def run_snippet(bundle, change=lambda code: code):
    """The lines of "Python, onnxruntime", run in the bundle's folder where there is no torch; the classes printed."""
    snippet = re.search(r"## Python, onnxruntime\n\n```python\n(.*?)```", text_of(bundle), re.S).group(1)
    code = "import sys\nsys.modules['torch'] = sys.modules['torchvision'] = None\n" + change(snippet)
    done = subprocess.run([sys.executable, "-c", code], cwd=bundle.folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return re.findall(r"'([^']+)'", done.stdout)


def test_the_snippet_classifies_raw_rows_as_well_as_the_network_does(iris, tmp_path):
    from sklearn.datasets import load_iris

    rows = load_iris()
    np.savez(tmp_path / "rows.npz", x=rows.data)
    said = run_snippet(iris, lambda code: code.replace("sample.npz", str(tmp_path / "rows.npz")))
    assert np.mean([rows.target_names[k] == name for k, name in zip(rows.target, said, strict=True)]) > 0.9


def test_the_classes_that_it_says_the_snippet_prints_are_those_that_it_prints(iris):
    (said,) = re.findall(r"^It prints.*: `(\[.*\])`$", text_of(iris), re.M)
    assert run_snippet(iris) == re.findall(r"'([^']+)'", said)


SECONDS = """
graphspec = 1
[inputs]
x = ["N", 1]
[layers]
fc1  = { type = "Linear", out_features = 8 }
relu = "ReLU"
fc2  = { type = "Linear", out_features = 3 }
[data]
dataset    = { type = "npz", file = "data.npz" }
transforms = ["StandardScaler"]
[train]
epochs = 1
[export]
formats = ["onnx"]
"""
PICTURES = """
graphspec = 1
[inputs]
x = ["N", 1, 9, 9]
[layers]
flatten = "Flatten"
fc      = { type = "Linear", out_features = 3 }
[data]
dataset    = { type = "npz", file = "data.npz" }
transforms = [{ type = "Resize", size = 11 }, { type = "CenterCrop", size = 9 }, SCALING]
[train]
epochs = 1
[export]
formats = ["onnx"]
"""
NORMALIZE = '{ type = "Normalize", mean = [0.4], std = [0.3] }'
GENERATOR = np.random.default_rng(0)
NOISE = GENERATOR.integers(0, 256, (120, 1, 12, 14))
KINDS = {
    "seconds since 1970, whole": (SECONDS, 1_700_000_000 + np.arange(120)[:, None] % 7),
    "seconds since 1970, float64": (SECONDS, 1_700_000_000 + np.arange(120.0)[:, None] % 7 / 4),
    "pictures, uint8": (PICTURES.replace("SCALING", NORMALIZE), NOISE.astype(np.uint8)),
    "pictures, int64": (PICTURES.replace("SCALING", '"StandardScaler"'), NOISE * 300),
    "pictures, float32": (PICTURES.replace("SCALING", NORMALIZE), (NOISE / 255).astype(np.float32)),
    "pictures, not scaled": (PICTURES.replace(", SCALING", ""), NOISE.astype(np.uint8)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_snippet_gives_the_network_s_classes_of_the_bundle_s_own_samples(kind, tmp_path):
    spec, values = KINDS[kind]
    np.savez(tmp_path / "data.npz", x=values, y=np.arange(120) % 3)
    bundle = graphspec.export(spec, tmp_path / "export", data=tmp_path)
    entering = torch.from_numpy(np.load(bundle.folder / "golden.npz")["2.input.x"])
    chosen = graphspec.compile(spec).eval()(entering).argmax(1)
    assert run_snippet(bundle) == [bundle.manifest["labels"][k] for k in chosen]
    assert len(entering) == 8
    assert len(entering.unique()) > 1


def test_without_data_there_is_nothing_to_say(tmp_path):
    text = text_of(graphspec.export(IRIS.partition("[data]")[0] + '[export]\nformats = ["onnx"]', tmp_path / "e"))
    assert "## Preprocessing" not in text
    assert "## Classes" not in text
